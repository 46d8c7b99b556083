"""Which class holds the outputs of which stage, and of the canary and the smoke run beside them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mlops_ci.records.build import BuildOutputs
from mlops_ci.records.canary import CanaryOutputs
from mlops_ci.records.check import CheckOutputs
from mlops_ci.records.deploy import DeployOutputs
from mlops_ci.records.evaluate import EvaluateOutputs
from mlops_ci.records.plan import PlanOutputs
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.publish import PublishOutputs
from mlops_ci.records.report import ReportOutputs
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.records.smoke import SmokeOutputs
from mlops_ci.records.train import TrainOutputs
from mlops_ci.records.verify import VerifyOutputs

OUTPUTS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "plan": PlanOutputs,
        "build": BuildOutputs,
        "check": CheckOutputs,
        "scan": ScanOutputs,
        "prepare": PrepareOutputs,
        "verify": VerifyOutputs,
        "train": TrainOutputs,
        "evaluate": EvaluateOutputs,
        "publish": PublishOutputs,
        "promote": PromoteOutputs,
        "deploy": DeployOutputs,
        "report": ReportOutputs,
        "canary": CanaryOutputs,
        "smoke": SmokeOutputs,
    }
)
