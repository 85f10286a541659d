"""List the container images that functions can be made of, add some, or remove their names.

SOURCE is an OCI layout (a directory, or DIRECTORY:TAG), an archive of `docker save`, `podman save` or `skopeo copy`, or
a reference to a registry: one on this machine, or any that skopeo can reach if it is installed. Layers that the server
has already are not sent again. A function then takes the image by its name, or by any ECR name that ends in it:
  --package-type Image --code ImageUri=000000000000.dkr.ecr.us-east-1.amazonaws.com/app:v1
"""

import argparse
import json
from typing import Any
from urllib.parse import urlencode

from lambent.cli.endpoint import CommandFailed, Endpoint, add_endpoint, endpoint_of, refusal
from lambent.cli.image_sources import Source, opened
from lambent.cli.output import table

POSITIONAL = "[list | add SOURCE... | remove NAME...]"
EXAMPLES = (
    "lambent images",
    "docker save app:v1 -o app.tar && lambent images add app.tar",
    "lambent images add ./layout:v1 --name app:v1",
    "lambent images add localhost:5000/app:v1",
    "lambent images remove app:v1",
)
PIECE = 16 << 20  # bytes of one request
_PATH = "/_lambent/images"
_MB = 1024 * 1024


def arguments(parser: argparse.ArgumentParser) -> None:
    add_endpoint(parser)
    parser.add_argument("--json", action="store_true", help="print the server's own list")
    parser.add_argument("--name", metavar="NAME[:TAG]", help="what to call the image that is added (default: its own)")
    parser.add_argument("action", nargs="?", choices=("list", "add", "remove"), default="list", help="(default: list)")
    parser.add_argument("names", nargs="*", metavar="SOURCE|NAME", help="what to add, or names to remove")


def run(args: argparse.Namespace) -> int:
    endpoint = endpoint_of(args)
    if args.action == "list":
        return _list(endpoint, as_json=args.json)
    if not args.names:
        raise CommandFailed(f"`lambent images {args.action}` needs to be told what")
    if args.name and len(args.names) > 1:
        raise CommandFailed("--name can name one image only")
    for name in args.names:
        if args.action == "remove":
            _request(endpoint, "DELETE", f"{_PATH}?{urlencode({'name': name})}")
            print(f"{name} removed")
        else:
            _add(endpoint, name, args.name)
    return 0


def _list(endpoint: Endpoint, *, as_json: bool) -> int:
    images = endpoint.document(_PATH)["images"]
    if as_json:
        print(json.dumps(images, indent=2))
    elif not images:
        print("no images; `lambent images add SOURCE` takes one in")
    else:
        print(table([_row(each) for each in images], ("IMAGE", "DIGEST", "SIZE", "ARCHITECTURE")))
    return 0


def _row(image: dict[str, Any]) -> tuple[str, str, str, str]:
    size = f"{image['size'] / _MB:.1f} MB" if "size" in image else "-"
    return image["name"], image["digest"][:19], size, image.get("architecture", "-")


def _add(endpoint: Endpoint, text: str, name: str | None) -> None:
    with opened(text) as source:
        name = name or source.name
        if not name:
            raise CommandFailed(f"{text} does not say what the image is called: add --name NAME:TAG")
        try:
            _send_parts(endpoint, source)
        except (KeyError, TypeError, ValueError) as error:
            raise CommandFailed(f"{text} cannot be read as a container image: {error}") from error
        added = _request(endpoint, "PUT", f"{_PATH}?{urlencode({'name': name})}", source.manifest)
    print(f"{added['name']} added as {added['digest']}, {added['size'] / _MB:.1f} MB unpacked")


def _send_parts(endpoint: Endpoint, source: Source) -> None:
    manifest = source.document()
    diff_ids = source.config()["rootfs"]["diff_ids"]
    _send(endpoint, source, manifest["config"]["digest"])
    for layer, diff_id in zip(manifest["layers"], diff_ids, strict=True):
        if not _is_there(endpoint, diff_id):
            _send(endpoint, source, layer["digest"])


def _is_there(endpoint: Endpoint, diff_id: str) -> bool:
    response = endpoint.send("GET", f"{_PATH}/layers/{diff_id.rpartition(':')[2]}", {})
    response.read()
    return response.status == 200


def _send(endpoint: Endpoint, source: Source, digest: str) -> None:
    """One blob, piece by piece."""
    offset = 0
    path = f"{_PATH}/blobs/{digest.rpartition(':')[2]}"
    with source.blobs.open(digest) as file:
        while (piece := file.read(PIECE)) or not offset:
            _request(endpoint, "PUT", f"{path}?offset={offset}", piece)
            offset += len(piece)
            if not piece:
                return


def _request(endpoint: Endpoint, method: str, path: str, body: bytes = b"") -> dict[str, Any]:
    response = endpoint.send(method, path, {"Content-Type": "application/octet-stream"}, body)
    answer = response.read()
    if response.status != 200:
        raise CommandFailed(refusal(response, answer))
    return dict(json.loads(answer))
