"""The user's entry, and what it gives: a function from examples to outputs.

- `FILE:FUNCTION` with a parameter named `folder` gets the model's folder, and gives a torch module, or a function that
  takes a list of examples and gives a list of outputs.
- Any other function or class is a factory of the module: what `config.json` says under the names of its parameters is
  passed on, and the weights of `model.safetensors` are loaded into what it gives.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional

from mlops_ci.guest import safetensors
from mlops_ci.guest.files import read_json
from mlops_ci.guest.serving.config import Example
from mlops_ci.guest.serving.request import RefusedError, misfit, whole

MODEL_FILE = "model.safetensors"
CONFIG_FILE = "config.json"
FOLDER = "folder"

Predict = Callable[[List[Any]], List[Any]]


class EntryError(Exception):
    """The entry gives nothing that can be served: why."""


def load(entry: str, app: Path, model: Path, example: Optional[Example]) -> tuple[Predict, str]:
    """The function that predicts, and the device that it does so on. Raises `EntryError`, and what the entry raises."""
    made = _made(_function(entry, app), entry, model)
    if _is_module(made):
        return _of_module(made, example)
    if not callable(made):
        raise EntryError(f"{entry} gave a {type(made).__name__}: a torch module or a function is expected")
    return _of_function(made), "the entry's own"


def _function(entry: str, app: Path) -> Any:
    file, _, name = entry.rpartition(":")
    path = app / file
    for folder in (app, path.parent):
        sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise EntryError(f"there is no Python file {file} in the image")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not callable(found):
        raise EntryError(f"{file} has no function or class {name}")
    return found


def _made(function: Any, entry: str, model: Path) -> Any:
    parameters = inspect.signature(function).parameters
    if FOLDER in parameters:
        return function(model)
    config = read_json(model / CONFIG_FILE) if (model / CONFIG_FILE).is_file() else {}
    made = function(**arguments(parameters, config if isinstance(config, dict) else {}, entry))
    if not _is_module(made):
        raise EntryError(
            f"{entry} gave a {type(made).__name__}, and has no parameter `{FOLDER}`: a factory gives a torch module"
        )
    made.load_state_dict(safetensors.load(model / MODEL_FILE))
    return made


def arguments(parameters: Mapping[str, inspect.Parameter], config: Mapping[str, Any], entry: str) -> dict[str, Any]:
    """What a factory is called with: the values of the configuration that it has a parameter for."""
    named = [one for one in parameters.values() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    missing = [one.name for one in named if one.default is one.empty and one.name not in config]
    if missing:
        raise EntryError(
            f"{entry} asks for {', '.join(missing)}, which {CONFIG_FILE} beside the weights does not have: save it "
            f"with save_model(config=...), or give the function one parameter `{FOLDER}`"
        )
    return {one.name: config[one.name] for one in named if one.name in config}


def _is_module(made: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(made, torch.nn.Module)


def _of_module(module: Any, example: Optional[Example]) -> tuple[Predict, str]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    module = module.to(device).eval()
    kind = next((one.dtype for one in module.parameters() if one.is_floating_point()), torch.float32)
    names = example is not None and whole(example.inputs)

    def predict(inputs: List[Any]) -> List[Any]:
        wrong = misfit(inputs, example)
        if wrong is not None:
            raise RefusedError(422, wrong)
        with torch.inference_mode():
            tensor = torch.tensor(inputs, dtype=torch.int64 if names else kind, device=device)
            given = module(tensor)
        if not isinstance(given, torch.Tensor):
            raise TypeError(f"the module gave a {type(given).__name__}, no tensor: write an entry with `{FOLDER}`")
        return list(given.float().tolist() if given.is_floating_point() else given.tolist())

    return predict, device


def _of_function(function: Any) -> Predict:
    def predict(inputs: List[Any]) -> List[Any]:
        try:
            given = function(inputs)
        except ValueError as error:
            # By this a function says that it was asked for something that it cannot answer.
            raise RefusedError(422, str(error)) from error
        return list(given.tolist() if hasattr(given, "tolist") else given)

    return predict


def limit_threads(workers: int) -> None:
    """Share the cores among predictions that run at once; before torch is imported. What is set already counts."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // workers)))
