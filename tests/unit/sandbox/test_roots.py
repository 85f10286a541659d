"""What a sandbox sees of the machine, as a plan: an allow-list, with nothing of homes and data in it."""

from pathlib import PurePosixPath

import pytest

from lambent.model import RuntimeInfo
from lambent.sandbox import roots

PRIVATE = (
    "/home",
    "/root",
    "/srv",
    "/mnt",
    "/media",
    "/var",
    "/data",
    "/opt",
    "/run",
    "/boot",
    "/proc",
    "/sys",
    "/dev",
    "/tmp",
)
PYENV = RuntimeInfo(
    name="python3.13",
    kind="python",
    executable="/root/.pyenv/versions/3.13.0/bin/python3.13",
    prefix="/root/.pyenv/versions/3.13.0",
)
SYSTEM = RuntimeInfo(name="python3.11", kind="python", executable="/usr/bin/python3.11")
LOCAL = RuntimeInfo(name="python3.12", kind="python", executable="/usr/local/bin/python3.12")
NODE = RuntimeInfo(name="nodejs22.x", kind="node", executable="/opt/node/bin/node", prefix="/opt/node")
CUSTOM = RuntimeInfo(name="provided.al2023", kind="provided", executable="")
ALL = [PYENV, SYSTEM, LOCAL, NODE, CUSTOM]


def plan(info: RuntimeInfo) -> dict:
    client = None if info.kind == "provided" else roots.guest_dir() / info.kind
    return roots.plan(info, "/staging", ["zygote"], client)


def bound(info: RuntimeInfo) -> dict[str, str]:
    """Host path of each place inside."""
    return {inside: host for host, inside in plan(info)["binds"]}


def below(path: str, parent: str) -> bool:
    return PurePosixPath(path).is_relative_to(parent)


@pytest.mark.parametrize("info", ALL, ids=lambda info: info.name)
def test_nothing_of_homes_and_data_is_bound_but_the_interpreter_itself(info):
    ours = str(roots.guest_dir()), str(roots.init_program()), str(roots.birth_library())
    for inside, host in bound(info).items():
        if inside == "/var/lang" or any(below(host, mine) for mine in ours):
            continue
        if below(inside, "/etc"):  # links are followed: resolv.conf may lead into /run
            assert inside.removeprefix("/etc/") in roots._ETC
            continue
        assert not any(below(host, place) for place in PRIVATE), host


@pytest.mark.parametrize("info", ALL, ids=lambda info: info.name)
def test_no_whole_tree_that_holds_secrets_is_bound(info):
    assert not {"/", "/etc", "/var", "/home", "/root", "/opt"} & set(bound(info).values())
    assert "/etc/shadow" not in bound(info)
    assert "/etc/passwd" not in bound(info), "the sandbox has users of its own"
    assert "root:x:0:0" in plan(info)["files"]["/etc/passwd"]


@pytest.mark.parametrize("info", ALL, ids=lambda info: info.name)
def test_local_programs_and_sources_of_the_machine_are_masked(info):
    assert {"/usr/local", "/usr/src"} <= set(plan(info)["masks"])


def test_a_prefix_in_a_private_home_is_mounted_at_var_lang():
    assert bound(PYENV)["/var/lang"] == PYENV.prefix
    assert roots.inside_path(PYENV) == "/var/lang/bin/python3.13"
    assert "/var/lang/lib/python3.13/site-packages" in plan(PYENV)["masks"]


def test_an_interpreter_under_usr_local_is_mounted_at_var_lang_since_usr_local_is_masked():
    assert bound(LOCAL)["/var/lang"] == "/usr/local"
    assert roots.inside_path(LOCAL) == "/var/lang/bin/python3.12"


def test_an_interpreter_of_the_system_is_where_it_is_and_linked_from_var_lang():
    assert "/var/lang" not in bound(SYSTEM)
    assert roots.inside_path(SYSTEM) == "/usr/bin/python3.11"
    assert ["/usr/bin/python3.11", "/var/lang/bin/python3.11"] in plan(SYSTEM)["links"]
    assert {"/usr/lib/python3.11/site-packages", "/usr/lib/python3/dist-packages"} <= set(plan(SYSTEM)["masks"])


@pytest.mark.parametrize(("info", "client"), [(PYENV, "python"), (NODE, "node"), (CUSTOM, None)])
def test_the_runtime_client_is_at_var_runtime(info, client):
    assert bound(info).get("/var/runtime") == (str(roots.guest_dir() / client) if client else None)


def test_only_harmless_devices_are_there():
    assert set(plan(SYSTEM)["devices"]) == {"null", "zero", "full", "random", "urandom", "tty"}


def test_a_custom_runtime_has_no_interpreter_of_ours():
    assert "/var/lang" not in bound(CUSTOM)
    assert not any(inside.startswith("/var/lang") for _, inside in plan(CUSTOM)["links"])


def test_the_guest_is_found_beside_the_package():
    assert (roots.guest_dir() / "zygote" / "boot.py").is_file()
