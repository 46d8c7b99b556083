"""Chained environments: commands come along, the marker says what is finished."""

import json
from pathlib import Path

import pytest

from mlops_ci.errors import InternalError
from mlops_ci.images import environment
from mlops_ci.images.lookup import EnvironmentLookup


def make(folder: Path, name: str) -> Path:
    path = folder / name
    (path / "bin").mkdir(parents=True)
    (path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    (path / "bin" / "python").write_text("#!/bin/sh\n")
    return path


def test_commands_of_the_parent_start_with_the_childs_python(tmp_path: Path) -> None:
    parent, child = make(tmp_path, "parent"), make(tmp_path, "child")
    (parent / "bin" / "torchrun").write_text(f"#!{parent}/bin/python\nprint('{parent}')\n")
    (parent / "bin" / "long").write_text(f"#!/bin/sh\n'''exec' {parent}/bin/python \"$0\" \"$@\"\n' '''\nx\n")
    (parent / "bin" / "own").write_text(f"#!{parent}/bin/python\n")
    (parent / "bin" / "binary").write_bytes(b"\x7fELF")
    (parent / "bin" / "link").symlink_to("own")
    (child / "bin" / "own").write_text("mine")
    environment.inherit_scripts(child, parent)
    assert (child / "bin" / "torchrun").read_text() == f"#!{child}/bin/python\nprint('{parent}')\n"
    assert f"'''exec' {child}/bin/python" in (child / "bin" / "long").read_text()
    assert (child / "bin" / "torchrun").stat().st_mode & 0o777 == 0o755
    assert (child / "bin" / "own").read_text() == "mine"
    assert sorted(path.name for path in (child / "bin").iterdir()) == ["long", "own", "python", "torchrun"]


def test_an_environment_counts_only_with_its_marker_where_it_was_made(tmp_path: Path) -> None:
    lookup = EnvironmentLookup(tmp_path)
    path = make(tmp_path, "torch-1")
    assert lookup(f"env:{path}") is None
    environment.finish(path, key="k", parent=None)
    found = lookup(f"env:{path}")
    assert found is not None
    assert found.digest.startswith("sha256:")
    assert found.bytes > 0
    moved = path.rename(tmp_path / "torch-2")
    assert lookup(f"env:{moved}") is None
    moved.rename(path)
    (path / "bin" / "python").unlink()
    assert lookup(f"env:{path}") is None


def test_a_torn_marker_does_not_count(tmp_path: Path) -> None:
    path = make(tmp_path, "x")
    for text in ("", "{", "[]", json.dumps({"schema": "other"})):
        (path / ".complete").write_text(text)
        assert EnvironmentLookup(tmp_path)(f"env:{path}") is None


def test_an_environment_elsewhere_is_not_ours(tmp_path: Path) -> None:
    with pytest.raises(InternalError):
        EnvironmentLookup(tmp_path / "a")(f"env:{tmp_path}/b/x")


def test_the_digest_depends_on_packages_and_on_what_is_below(tmp_path: Path) -> None:
    path = make(tmp_path, "x")
    plain = environment.finish(path, key="k", parent=None)["digest"]
    assert environment.finish(path, key="k", parent="sha256:1")["digest"] != plain
    info = environment.site_packages(path) / "a-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: A\nVersion: 1\n")
    assert environment.packages_in(path) == ("a==1",)
    assert environment.finish(path, key="k", parent=None)["digest"] != plain
