"""How the process of a container image is started: what the image says, unless the function says otherwise."""

import msgspec

from lambent.errors import SandboxError
from lambent.model import Isolation, Version
from lambent.sandbox import extension_files
from lambent.store.images import ImageStore


class ImageProcess(msgspec.Struct, frozen=True):
    """What to execute, where, and the variables that the image brings."""

    command: tuple[str, ...]
    working_directory: str
    environ: dict[str, str]
    extensions: tuple[str, ...] = ()  # paths inside


def refusal(isolation: Isolation) -> str | None:
    """Why container images cannot run here, None when they can: nobody enters another root without namespaces."""
    if isolation.kind != "process":
        return None
    return (
        "Container images need namespaces, and this machine gives Lambent none: run it as root, or allow user "
        "namespaces."
    )


def of(images: ImageStore, version: Version) -> ImageProcess | None:
    """The process of a function whose code is an image, None for every other. Raises SandboxError if it is gone.

    EntryPoint and Command replace ENTRYPOINT and CMD each for itself, as in ImageConfig's description.
    """
    wanted = version.image
    if wanted is None:
        return None
    info = images.get(version.code_digest)
    if info is None:
        raise SandboxError(f"the image sha256:{version.code_digest} is not there any more")
    entry_point = info.entry_point if wanted.entry_point is None else wanted.entry_point
    command = info.command if wanted.command is None else wanted.command
    return ImageProcess(
        (*entry_point, *command),
        wanted.working_directory or info.working_directory or "/",
        info.environ,
        tuple(f"{extension_files.INSIDE}/{name}" for name in info.extensions),
    )
