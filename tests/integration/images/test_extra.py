"""Extra packages by the real pip: hashes, wheels for the image's Python alone, whole or absent, made once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlops_ci import process
from mlops_ci.console import Console
from mlops_ci.images import catalogue, extra_install, extra_lock, sources
from mlops_ci.images.build_failure import PackageHashError
from mlops_ci.images.extra import ExtraPlan, Target, wheel_platforms
from mlops_ci.images.extra_install import ExtraWheelError
from mlops_ci.settings.mirrors import MirrorSettings
from support.heard import Heard
from support.image_projects import locked, write_wheel

# Another one than that which runs these tests: the image's Python need not be ours.
PYTHON = "3.13"
TAGS = wheel_platforms("2.36", "x86_64")


@dataclass
class Site:
    """A folder of wheels, and an index that has nothing."""

    root: Path

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def wheel(self, name: str, *, tag: str = "py3-none-any", text: str = "answer = 42\n") -> Path:
        files = {f"{name}.py": text, "entry": f"[console_scripts]\n{name}-tool = {name}:run\n"}
        return write_wheel(self.root / "wheels", name, "1.0", files=files, tag=tag)

    def plan(self, *lines: str) -> ExtraPlan:
        (self.root / "extra.lock").write_text("".join(lines))
        lock = extra_lock.read("extra.lock", root=self.root, where="here", kept=())
        return ExtraPlan(lock=lock, target=Target(version=PYTHON, machine="x86_64", tags=TAGS))

    def install(self, plan: ExtraPlan) -> Path:
        index = self.root / "index"
        index.mkdir(exist_ok=True)
        mirrors = MirrorSettings(index=index.as_uri(), find_links=("wheels",))
        packages = sources.package_sources(mirrors, catalogue.load().variant("2.13", "cpu"), root=self.root)
        return extra_install.install(plan, self.cache, packages=packages, console=Console(sink=Heard()))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(root=tmp_path)


def test_installed_once_for_the_python_of_the_image(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.wheel("binary", tag="cp311-cp311-manylinux_2_28_x86_64", text="answer = 311\n")
    right = site.wheel("binary", tag="cp313-cp313-manylinux_2_28_x86_64", text="answer = 313\n")
    plan = site.plan(locked(right), locked(site.wheel("pure")))
    with ThreadPoolExecutor() as pool:
        one, two = pool.map(site.install, (plan, plan))
    assert one == two
    assert (one / "binary.py").read_text() == "answer = 313\n"
    assert list(one.rglob("*.pyc")) == [], "compiled by another Python they would be of no use"
    script = (one / "bin" / "pure-tool").read_text().splitlines()
    assert script[0] == "#!/usr/bin/env python3"
    assert "exec" not in script[1]
    assert os.access(one / "bin" / "pure-tool", os.X_OK)
    assert sorted(path.name for path in one.parent.parent.iterdir()) == [one.parent.name, f"{one.parent.name}.lock"]
    with monkeypatch.context() as patch:
        patch.setattr(process, "run", lambda *_, **__: pytest.fail("a program was started"))
        assert site.install(plan) == one
    # Killed half-way there is no marker, and nothing counts.
    (one.parent / extra_install.MARKER).unlink()
    (one / "pure.py").unlink()
    assert (site.install(plan) / "pure.py").is_file()


def test_another_file_under_the_same_version_is_refused(site: Site) -> None:
    line = locked(site.wheel("pure"))
    site.wheel("pure", text="answer = 'bad'\n")
    plan = site.plan(line)
    with pytest.raises(PackageHashError, match=r"does not have the hash of extra\.lock") as caught:
        site.install(plan)
    assert caught.value.exit_code == 1
    assert not extra_install.folder(site.cache, plan).exists()


def test_what_has_no_wheel_for_that_python_is_the_users_to_change(site: Site) -> None:
    plan = site.plan(locked(site.wheel("binary", tag="cp311-cp311-manylinux_2_28_x86_64")))
    with pytest.raises(ExtraWheelError, match=r"No matching distribution found for binary==1\.0 .*Python 3\.13") as one:
        site.install(plan)
    assert (one.value.exit_code, "[image] requirements" in one.value.hint) == (2, True)
