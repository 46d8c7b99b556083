"""The table `[train]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Range, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration, Size
from mlops_ci.settings.words import Count, Meeting, Text, Variable

# NumPy's limit (numpy.random.seed); PyTorch and `random` take more.
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class TrainSettings(Table):
    """Your training command and its limits. `command` is the only setting that has no default."""

    command: Text
    """The command, run without a shell. Placeholders: `{data}` `{output}` `{checkpoints}` `{seed}` `{params.NAME}`."""
    params: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """Parameters: for placeholders, for `MLOPS_PARAMS`, and recorded in MLflow."""
    outputs: Text = "outputs"
    """The folder, relative to the working directory, whose content is collected."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Metrics that the script prints: name = regular expression with one group for the value, and if you like groups
    named `step` or `epoch`."""
    gpus: Count | Literal["auto"] = "auto"
    """GPUs for the job. `auto`: all with a CUDA variant, none with `cpu`."""
    processes: Annotated[int, Range(1, 1024)] | Literal["auto"] = "auto"
    """Processes of the training on a node, each with the command. `auto`: one for each GPU, one on a CPU. More than one
    are started by torchrun."""
    nodes: Annotated[int, Range(1, 1024)] = 1
    """Nodes that train together. Each runs `mlops-ci run train --only`, with the same settings but `node`."""
    node: Count = 0
    """Which of the nodes this is, from 0: as a rule from the environment, `MLOPS_CI_TRAIN__NODE`. Node 0 has rank 0."""
    rendezvous: Annotated[Meeting | None, Example("node-0.internal:29400")] = None
    """Where several nodes meet: an address of node 0, and a port that is free there."""
    memory: Annotated[Size | None, Example("8g")] = None
    """Limit of main memory. Default: no limit."""
    cpus: Annotated[Annotated[float, Range(0, above=True)] | None, Example(4)] = None
    """Limit of CPU cores. Default: no limit."""
    shm: Size = Size(1024**3)
    """Size of /dev/shm. PyTorch's data loader workers and NCCL pass tensors through it."""
    timeout: Annotated[Duration, Stricter("lower")] = Duration(86400)
    """Limit for the whole training."""
    stall: Annotated[Duration | None, Example("30m")] = None
    """Longest silence (no output, no metric) before the training counts as stalled. Default: no limit."""
    gpu_idle: Annotated[Duration | None, Example("30m")] = None
    """Longest time in which the GPUs that the training uses have nothing to do before it counts as stalled, whatever it
    prints. Default: no limit."""
    grace: Duration = Duration(30)
    """Time to save a checkpoint after a request to stop."""
    checkpoint_store: Annotated[Text | None, Example("s3://bucket/checkpoints"), Stricter("listed-or-unset")] = None
    """Where every checkpoint of the SDK is kept too: `s3://bucket/prefix`, or a folder that machines share. On another
    machine the same run resumes from there. Default: they stay on this machine, and in what jobs hand on."""
    retries: Annotated[int, Range(0, 100)] = 2
    """How often a failure that is not the code's is tried again; each class has its own limit too. 0: nothing is."""
    seed: Annotated[int, Range(0, LARGEST_SEED)] = 0
    """Seed, passed as `{seed}` and `MLOPS_SEED`."""
    start_from: Literal["scratch", "champion"] = "scratch"
    """`champion`: the verified champion's files are handed in as `MLOPS_CHAMPION_DIR` and `{champion}`."""
    network: Annotated[bool, Stricter("false")] = True
    """Whether the training may use the network. MLflow metrics are forwarded from outside either way."""
    secrets: Annotated[tuple[Variable, ...], Stricter("fewer")] = ()
    """Environment variables to hand to the job; their values are masked in every log."""
    allow_pickle: Annotated[tuple[Text, ...], Stricter("fewer")] = ()
    """Names of output files that may hold Python pickles, which run code when they are loaded."""
