"""All tables together, with where each value came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mlops_ci.settings.check import CheckSettings
from mlops_ci.settings.data import DataSettings
from mlops_ci.settings.deploy import DeploySettings
from mlops_ci.settings.evaluate import EvaluateSettings
from mlops_ci.settings.governance import Governance
from mlops_ci.settings.image import ImageSettings
from mlops_ci.settings.mirrors import MirrorSettings
from mlops_ci.settings.nightly import NightlySettings
from mlops_ci.settings.notify import NotifySettings
from mlops_ci.settings.policy import PolicySettings
from mlops_ci.settings.prepare import PrepareSettings
from mlops_ci.settings.project import ProjectSettings
from mlops_ci.settings.publish import PublishSettings
from mlops_ci.settings.runners import RunnerSettings
from mlops_ci.settings.scan import ScanSettings
from mlops_ci.settings.signing import SigningSettings
from mlops_ci.settings.smoke import SmokeSettings
from mlops_ci.settings.sweep import SweepSettings
from mlops_ci.settings.table import Table
from mlops_ci.settings.tracking import TrackingSettings
from mlops_ci.settings.train import TrainSettings
from mlops_ci.settings.verify import VerifySettings
from mlops_ci.settings.waivers import Exceptions

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(folder: str) -> str:
    """A project's name made from a folder's: other characters than a configured name may have become `-`."""
    return UNSAFE.sub("-", folder).strip("-._") or "project"


@dataclass(frozen=True, kw_only=True)
class Tables(Table):
    """The tables of `mlops.toml`. Only `train` is required."""

    project: ProjectSettings = ProjectSettings()
    image: ImageSettings = ImageSettings()
    check: CheckSettings = CheckSettings()
    data: DataSettings = DataSettings()
    prepare: PrepareSettings = PrepareSettings()
    verify: VerifySettings = VerifySettings()
    train: TrainSettings
    smoke: SmokeSettings = SmokeSettings()
    sweep: SweepSettings = SweepSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    publish: PublishSettings = PublishSettings()
    tracking: TrackingSettings = TrackingSettings()
    deploy: DeploySettings = DeploySettings()
    scan: ScanSettings = ScanSettings()
    signing: SigningSettings = SigningSettings()
    policy: PolicySettings = PolicySettings()
    mirrors: MirrorSettings = MirrorSettings()
    runners: RunnerSettings = RunnerSettings()
    nightly: NightlySettings = NightlySettings()
    notify: NotifySettings = NotifySettings()


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a value came from; `where` names the file and line, the variable or the flag.

    `base`: from the commit that a pull request is based on. `policy`: nobody set it, and the policy is stricter than
    the default.
    """

    kind: Literal["default", "file", "mode", "base", "environment", "set", "policy"]
    where: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The effective settings of a run.

    `root` is the folder of the configuration file: paths in the tables are relative to it. `sources` maps dotted keys
    as written in the file (`train.start-from`, `train.params.lr`) to where the value came from. `effective` is the
    plain tree with the same keys, defaults included, ready for JSON: durations in seconds, sizes in bytes.
    `governance` is what bounds them from outside; `exceptions` is what lets findings of the scan pass.
    """

    root: Path
    file: Path | None
    mode: str | None
    tables: Tables
    sources: Mapping[str, Source] = field(default_factory=dict)
    effective: Mapping[str, object] = field(default_factory=dict)
    governance: Governance = Governance()
    exceptions: Exceptions = Exceptions()

    @property
    def name(self) -> str:
        """The project's name; one made from the folder's name holds no other characters than a configured one."""
        return self.tables.project.name or safe_name(self.root.name)

    @property
    def model(self) -> str:
        """The registered model's name."""
        return self.tables.publish.model or self.name

    @property
    def experiment(self) -> str:
        """The MLflow experiment's name."""
        return self.tables.tracking.experiment or self.name

    def where(self, key: str) -> str:
        """Where a setting (`image.requirements`) was written, for a message."""
        source = self.sources.get(key)
        table, _, name = key.partition(".")
        return f"{source.where}: [{table}] {name}" if source else f"[{table}] {name}"
