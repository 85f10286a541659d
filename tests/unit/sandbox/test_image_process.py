"""How the process of a container image is started."""

from pathlib import Path

import msgspec
import pytest

from lambent.errors import SandboxError
from lambent.model import IMAGE_RUNTIME, ImageConfig, Isolation, Version
from lambent.runtimes.environment import Credentials, image_environment
from lambent.sandbox import image_process
from lambent.store.images import ImageStore
from lambent.store.oci import ImageInfo

DIGEST = "a" * 64
KEYS = Credentials("id", "secret", "token")


def version(image: ImageConfig | None, **more: object) -> Version:
    given = {"account": "1" * 12, "region": "eu-west-1", "name": "f", "version": "$LATEST", "revision": "r"}
    return Version(**(given | {"runtime": "", "handler": "", "code_digest": DIGEST, "image": image} | more))  # type: ignore[arg-type]


@pytest.fixture
def images(tmp_path: Path) -> ImageStore:
    store = ImageStore(tmp_path)
    info = ImageInfo(
        digest=DIGEST, layers=[], size=0, architecture="x86_64", entry_point=["/entry", "-x"], command=["cmd"],
        working_directory="/work", environ={"A": "1"}, extensions=["watch"],
    )  # fmt: skip
    (tmp_path / "roots" / DIGEST).mkdir()
    (tmp_path / "roots" / DIGEST / "image.json").write_bytes(msgspec.json.encode(info))
    return store


@pytest.mark.parametrize(
    ("wanted", "command", "directory"),
    [
        (ImageConfig(), ("/entry", "-x", "cmd"), "/work"),
        (ImageConfig(command=("own",)), ("/entry", "-x", "own"), "/work"),
        (ImageConfig(entry_point=("/other",)), ("/other", "cmd"), "/work"),
        (ImageConfig(("/other",), ("own", "two"), "/there"), ("/other", "own", "two"), "/there"),
    ],
)
def test_what_the_function_says_replaces_what_the_image_says_each_for_itself(
    images: ImageStore, wanted: ImageConfig, command: tuple[str, ...], directory: str
) -> None:
    process = image_process.of(images, version(wanted))

    assert process == image_process.ImageProcess(command, directory, {"A": "1"}, ("/opt/extensions/watch",))


def test_a_zip_function_has_no_such_process(images: ImageStore) -> None:
    assert image_process.of(images, version(None)) is None


def test_an_image_that_is_gone_is_a_sandbox_error(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="is not there any more"):
        image_process.of(ImageStore(tmp_path), version(ImageConfig()))


def test_images_run_in_husks_of_a_runtime_that_brings_nothing() -> None:
    assert version(ImageConfig()).husk_runtime == IMAGE_RUNTIME
    assert version(None, runtime="python3.13").husk_runtime == "python3.13"


def test_only_a_machine_without_namespaces_refuses_images() -> None:
    assert image_process.refusal(Isolation(kind="full")) is None
    assert image_process.refusal(Isolation(kind="userns")) is None
    assert "need namespaces" in str(image_process.refusal(Isolation(kind="process")))


def test_an_image_s_own_variables_yield_to_lambda_s_and_those_to_the_user_s() -> None:
    own = {"PATH": "/own", "LANG": "C", "AWS_REGION": "of-the-image", "A": "1", "B": "1"}
    environ = image_environment(version(ImageConfig(), environment={"A": "2"}), "stream", KEYS, own)

    assert {name: environ[name] for name in own} == {
        "PATH": "/own", "LANG": "C", "AWS_REGION": "eu-west-1", "A": "2", "B": "1",
    }  # fmt: skip
    assert environ["TZ"] == ":UTC"
    assert environ["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert environ["AWS_SECRET_ACCESS_KEY"] == "secret"
    assert not {"_HANDLER", "AWS_EXECUTION_ENV", "LD_LIBRARY_PATH"} & set(environ)


def test_an_image_without_a_path_gets_the_usual_one() -> None:
    environ = image_environment(version(ImageConfig()), "stream", KEYS, {})

    assert environ["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
