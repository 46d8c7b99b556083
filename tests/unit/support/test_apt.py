from __future__ import annotations

import pytest

from support.testbed import apt
from support.testbed.errors import BedError

TARGETS = """\
http://mirror.example/debian/ bookworm main
http://mirror.example/debian/ bookworm main
http://mirror.example/debian/ bookworm-updates main
http://mirror.example/security/ bookworm-security main
http://other.example/ stable contrib
http://flat.example/ ./
"""


def test_targets_give_each_source_once() -> None:
    sources = apt.parse_targets(TARGETS)
    assert [source.suite for source in sources] == ["bookworm", "bookworm-updates", "bookworm-security", "stable"]


def test_base_image_is_made_from_this_releases_own_suites_only() -> None:
    assert apt.release_lines(apt.parse_targets(TARGETS)) == (
        "deb http://mirror.example/debian/ bookworm main\n"
        "deb http://mirror.example/debian/ bookworm-updates main\n"
        "deb http://mirror.example/security/ bookworm-security main\n"
    )


def test_next_release_comes_from_the_same_mirror() -> None:
    text = apt.next_release_source(apt.parse_targets(TARGETS))
    assert "URIs: http://mirror.example/debian/\nSuites: trixie\n" in text


@pytest.mark.parametrize("make", [apt.release_lines, apt.next_release_source])
def test_another_distribution_is_refused(make) -> None:
    with pytest.raises(BedError, match="no source for bookworm"):
        make(apt.parse_targets("http://mirror.example/ubuntu/ noble main\n"))


def test_pins_raise_docker_alone() -> None:
    everything, docker = apt.preferences().split("\n\n")
    assert everything.splitlines() == ["Package: *", "Pin: release n=trixie", "Pin-Priority: 100"]
    assert docker.splitlines()[0] == "Package: docker.io docker-cli docker-buildx cosign"


@pytest.mark.parametrize(
    ("text", "major"),
    [("Docker version 26.1.5+dfsg1, build a72d7cd", 26), ("Docker version 20.10.24+dfsg1", 20), ("", None)],
)
def test_major_version(text: str, major: int | None) -> None:
    assert apt.major_version(text) == major
