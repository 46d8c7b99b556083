"""What an import leaves behind: all of it or, after damage, nothing; and settings that say where it is."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import tomllib
from dataclasses import replace

import pytest

from mlops_ci.config.load import load
from mlops_ci.console import Console
from mlops_ci.mirroring import importing
from mlops_ci.mirroring.importing import DiskFullError, OtherPythonError, bring
from mlops_ci.mirroring.index import BaseEntry, ImageEntry, Index
from mlops_ci.mirroring.reading import Archive, MirrorDamagedError
from mlops_ci.mirroring.settings_text import as_exports, as_toml, as_variables, site_tables
from support import trivy_db
from support.heard import Heard
from support.mirror_archive import small_archive, write_archive

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def archive(tmp_path):
    return small_archive(tmp_path)


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def imported(tmp_path, archive, heard):
    def call(file=archive):
        return bring(file, folder=tmp_path / "to", cache=tmp_path / "cache", registry=None, console=Console(sink=heard))

    return call


def state(folder):
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", "database.lock", "mlops-ci-digest.json")
    }


def test_everything_lies_where_it_is_looked_for(tmp_path, imported):
    done = imported()
    assert done.changed == 3
    names = {path.name for path in (tmp_path / "to" / "wheels").iterdir()}
    assert names == {"one-1.0-py3-none-any.whl", "Two_Words-2.0+cpu-py3-none-any.whl"}
    assert (tmp_path / "to" / "tool").is_dir()
    assert (tmp_path / "cache" / "trivy" / "db" / "trivy.db").is_file()


def test_the_simple_index_links_every_wheel_with_its_hash(tmp_path, imported):
    imported()
    page = (tmp_path / "to" / "simple" / "two-words" / "index.html").read_text()
    wheel = tmp_path / "to" / "wheels" / "Two_Words-2.0+cpu-py3-none-any.whl"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert f'href="../../wheels/{wheel.name}#sha256={digest}"' in page
    assert 'href="one/"' in (tmp_path / "to" / "simple" / "index.html").read_text()


def test_a_second_import_changes_nothing(tmp_path, imported):
    imported()
    before = state(tmp_path / "to") | state(tmp_path / "cache")
    assert imported().changed == 0
    assert state(tmp_path / "to") | state(tmp_path / "cache") == before


def test_a_changed_byte_leaves_nothing_behind(tmp_path, archive, imported):
    data = bytearray(archive.read_bytes())
    with Archive(archive) as opened:
        last = opened.index.members[-1]
    data[-1024 - last.bytes // 2] ^= 1
    archive.write_bytes(data)
    with pytest.raises(MirrorDamagedError) as caught:
        imported()
    assert f"`{last.path}`" in caught.value.cause
    assert not (tmp_path / "to").exists()
    assert not (tmp_path / "cache").exists()


def test_an_import_that_was_cut_off_is_completed(tmp_path, imported, monkeypatch):
    calls = []

    def cut(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(importing.os, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            imported()
    assert imported().changed == 2
    assert not list((tmp_path / "to").rglob("*.part"))


def test_a_file_that_was_changed_since_is_laid_out_again(tmp_path, imported):
    imported()
    wheel = tmp_path / "to" / "wheels" / "one-1.0-py3-none-any.whl"
    wheel.write_bytes(b"x" * wheel.stat().st_size)
    assert imported().changed == 1
    assert wheel.read_bytes().startswith(b"PK")


def test_a_newer_database_stays(tmp_path, imported, heard):
    newer = trivy_db.dt.datetime(2099, 1, 1, tzinfo=trivy_db.dt.UTC)
    trivy_db.write_database(tmp_path / "cache" / "trivy", [], built_at=newer)
    imported()
    assert any("is newer (2099-01-01" in line for line in heard.lines)
    metadata = json.loads((tmp_path / "cache" / "trivy" / "db" / "metadata.json").read_text())
    assert metadata["UpdatedAt"].startswith("2099")


def test_wheels_for_another_python_are_refused(tmp_path, imported, archive):
    with Archive(archive) as opened:
        wheel = next(member for member in opened.index.members if member.path.startswith("wheels/"))
    made = tmp_path / "made" / wheel.path.removeprefix("wheels/")
    write_archive(tmp_path / "other.tar", {wheel.path: made}, python="3.9")
    with pytest.raises(OtherPythonError) as caught:
        imported(tmp_path / "other.tar")
    assert "3.9" in caught.value.cause
    assert caught.value.exit_code == 3


def test_too_little_space_is_said_before_anything_is_written(tmp_path, imported, monkeypatch):
    monkeypatch.setattr(importing.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(DiskFullError):
        imported()
    assert not (tmp_path / "to" / "wheels").exists()


@pytest.fixture
def index():
    return Index(
        version="0",
        project="demo",
        engine="docker",
        variant="cpu",
        python="3.11",
        platform="any",
        period="2026-11",
        base=BaseEntry(name="debian:bookworm-slim", digest=DIGEST, pinned=False, ref="mlops-ci/mirror/x:c-1"),
        images=(ImageEntry(layer="base", project=None, content_key="k", ref="mlops-ci/base:c-k"),),
    )


def test_file_and_variables_mean_the_same(tmp_path, index):
    tables = site_tables(index, tmp_path / "a folder", wheels=True, registry="localhost:5000/site")
    train = '[train]\ncommand = "true"\n'
    (tmp_path / "mlops.toml").write_text(train + as_toml(tables))
    from_file = load(None, cwd=tmp_path, mode=None, environ={}, sets=(), flags={}).tables
    (tmp_path / "mlops.toml").write_text(train)
    environ = as_variables(tables)
    from_variables = load(None, cwd=tmp_path, mode=None, environ=environ, sets=(), flags={}).tables
    assert from_file == from_variables
    assert from_file.mirrors.find_links == (str(tmp_path / "a folder" / "wheels"),)
    assert from_file.image.registry == "localhost:5000/site"
    lines = [shlex.split(line)[1].partition("=")[::2] for line in as_exports(environ).splitlines()]
    assert dict(lines) == environ


def test_the_base_image_keeps_the_digest_that_the_images_were_built_with(tmp_path, index):
    tables = tomllib.loads(as_toml(site_tables(index, tmp_path, wheels=False, registry=None)))
    assert tables["mirrors"]["images"] == {"debian:bookworm-slim": f"mlops-ci/mirror/x:c-1@{DIGEST}"}
    assert tables["mirrors"]["period"] == "2026-11"


def test_the_pinned_base_image_needs_no_setting(tmp_path, index):
    pinned = replace(index, base=replace(index.base, pinned=True))
    assert "images" not in site_tables(pinned, tmp_path, wheels=False, registry=None)["mirrors"]
