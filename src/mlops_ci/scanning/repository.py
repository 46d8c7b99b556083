"""Secrets and Dockerfiles of the user's repository: of the files that are its code, not of what git ignores.

The files are copied into a folder of their own, next to two planted ones, a secret and a poor Dockerfile. Only a scan
that finds the planted ones has looked; nothing in the repository (`trivy.yaml`, `.trivyignore`) can tell it not to.

To judge Dockerfiles costs Trivy more than a second of processor time before it has read one: a repository in which no
file is named like one is only searched for secrets.
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlops_ci.run.lineage import CodeFile, code_digest, code_files, copy_code
from mlops_ci.scanning.analysis import skip_archives, skip_secrets
from mlops_ci.scanning.memory import remembered
from mlops_ci.scanning.report import Report, parse
from mlops_ci.scanning.scratch import scratch
from mlops_ci.scanning.trivy import ScannerBrokenError, Trivy

NAME = "repository"
PLANTED = "mlops-ci-planted"
# Shaped like an access key, put together here so that no scanner takes this file for a leak. It opens nothing.
PLANTED_SECRET = f"aws_access_key_id = {'AK' + 'IA'}{'Q3EGRJK7' * 2}\n"
PLANTED_DOCKERFILE = "FROM scratch\nUSER root\n"


def scan_repository(root: Path, *, trivy: Trivy, secrets: bool, timeout: float) -> Report:
    """The report on the repository; `packages` is empty, as manifests of a repository are not what runs.

    Raises `ScannerBrokenError` when the planted files were not found.
    """
    files = tuple(one for one in code_files(root) if one.link is None)
    dockerfiles = any(named_like_dockerfile(one.path) for one in files)
    options = [*_scanners(secrets=secrets, dockerfiles=dockerfiles or not secrets), *skip_secrets(), *skip_archives()]
    key = ["repository", trivy.sha256, options, code_digest(root, files)]
    return remembered(trivy.cache, key, lambda: _scan(root, files, options, trivy=trivy, timeout=timeout))


def _scan(root: Path, files: tuple[CodeFile, ...], options: Sequence[str], *, trivy: Trivy, timeout: float) -> Report:
    what = "scanning the repository"
    with scratch(trivy.cache, "repository") as folder:
        copy = folder / "code"
        copy_code(root, files, copy)
        planted = f"{PLANTED}-{randomness.token_hex(4)}"
        _plant(copy / planted)
        answer = trivy.json(["fs", *options, "--format", "json", copy], what=what, timeout=timeout)
    report = parse(answer, name=NAME, what=what)
    own = f"{NAME}: {planted}/"
    _prove({one.kind for one in report.findings if one.where.startswith(own)}, wanted=options[1])
    return replace(
        report,
        packages={},
        findings=tuple(one for one in report.findings if not one.where.startswith(own)),
        configurations={path: count for path, count in report.configurations.items() if not path.startswith(planted)},
    )


def named_like_dockerfile(path: str) -> bool:
    """Whether Trivy could take the file for a Dockerfile.

    By the name alone it knows `Dockerfile`, `Containerfile`, these with a suffix, and files with such a suffix, in any
    case (Trivy 0.76, pkg/iac/detection). More names are taken here than there: one too many costs time, one too few
    would be a Dockerfile that nobody has judged.
    """
    name = path.rpartition("/")[2].lower()
    return "dockerfile" in name or "containerfile" in name


def _scanners(*, secrets: bool, dockerfiles: bool) -> list[str]:
    wanted = [*(["secret"] if secrets else []), *(["misconfig"] if dockerfiles else [])]
    return ["--scanners", ",".join(wanted), *(["--misconfig-scanners", "dockerfile"] if dockerfiles else [])]


def _plant(folder: Path) -> None:
    folder.mkdir()
    (folder / "settings.ini").write_text(PLANTED_SECRET)
    (folder / "Dockerfile").write_text(PLANTED_DOCKERFILE)


def _prove(found: set[str], *, wanted: str) -> None:
    kinds = {"secret": "secret", "misconfig": "misconfiguration"}
    missing = {kinds[scanner] for scanner in wanted.split(",")} - found
    if missing:
        raise ScannerBrokenError(
            f"the scan of the repository did not find the planted {' and '.join(sorted(missing))}: it has not looked",
            hint="is this the Trivy that is pinned?",
        )
