"""Argo Workflows: a plain log; outputs are files that the workflow reads as parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from mlops_ci.files import write_atomic
from mlops_ci.providers.local import TerminalSink
from mlops_ci.providers.stream import LineWriter

OUTPUTS = "/tmp/mlops-ci/outputs"  # noqa: S108  # the pod's own


@dataclass
class ArgoProvider:
    """`MLOPS_CI_ARGO_OUTPUTS` names the folder that the template's `valueFrom: path` reads."""

    environ: Mapping[str, str]
    sink: TerminalSink
    name: str = "argo"
    local: bool = False

    def set_output(self, name: str, value: str) -> None:
        """One file per parameter."""
        self._write(re.sub(r"[^A-Za-z0-9_-]", "-", name), value)

    def summary(self, markdown: str) -> None:
        """A file beside the parameters."""
        self._write("summary.md", markdown)

    def links(self) -> Mapping[str, str]:
        """Argo tells a pod no address."""
        return {}

    def trusted(self) -> tuple[bool, str]:
        """Who may submit workflows is the cluster's decision."""
        return True, "submitted to the cluster"

    def secrets_at_hand(self) -> bool:
        """Who may submit is the cluster's decision, and with it what a pod gets."""
        return False

    def attempt(self) -> str | None:
        """Argo's retry, where the template hands it on."""
        return self.environ.get("MLOPS_CI_ATTEMPT")

    def bring(self, folder: str) -> tuple[str, ...]:  # noqa: ARG002  # part of `Provider`
        """Its volume is the cluster's: there is no command for it."""
        return ()

    def change(self) -> int | None:
        """A workflow is about none."""
        return None

    def base(self) -> tuple[str, ...] | None:
        """No pull request."""
        return None

    def branch(self) -> str | None:
        """Argo tells a pod no branch."""
        return None

    def _write(self, name: str, value: str) -> None:
        write_atomic(Path(self.environ.get("MLOPS_CI_ARGO_OUTPUTS") or OUTPUTS) / name, value)


def argo_provider(environ: Mapping[str, str], stream: TextIO) -> ArgoProvider:
    """The provider for Argo Workflows."""
    return ArgoProvider(environ=environ, sink=TerminalSink(out=LineWriter(stream), colour=False))
