"""What is in an image, told by a program inside it: `python3 -I - [--digests] < inventory.py`, one line of JSON.

Run as root without a network and with a read-only root, so that it sees everything and changes nothing.
"""

import hashlib
import json
import os
import re
import stat
import sys
from typing import Any, Dict, Iterable, Iterator, List, Tuple

SCHEMA = "mlops-ci/inventory/1"
# What the engine itself puts into a container is not the image's.
MOUNTED = ("/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv")
# Putting it there changes the time of these folders.
TOUCHED = frozenset(os.path.dirname(path) for path in MOUNTED)
CACHES = (
    "/var/lib/apt/lists",
    "/var/cache/apt",
    "/var/cache/debconf/templates.dat-old",
    "/var/cache/ldconfig/aux-cache",
    "/var/log/apt",
    "/var/log/dpkg.log",
    "/root/.cache",
    "/tmp",
    "/var/tmp",
    "/run/secrets",
    "/run/context",
)
IN_CACHES = tuple(place + "/" for place in CACHES)
FOUND = ("setid", "caches", "host_keys", "private_keys", "drivers")
HOST_KEY = re.compile(r"/ssh_host_[a-z0-9]+_key(\.pub)?$")
PRIVATE = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
# What packages bring for their own tests is public.
TESTS = re.compile(r"/(?:site|dist)-packages/.*/tests?/")
RECORD = re.compile(r"/(?:site|dist)-packages/([^/]+)\.dist-info/RECORD$")
SMALL = 64 * 1024
CHUNK = 1 << 20


def walk(root: str = "/") -> Iterator[Tuple[str, os.stat_result]]:
    """Every path below `root` on its own file system, sorted, links not followed."""
    device = os.lstat(root).st_dev
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if path in MOUNTED:
                continue
            yield path, status
            if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                waiting.append(path)


def rules_of(path: str, mode: int, size: int) -> List[str]:
    """The lists of FOUND that a path belongs on by its name, mode and size; `private_keys`: if its content is one."""
    regular = stat.S_ISREG(mode)
    found = []
    if regular and mode & 0o6000:
        found.append("setid")
    if regular and size and (path + "/").startswith(IN_CACHES):
        found.append("caches")
    if HOST_KEY.search(path):
        found.append("host_keys")
    elif not TESTS.search(path) and regular and 0 < size <= SMALL:
        found.append("private_keys")
    if os.path.basename(path).startswith("libcuda.so") and "/compat/" not in path and "/stubs/" not in path:
        found.append("drivers")
    return found


def is_private_key(path: str) -> bool:
    """Whether a file holds a private key with a body (documentation often shows only its first line)."""
    try:
        with open(path, "rb") as stream:
            return PRIVATE.search(stream.read()) is not None
    except OSError:
        return False


def passwords(path: str = "/etc/shadow") -> List[str]:
    """The users that have a password."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return with_password(stream)
    except OSError:
        return []


def with_password(lines: Iterable[str]) -> List[str]:
    """The users that have a password, in the lines of /etc/shadow."""
    fields = [line.rstrip("\n").split(":") for line in lines]
    return [field[0] for field in fields if len(field) > 1 and not field[1].startswith(("!", "*"))]


def distributions(folders: List[str]) -> List[Dict[str, Any]]:
    """The installed Python packages, with the bytes that their wheels hold unpacked (as their RECORDs say)."""
    found = []
    for folder in folders:
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for name in names:
            record = os.path.join(folder, name, "RECORD")
            if name.endswith(".dist-info") and os.path.isfile(record):
                with open(record, encoding="utf-8", errors="replace") as stream:
                    found.append(distribution(name[: -len(".dist-info")], stream))
    return found


def distribution(stem: str, record: Iterable[str]) -> Dict[str, Any]:
    """A package by its NAME-VERSION and the lines of its RECORD, with the sum of the sizes there.

    Bytecode has none there, and is no part of a wheel.
    """
    project, _, version = stem.rpartition("-")
    sizes = (line.rstrip("\n").rpartition(",")[2] for line in record)
    return {"name": project, "version": version, "bytes": sum(int(size) for size in sizes if size.isdigit())}


def digest(path: str, status: os.stat_result) -> str:
    """The SHA-256 of a file, the target of a link, nothing for the rest."""
    if stat.S_ISLNK(status.st_mode):
        return "-> " + os.readlink(path)
    if not stat.S_ISREG(status.st_mode):
        return ""
    made = hashlib.sha256()
    with open(path, "rb") as stream:
        for piece in iter(lambda: stream.read(CHUNK), b""):
            made.update(piece)
    return made.hexdigest()


def inventory(root: str = "/", digests: bool = False) -> Dict[str, Any]:
    """All of it. `files` (only with `digests`): path to mode, uid, gid, size, time and digest."""
    found: Dict[str, Any] = {name: [] for name in FOUND}
    totals = {"bytes": 0, "bytecode": 0, "files": 0}
    files: Dict[str, Any] = {}
    sites = []
    seen = set()
    for path, status in walk(root):
        regular = stat.S_ISREG(status.st_mode)
        for rule in rules_of(path, status.st_mode, status.st_size):
            if rule != "private_keys" or is_private_key(path):
                found[rule].append(path)
        if stat.S_ISDIR(status.st_mode) and os.path.basename(path) in ("site-packages", "dist-packages"):
            sites.append(path)
        if regular and status.st_ino not in seen:
            totals["files"] += 1
            totals["bytes"] += status.st_size
            totals["bytecode"] += status.st_size if path.endswith(".pyc") else 0
            if status.st_nlink > 1:
                seen.add(status.st_ino)
        if digests:
            changed = 0 if path in TOUCHED else int(status.st_mtime)
            files[path] = [
                oct(stat.S_IMODE(status.st_mode)),
                *(status.st_uid, status.st_gid, status.st_size if regular else 0, changed),
                digest(path, status),
            ]
    return {
        "schema": SCHEMA,
        **found,
        "passwords": passwords(os.path.join(root, "etc/shadow")),
        "distributions": distributions(sites),
        "totals": totals,
        **({"files": files} if digests else {}),
    }


if __name__ == "__main__":
    json.dump(inventory(digests="--digests" in sys.argv), sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")
