"""The archive: the same bytes for the same content, readable by any tar, and no changed byte goes unnoticed."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest

from mlops_ci.mirroring.index import Member
from mlops_ci.mirroring.reading import Archive, MirrorDamagedError, MirrorFormatError
from mlops_ci.mirroring.writing import Source, SourceChangedError, write
from support.mirror_archive import write_archive

LONG = "wheels/" + "a" * 140 + "-1.0-py3-none-any.whl"


@pytest.fixture
def files(tmp_path):
    content = {"wheels/one-1.0-py3-none-any.whl": b"x" * 700, "tool/tool.lock": b"", LONG: b"y" * 512}
    found = {}
    for number, (path, data) in enumerate(content.items()):
        found[path] = tmp_path / str(number)
        found[path].write_bytes(data)
    return found


@pytest.fixture
def archive(tmp_path, files):
    write_archive(tmp_path / "site.tar", files)
    return tmp_path / "site.tar"


def damage(path):
    with pytest.raises(MirrorDamagedError) as caught, Archive(path) as opened:
        opened.verify()
    assert caught.value.exit_code == 1
    return caught.value.cause


def test_what_was_packed_comes_out(archive, files):
    with Archive(archive) as opened:
        opened.verify()
        assert {member.path for member in opened.index.members} == set(files)
        for member in opened.index.members:
            stream = io.BytesIO()
            opened.copy(member, stream)
            assert stream.getvalue() == files[member.path].read_bytes()


def test_any_tar_reads_it(archive, files):
    with tarfile.open(archive) as opened:
        assert opened.getnames() == ["index.json", "index.json.sha256", *sorted(files)]
        for path, file in files.items():
            assert opened.extractfile(path).read() == file.read_bytes()


def test_the_same_content_gives_the_same_bytes(tmp_path, archive, files):
    write_archive(tmp_path / "again.tar", files)
    assert (tmp_path / "again.tar").read_bytes() == archive.read_bytes()


def test_no_changed_byte_goes_unnoticed(tmp_path, archive):
    good = archive.read_bytes()
    for offset in range(0, len(good), 37):
        changed = bytearray(good)
        changed[offset] ^= 0x20
        (tmp_path / "changed.tar").write_bytes(changed)
        damage(tmp_path / "changed.tar")


def test_the_damaged_member_is_named(tmp_path, archive):
    data = archive.read_bytes()
    assert f"`{LONG}`" in self_changed(tmp_path, data.replace(b"y" * 512, b"y" * 511 + b"z"))
    assert "`wheels/one-1.0" in self_changed(tmp_path, data.replace(b"x" * 700, b"x" * 699 + b"z"))
    assert "`index.json`" in self_changed(tmp_path, data.replace(b'"demo"', b'"Demo"', 1))


def self_changed(tmp_path, data):
    (tmp_path / "changed.tar").write_bytes(data)
    return damage(tmp_path / "changed.tar")


@pytest.mark.parametrize("left", [0, 10, 600, 2000, -1])
def test_a_file_that_is_cut_is_damaged(tmp_path, archive, left):
    assert "is damaged" in self_changed(tmp_path, archive.read_bytes()[:left])


def test_what_is_no_archive_is_said_so(tmp_path):
    assert "does not begin like an archive" in self_changed(tmp_path, b"PK\x03\x04" + bytes(5000))


def test_a_newer_schema_is_refused(tmp_path, files):
    write_archive(tmp_path / "site.tar", files, schema="mlops-ci/mirror/9")
    with pytest.raises(MirrorFormatError) as caught:
        Archive(tmp_path / "site.tar")
    assert "mlops-ci/mirror/9" in caught.value.cause


@pytest.mark.parametrize("path", ["wheels/../../etc/x", "/etc/x", "etc/x", "wheels", "wheels//x", "wheels/.x"])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path, files, path):
    file = files["tool/tool.lock"]
    write_archive(tmp_path / "site.tar", {path: file})
    with pytest.raises(MirrorFormatError) as caught:
        Archive(tmp_path / "site.tar")
    assert caught.value.exit_code == 2


def test_a_source_that_changes_meanwhile_is_noticed_and_nothing_is_left_under_the_name(tmp_path, files):
    index = write_archive(tmp_path / "site.tar", files)
    (tmp_path / "site.tar").unlink()
    sources = {path: Source(path=file, size=file.stat().st_size) for path, file in files.items()}
    wrong = replace(index.members[0], sha256="0" * 64)
    with pytest.raises(SourceChangedError):
        write(tmp_path / "site.tar", replace(index, members=(wrong, *index.members[1:])), sources)
    assert not (tmp_path / "site.tar").exists()


def test_a_member_may_be_a_part_of_a_file(tmp_path):
    (tmp_path / "whole").write_bytes(b"0123456789")
    source = Source(path=tmp_path / "whole", size=3, offset=4)
    member = Member(path="images/x", bytes=3, sha256=source.sha256(), kind="image", name="x", version="1")
    write_archive(tmp_path / "empty.tar", {})
    with Archive(tmp_path / "empty.tar") as opened:
        index = replace(opened.index, members=(member,))
    write(tmp_path / "site.tar", index, {"images/x": source})
    with Archive(tmp_path / "site.tar") as opened:
        assert b"".join(opened.pieces(member)) == b"456"
