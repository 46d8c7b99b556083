"""Debian packages: own sources, Docker and cosign from the next release, no service started by an install."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import commands
from .errors import BedError

RELEASE = "bookworm"
NEXT_RELEASE = "trixie"
# Debian 12's own Docker is 20.10: no linked bake targets, no `COPY --link`, no heredocs. It has no cosign.
FROM_NEXT_RELEASE = ("docker.io", "docker-cli", "docker-buildx", "cosign")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCES = Path("/etc/apt/sources.list.d/mlops-ci-testbed.sources")
PREFERENCES = Path("/etc/apt/preferences.d/mlops-ci-testbed")
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One configured package list: where, which suite, which component."""

    uri: str
    suite: str
    component: str


def configured_sources() -> tuple[Source, ...]:
    """What apt itself reads from all its source files."""
    fields = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    return parse_targets(commands.run(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]))


def parse_targets(text: str) -> tuple[Source, ...]:
    """The distinct sources in the output of `apt-get indextargets`, in its order."""
    rows = (line.split() for line in text.splitlines())
    triples = dict.fromkeys(tuple(row) for row in rows if len(row) == 3)
    return tuple(Source(uri=uri, suite=suite, component=component) for uri, suite, component in triples)


def release_lines(sources: Sequence[Source]) -> str:
    """This release's own suites as the lines of a sources.list: what a system made here is to be built from."""
    wanted = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")
    lines = [
        f"deb {source.uri} {source.suite} main"
        for source in sources
        if source.suite in wanted and source.component == "main"
    ]
    if not lines:
        raise BedError(f"apt has no source for {RELEASE} main", hint="the testbed wants a Debian 12 machine")
    return "\n".join(lines) + "\n"


def next_release_source(sources: Sequence[Source]) -> str:
    """The next release, from the same mirror as this one, as the text of a .sources file."""
    uris = [source.uri for source in sources if source.suite == RELEASE and source.component == "main"]
    if not uris:
        raise BedError(f"apt has no source for {RELEASE} main", hint="the testbed wants a Debian 12 machine")
    return f"Types: deb\nURIs: {uris[0]}\nSuites: {NEXT_RELEASE}\nComponents: main\nSigned-By: {KEYRING}\n"


def preferences() -> str:
    """Pins: only Docker and cosign come from the next release, nothing else is upgraded."""
    return (
        f"Package: *\nPin: release n={NEXT_RELEASE}\nPin-Priority: 100\n\n"
        f"Package: {' '.join(FROM_NEXT_RELEASE)}\nPin: release n={NEXT_RELEASE}\nPin-Priority: 700\n"
    )


def install(packages: Sequence[str]) -> None:
    """Install packages with what they need and nothing more; BedError when that is not possible."""
    if os.geteuid() != 0:
        raise BedError(f"missing Debian packages: {' '.join(packages)}", hint="run `bin/testbed install` as root")
    if f"VERSION_CODENAME={RELEASE}" not in Path("/etc/os-release").read_text():
        raise BedError(f"the testbed installs packages on Debian 12 ({RELEASE}) only", hint="use a Debian 12 machine")
    if any(package in FROM_NEXT_RELEASE for package in packages):
        _write_when_different(SOURCES, next_release_source(configured_sources()))
        _write_when_different(PREFERENCES, preferences())
    _apt("update", "-q")
    with _services_stay_down():
        _apt("install", "-q", "-y", "--no-install-recommends", *packages)


@contextlib.contextmanager
def _services_stay_down() -> Iterator[None]:
    """Debian starts a service at its installation unless policy-rc.d says no; the testbed runs its own."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def _write_when_different(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _apt(*arguments: str) -> None:
    options = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    commands.run(["apt-get", *options, *arguments], environment={"DEBIAN_FRONTEND": "noninteractive"})


def major_version(text: str) -> int | None:
    """The first number of a version somewhere in a tool's answer."""
    found = re.search(r"(\d+)\.\d+", text)
    return int(found.group(1)) if found else None
