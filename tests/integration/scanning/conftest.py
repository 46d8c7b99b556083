"""A project with an environment to scan, made by hand, and the real Trivy with a cache of its own."""

from __future__ import annotations

import datetime as dt
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlops_ci.console import Console
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.scanning.binary import find
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.places import Sources
from mlops_ci.scanning.sbom import write_sboms
from mlops_ci.scanning.scan import Scan, scan
from mlops_ci.scanning.trivy import Trivy
from mlops_ci.settings.mirrors import MirrorSettings
from mlops_ci.settings.scan import ScanSettings
from mlops_ci.settings.waivers import Exceptions
from support import trivy_db
from support.heard import Heard
from support.oci_server import OciServer, trivy_database_server


@dataclass
class Project:
    """A repository beside an environment; `scan` does what the stages build and scan do."""

    folder: Path
    scanner: Trivy
    heard: Heard = field(default_factory=Heard)

    @property
    def root(self) -> Path:
        return self.folder / "repository"

    @property
    def environment(self) -> Path:
        return self.folder / "environment"

    @property
    def reports(self) -> Path:
        return self.folder / "run" / "scan"

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def install(self, name: str, version: str = "1.0", environment: str = "environment") -> None:
        """What an installed package looks like to a scanner."""
        place = f"{environment}/lib/python3.11/site-packages/{name.replace('-', '_')}-{version}.dist-info/METADATA"
        self.write(place, f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")

    def targets(self) -> tuple[ScanTarget, ...]:
        return (ScanTarget(kind="environment", ref=f"env:{self.environment}", name="top"),)

    def sboms(self, targets: Iterable[ScanTarget] | None = None) -> tuple[Path, ...]:
        return write_sboms(tuple(targets or self.targets()), self.folder / "run" / "sbom", trivy=self.scanner)

    def scan(
        self,
        repository: str | None = None,
        *,
        local: bool = True,
        targets: tuple[ScanTarget, ...] = (),
        sboms: tuple[Path, ...] = (),
        layers: Mapping[str, str] | None = None,
        exceptions: Exceptions = Exceptions(),
        **settings: Any,
    ) -> ScanOutputs:
        named = targets or self.targets()
        self.reports.mkdir(parents=True, exist_ok=True)
        return scan(
            Scan(
                targets=named,
                paths=sboms or self.sboms(named),
                settings=ScanSettings(**settings),
                mirrors=MirrorSettings(trivy_db=repository),
                trivy=self.scanner,
                reports=self.reports,
                local=local,
                root=self.root,
                console=Console(sink=self.heard),
                layers=layers or {},
                exceptions=exceptions,
                sources=Sources(root=self.root),
            )
        )


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Trivy found in equal repositories and in the layers of the base image: some seconds for every test."""
    folder = tmp_path_factory.mktemp("known")
    (folder / "results").mkdir()
    (folder / "fanal").mkdir()
    return folder


@pytest.fixture
def project(trivy: Path, tmp_path: Path, known: Path) -> Project:
    """A clean one: two packages, one script."""
    made = Project(folder=tmp_path, scanner=find(tmp_path, cache=tmp_path / "cache"))
    made.scanner.cache.mkdir()
    for name in ("results", "fanal"):
        (made.scanner.cache / name).symlink_to(known / name)
    made.write("repository/train.py", "print('loss: 0.1')\n")
    subprocess.run(["git", "init", "-q", made.root], check=True)
    made.install("numpy", "2.0")
    made.install("harmless")
    return made


@pytest.fixture
def trivy_db_of(tmp_path: Path):
    """Serves databases made from a test's own choice of advisories: `trivy_db_of(change, built_at=None)`."""
    with ExitStack() as opened:

        def serve(change: Callable[[list[Any]], list[Any]], built_at: dt.datetime | None = None) -> OciServer:
            place = Path(tempfile.mkdtemp(dir=tmp_path))
            folder = trivy_db.write_database(place, change(trivy_db.advisories()), built_at=built_at)
            return opened.enter_context(trivy_database_server(folder))

        yield serve
