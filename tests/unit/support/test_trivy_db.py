from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import tarfile
from pathlib import Path

from support import trivy_db

MONDAY = dt.datetime(2099, 1, 5, 12, 0, tzinfo=dt.UTC)


def test_every_advisory_of_the_file_is_plainly_invented() -> None:
    assert all(entry["id"].startswith("CVE-2099-") for entry in trivy_db.advisories())


def test_tree_has_the_buckets_that_trivy_walks() -> None:
    buckets = trivy_db.tree(trivy_db.advisories())
    assert {"debian 12", trivy_db.PIP_BUCKET, "data-source", "vulnerability"} <= set(buckets)
    assert buckets["debian 12"]["base-files"]["CVE-2099-0001"] == {"Status": 2}
    assert buckets["debian 12"]["planted-high-fixable"]["CVE-2099-1003"] == {"FixedVersion": "2.0-1"}
    assert buckets[trivy_db.PIP_BUCKET]["torch"]["CVE-2099-0003"] == {
        "VulnerableVersions": ["<0.1"],
        "PatchedVersions": ["0.1"],
    }
    assert buckets["vulnerability"]["CVE-2099-1001"]["Severity"] == "CRITICAL"
    assert set(buckets["data-source"]) == set(buckets) - {"data-source", "vulnerability"}


def test_a_database_of_nothing_still_has_the_bucket_without_which_trivy_panics(tmp_path: Path) -> None:
    folder = trivy_db.write_database(tmp_path, [])
    assert b"vulnerability" in (folder / "trivy.db").read_bytes()


def test_metadata_says_the_age(tmp_path: Path) -> None:
    folder = trivy_db.write_database(tmp_path, built_at=MONDAY)
    assert json.loads((folder / "metadata.json").read_text()) == {
        "Version": 2,
        "UpdatedAt": "2099-01-05T12:00:00Z",
        "NextUpdate": "2099-01-06T12:00:00Z",
        "DownloadedAt": "2099-01-05T12:00:00Z",
    }


def test_layer_is_deterministic_and_holds_both_files(tmp_path: Path) -> None:
    one = trivy_db.layer(trivy_db.write_database(tmp_path / "one", built_at=MONDAY))
    two = trivy_db.layer(trivy_db.write_database(tmp_path / "two", built_at=MONDAY))
    assert one == two
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(one))) as archive:
        assert archive.getnames() == ["trivy.db", "metadata.json"]
