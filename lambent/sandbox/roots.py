"""What a sandbox sees of the machine: the read-only root of each runtime, as a plan for guest/zygote/boot.py.

In it are the system's programs and libraries (/usr and its links), a handful of files in /etc, the interpreter at
/var/lang and the runtime client at /var/runtime. Homes, data, /srv, /var/lib and the rest are not there at all.
"""

import os
from pathlib import Path
from typing import Any

from lambent.model import RuntimeInfo
from lambent.sandbox import java_client, sdk

_LINKED = ("/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
# Public, and needed by ordinary programs: certificates, the loader's cache, names of ports and types.
_ETC = (
    "ca-certificates", "ca-certificates.conf", "ssl", "pki", "crypto-policies", "ld.so.cache", "ld.so.conf",
    "ld.so.conf.d", "localtime", "mime.types", "protocols", "services", "alternatives", "fonts", "magic", "os-release",
    "resolv.conf", "gai.conf",
)  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_USER = "sbx_user1051"
_FILES = {
    "/etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\n{_USER}:x:993:990::/home/{_USER}:/sbin/nologin\n",
    "/etc/group": f"root:x:0:\n{_USER}:x:990:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox sandbox.localdomain lambent\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/hostname": "lambent\n",
}


def guest_dir() -> Path:
    """Where guest/ lies: beside the package in a checkout, inside it when installed from a wheel."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_guest"
    return inside if inside.is_dir() else package.parent / "guest"


def compiled() -> Path:
    """Where scripts/install puts what it compiles."""
    return Path(__file__).resolve().parent / "_bin"


def init_program() -> Path:
    return compiled() / "lambent-init"


def birth_library() -> Path:
    return compiled() / "lambent-birth.so"


def client_dir(info: RuntimeInfo, scratch: Path) -> Path | None:
    """The runtime client of `info` on the host, None where the function brings its own. Raises RuntimeMissing."""
    if info.kind == "provided":
        return None
    if info.kind == "java":
        return java_client.find(guest_dir() / "java", (compiled(), scratch), info.executable)
    return guest_dir() / info.kind


def prefix_of(info: RuntimeInfo) -> str:
    """The installation to mount at /var/lang: never under /usr, which is there anyway, but /usr/local is hidden."""
    return "/usr/local" if info.executable.startswith("/usr/local/") else info.prefix


def inside_path(info: RuntimeInfo) -> str:
    """The interpreter's path as seen inside the sandbox."""
    prefix = prefix_of(info)
    return "/var/lang" + info.executable[len(prefix) :] if prefix else info.executable


def sdk_dir(info: RuntimeInfo, scratch: Path) -> Path | None:
    """The folder with boto3 for a Python; None for others, and where boto3 is not installed."""
    return sdk.find((compiled(), scratch), info) if info.kind == "python" else None


def site_packages(info: RuntimeInfo) -> str:
    """Where a Python keeps packages, as seen inside; the machine's own are hidden there and boto3 takes their place."""
    prefix, minor = prefix_of(info), os.path.basename(info.executable)
    if prefix or not os.path.isdir("/usr/lib/python3/dist-packages"):
        return f"/var/lang/lib/{minor}/site-packages"
    return "/usr/lib/python3/dist-packages"  # Debian's


def plan(
    info: RuntimeInfo, staging: str, argv: list[str], client: Path | None = None, boto: Path | None = None
) -> dict[str, Any]:
    """The JSON for boot.py: what to bind, link, write and hide, and the zygote to become.

    `client` is the runtime's client and `boto` the folder with boto3, on the host.
    """
    guest = guest_dir()
    binds = [["/usr", "/usr"], [str(guest / "zygote"), "/.lambent/zygote"]]
    links = []
    for path in _LINKED:
        if os.path.islink(path):
            links.append([os.readlink(path), path])
        elif os.path.isdir(path):
            binds.append([path, path])
    # A resolv.conf that points into /run would dangle, so links are followed on the host.
    binds += [[os.path.realpath(f"/etc/{name}"), f"/etc/{name}"] for name in _ETC if os.path.exists(f"/etc/{name}")]
    for program, inside in ((init_program(), "/.lambent/init"), (birth_library(), "/.lambent/birth.so")):
        if program.exists():
            binds.append([str(program), inside])
    if client:
        binds.append([str(client), "/var/runtime"])
    if info.kind == "java":  # Debian's Java has its settings there
        binds += [[str(path), str(path)] for path in sorted(Path("/etc").glob("java-*"))]
    if prefix_of(info):
        binds.append([prefix_of(info), "/var/lang"])
    elif info.executable:
        links.append([info.executable, f"/var/lang/bin/{os.path.basename(info.executable)}"])
    masks = _masks(info)
    # A place below the interpreter's own folder cannot be made, only covered.
    if boto and (not prefix_of(info) or os.path.isdir(prefix_of(info) + site_packages(info)[len("/var/lang") :])):
        binds.append([str(boto), site_packages(info)])
        masks.remove(site_packages(info))
    return {
        "binds": binds, "links": links, "files": _FILES, "masks": masks, "devices": _DEVICES,
        "staging": staging, "argv": argv,
    }  # fmt: skip


def _masks(info: RuntimeInfo) -> list[str]:
    """Directories that show the machine's own business: local programs, and packages installed into an interpreter."""
    masks = ["/usr/local", "/usr/src"]
    if info.kind == "python":
        base = "/var/lang" if prefix_of(info) else "/usr"
        masks.append(f"{base}/lib/{os.path.basename(info.executable)}/site-packages")
        masks.append("/usr/lib/python3/dist-packages")
        masks = list(dict.fromkeys([*masks, site_packages(info)]))
    return masks
