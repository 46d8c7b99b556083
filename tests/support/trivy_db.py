"""A small but real Trivy vulnerability database, from a readable description.

Keys and values: aquasecurity/trivy-db pkg/db/*.go and pkg/types/*.go. The result is what Trivy has in its cache
folder after a download: `db/trivy.db` and `db/metadata.json`.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import tarfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import bbolt

DESCRIPTION = Path(__file__).with_name("trivy_db.toml")
SCHEMA_VERSION = 2
STATUS_AFFECTED = 2
VALID = dt.timedelta(hours=24)
PIP_BUCKET = "pip::GitHub Security Advisory pip"
LANGUAGES = {"pip": PIP_BUCKET, "npm": "npm::GitHub Security Advisory npm"}
SOURCES = {
    "debian": {"ID": "debian", "Name": "Debian Security Tracker", "URL": "https://example.com/debian"},
    "ubuntu": {"ID": "ubuntu", "Name": "Ubuntu CVE Tracker", "URL": "https://example.com/ubuntu"},
    "npm": {"ID": "ghsa", "Name": "GitHub Security Advisory npm", "URL": "https://example.com/npm"},
    "pip": {"ID": "ghsa", "Name": "GitHub Security Advisory pip", "URL": "https://example.com/pip"},
}

Tree = dict[str, Any]


def advisories(description: Path = DESCRIPTION) -> list[Mapping[str, Any]]:
    """The advisories of a description file, for use as they are or with a test's own added."""
    return list(tomllib.loads(description.read_text())["advisory"])


def write_database(
    cache: Path, entries: Iterable[Mapping[str, Any]] | None = None, *, built_at: dt.datetime | None = None
) -> Path:
    """Write the database into Trivy's cache folder `cache`; gives the folder `cache/db`.

    `entries` as in trivy_db.toml (default: all of that file); `built_at` is the age that Trivy will see (default: now).
    """
    folder = cache / "db"
    folder.mkdir(parents=True, exist_ok=True)
    known = advisories() if entries is None else list(entries)
    bbolt.write(folder / "trivy.db", encoded(tree(known)))
    (folder / "metadata.json").write_text(json.dumps(_metadata(built_at or dt.datetime.now(dt.UTC))))
    return folder


def layer(folder: Path) -> bytes:
    """The database as the one layer of the OCI artifact that `--db-repository` downloads."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("trivy.db", "metadata.json"):
            data = (folder / name).read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def tree(entries: Iterable[Mapping[str, Any]]) -> Tree:
    """The database's buckets and values. The bucket `vulnerability` must exist, if empty, or Trivy panics."""
    buckets: Tree = {"data-source": {}, "vulnerability": {}}
    for entry in entries:
        buckets["vulnerability"][entry["id"]] = {
            "Title": entry["title"],
            "Description": entry["title"],
            "Severity": entry["severity"],
            "References": [f"https://example.com/{entry['id']}"],
            **({"PublishedDate": entry["published"]} if "published" in entry else {}),
        }
        for affected in entry["affects"]:
            bucket = LANGUAGES.get(affected["in"], affected["in"])
            buckets["data-source"][bucket] = SOURCES[affected["in"].split()[0]]
            package = buckets.setdefault(bucket, {}).setdefault(affected["package"], {})
            of_language = affected["in"] in LANGUAGES
            package[entry["id"]] = _language_advisory(affected) if of_language else _system_advisory(affected)
    return buckets


def _system_advisory(affected: Mapping[str, Any]) -> Tree:
    return {"FixedVersion": affected["fixed"]} if "fixed" in affected else {"Status": STATUS_AFFECTED}


def _language_advisory(affected: Mapping[str, Any]) -> Tree:
    fixed = {"PatchedVersions": [affected["fixed"]]} if "fixed" in affected else {}
    return {"VulnerableVersions": [affected["vulnerable"]], **fixed}


def encoded(buckets: Tree) -> bbolt.Bucket:
    """Names as bytes, values as JSON; a bucket's values are leaves below `vulnerability` and `data-source`."""
    leaves = {"data-source", "vulnerability"}
    return {
        name.encode(): {
            key.encode(): _json(value) if name in leaves else {i.encode(): _json(v) for i, v in value.items()}
            for key, value in bucket.items()
        }
        for name, bucket in buckets.items()
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _metadata(built_at: dt.datetime) -> Tree:
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    return {
        "Version": SCHEMA_VERSION,
        "UpdatedAt": built_at.strftime(stamp),
        "NextUpdate": (built_at + VALID).strftime(stamp),
        "DownloadedAt": built_at.strftime(stamp),
    }
