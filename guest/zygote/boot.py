"""Builds the root that all sandboxes of one runtime share, read-only, goes inside, and becomes the zygote.

    python -I -S boot.py '<JSON>'

The JSON is {"binds": [[host, inside], …], "links": [[target, inside], …], "files": {inside: text},
"masks": [inside, …], "devices": [name, …], "argv": […], "staging": host directory}. Everything of the host that is not
named there is gone after the pivot.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import kernel

# The loader remembers which directories of LD_LIBRARY_PATH it found when it started, so that /lib must be there early.
MOUNT_POINTS = (
    "/proc",
    "/dev",
    "/tmp",
    "/var/task/lib",
    "/opt/lib",
    "/opt",
    "/var/runtime",
    "/var/lang",
    "/etc",
    "/run",
    "/var/tmp",
    "/home",
    "/mnt",
    "/.lambent/image",
)
ENVIRON = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    # AWS's, as in the functions' own environment; then the parent's interpreter for runtimes that are not Python.
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
    ":/.lambent/python/lib",
}
READ_ONLY = kernel.MOUNT_ATTR_RDONLY | kernel.MOUNT_ATTR_NOSUID


def build(spec):
    """Lay out the new root under the staging directory."""
    root = spec["staging"]
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID, "size=8m,mode=0755")
    for inside in MOUNT_POINTS:
        os.makedirs(root + inside, exist_ok=True)
    for host, inside in spec["binds"]:
        bind(host, root + inside)
    for target, inside in spec["links"]:
        os.makedirs(os.path.dirname(root + inside), exist_ok=True)
        os.symlink(target, root + inside)
    for inside, text in spec["files"].items():
        write(root + inside, text)
    for inside in spec["masks"]:
        if os.path.isdir(root + inside):
            kernel.mount("tmpfs", root + inside, "tmpfs", kernel.MS_RDONLY, "size=4k,mode=0755")
    devices(root, spec["devices"])
    return root


def bind(host, target):
    if os.path.isdir(host):
        os.makedirs(target, exist_ok=True)
    else:
        write(target, "")
    kernel.mount(host, target, None, kernel.MS_BIND | kernel.MS_REC)
    kernel.mount_setattr(target, READ_ONLY)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o644)


def devices(root, names):
    """The harmless devices, as binds of the host's nodes: making nodes needs a capability that user namespaces lack."""
    for name in names:
        write(root + "/dev/" + name, "")
        kernel.mount("/dev/" + name, root + "/dev/" + name, None, kernel.MS_BIND)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink("/proc/self/fd/{}".format(number), root + "/dev/" + name)
    os.symlink("/proc/self/fd", root + "/dev/fd")


def enter(root):
    """Make `root` the root of this mount namespace and let go of the host's."""
    kernel.mount_setattr(root, 0)
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.umount(".", kernel.MNT_DETACH)
    os.chdir("/")
    kernel.mount(None, "/", None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID)


def main():
    spec = json.loads(sys.argv[1])
    os.umask(0o022)
    kernel.unshare(kernel.CLONE_NEWNS)
    enter(build(spec))
    os.execve(spec["argv"][0], spec["argv"], ENVIRON)


if __name__ == "__main__":
    main()
