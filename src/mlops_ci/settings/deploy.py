"""The table `[deploy]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.image import Package, Variant
from mlops_ci.settings.marks import Example, Form, Range, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.units import Duration, Size
from mlops_ci.settings.words import Count, Text, Variable

Entry = Annotated[
    str, Form(r"^[^\s:]+\.py:[A-Za-z_][A-Za-z0-9_]*$", 'a file and a function in it, such as "serve.py:load"')
]


@dataclass(frozen=True, kw_only=True)
class DeploySettings(Table):
    """An image that serves the new champion. `entry` switches the stage on; Docker engine only."""

    entry: Annotated[Entry | None, Example("serve.py:load")] = None
    """`FILE:FUNCTION`, relative to this file. With a parameter `folder` it gets the model's folder and gives a torch
    module, or a function from a list of examples to a list of outputs. Else it is a factory of the module: it is called
    with what `config.json` has for its arguments, and gets the weights of `model.safetensors`."""
    files: tuple[Text, ...] = ()
    """Files and folders of the repository that the image holds. Default: the Python files in the entry's folder and
    below."""
    layer: Annotated[Literal["torch", "python"] | None, Example("python")] = None
    """What the image is built on: PyTorch, or Python alone for a model that needs no PyTorch. Default: `python` where
    `[image] layer` is that, else `torch`."""
    requirements: Annotated[Text | None, Example("serve-requirements.txt")] = None
    """What serving needs beside that layer, relative to this file. What training needs is not in the image."""
    apt: tuple[Package, ...] = ()
    """Debian packages that serving needs."""
    variant: Variant = "cpu"
    """The build of PyTorch that serves: `cpu`, or a CUDA variant such as `cu128`."""
    example: Annotated[Text | None, Example("example.json")] = None
    """A file among those of the model with a recorded request: `{"inputs": [...], "outputs": [...]}`. Default: what
    `save_model(example=...)` kept."""
    tolerance: Annotated[Annotated[float, Range(0)], Stricter("lower")] = 1e-4
    """How far a number may be from the recorded one: absolute, or that share of it if that is more."""
    port: Annotated[int, Range(1, 65535)] = 8080
    """Port that the server listens on."""
    workers: Annotated[int, Range(1, 256)] = 1
    """Predictions at the same time; they share the cores."""
    queue: Count = 16
    """Requests that may wait for them. All others get 503 with `Retry-After`."""
    max_batch: Annotated[int, Range(1)] = 64
    """Examples in one request."""
    max_body: Size = Size(4 * 1024**2)
    """Largest body of a request."""
    timeout: Duration = Duration(30)
    """Limit for an answer."""
    drain: Duration = Duration(20)
    """Time for requests under way when the server is asked to end."""
    start: Duration = Duration(120)
    """Limit for the smoke test: from the start of the container until the model has answered its example."""
    command: Annotated[Text | None, Example("./rollout.sh {image}")] = None
    """Run without a shell once the smoke test has passed: hands `{image}` (name and digest) to your own deployment.
    Only if it ends with 0 the image counts as deployed."""
    secrets: Annotated[tuple[Variable, ...], Stricter("fewer")] = ()
    """Environment variables to hand to `command`; their values are masked in every log."""
