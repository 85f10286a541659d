"""A Lambda function that makes thumbnails of photographs, upright whatever way the camera was held."""

import base64
import io

from PIL import Image, ImageOps

ORIENTATION = 0x0112  # EXIF tag: 1 is upright, 6 means "turn me a quarter to the right"


def handler(event, context):
    """{"image": base64, "width": pixels} gives {"image": base64 JPEG, "width", "height", "turned"}."""
    photo = Image.open(io.BytesIO(base64.b64decode(event["image"])))
    turned = photo.getexif().get(ORIENTATION, 1) != 1
    small = ImageOps.exif_transpose(photo).convert("RGB")
    width = min(int(event["width"]), small.width)  # a thumbnail is never larger than its photograph
    small = small.resize((width, max(1, round(small.height * width / small.width))), Image.Resampling.LANCZOS)
    print(f"{photo.format} {photo.width}x{photo.height} -> {small.width}x{small.height}{' turned' if turned else ''}")
    return {"image": _encoded(small), "width": small.width, "height": small.height, "turned": turned}


def _encoded(picture):
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=85, optimize=True)
    return base64.b64encode(target.getvalue()).decode()
