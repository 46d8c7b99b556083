"""The table `[train]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlops_ci.settings.units import Duration, Size


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Your training command and its limits. `command` is the only setting that has no default."""

    command: str
    """The command. Placeholders: `{data}` `{output}` `{checkpoints}` `{params.NAME}` `{seed}`. No shell interprets it."""
    params: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Parameters: for placeholders, for `MLOPS_PARAMS`, and recorded in MLflow."""
    outputs: str = "outputs"
    """The folder, relative to the working directory, whose content is collected."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Metrics that the script prints: name = regular expression with one group."""
    gpus: int | Literal["auto"] = "auto"
    """GPUs for the job. `auto`: all with a CUDA variant, none with `cpu`."""
    memory: Size | None = None
    """Limit of main memory."""
    cpus: float | None = None
    """Limit of CPU cores."""
    shm: Size = Size(1024**3)
    """Size of /dev/shm. PyTorch's data loader workers and NCCL pass tensors through it."""
    timeout: Duration = Duration(86400)
    """Limit for the whole training."""
    stall: Duration | None = None
    """Longest silence (no output, no metric) before the training counts as stalled. Default: no limit."""
    grace: Duration = Duration(30)
    """Time to save a checkpoint after a request to stop."""
    retries: int = 2
    """How often a failure that is not the code's is tried again."""
    seed: int = 0
    """Seed, passed as `{seed}` and `MLOPS_SEED`."""
    start_from: Literal["scratch", "champion"] = "scratch"
    """`champion`: the verified champion's files are handed in as `MLOPS_CHAMPION_DIR` and `{champion}`."""
    network: bool = True
    """Whether the training may use the network. MLflow metrics are forwarded from outside either way."""
    secrets: tuple[str, ...] = ()
    """Environment variables to hand to the job; their values are masked in every log."""
    allow_pickle: tuple[str, ...] = ()
    """Names of output files that may hold Python pickles, which run code when they are loaded."""
