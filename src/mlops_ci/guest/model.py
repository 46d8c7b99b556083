"""The canonical model: safetensors and small data files, made from what the training left in its output folder.

- `*.safetensors` are checked and kept (a single one becomes `model.safetensors`).
- Else one `.pt`, `.pth`, `.bin` or `.ckpt` is converted, if torch reads it as plain weights. With several, the one
  named `model`, else `best`, `final`, `last`; else it is not ours to guess.
- A pickle is refused unless its file name is allowed in `[train] allow_pickle`; then it is copied as it is. So is one
  beside the weights; what is not allowed there is told and stays behind.
- Beside it small data files (configuration, vocabulary, ...) are copied. Nothing executable, nothing through a link
  that leaves the output folder, and no model that lay there before the training started.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_ci.guest import safetensors
from mlops_ci.guest.files import describe
from mlops_ci.guest.pickles import holds_pickle
from mlops_ci.guest.weights import CONVERTED, UNSAFE

MODEL_FILE = "model.safetensors"
TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")
PREFERRED = ("model", "best", "final", "last")
SMALL_SUFFIXES = (
    ".json", ".txt", ".yaml", ".yml", ".toml", ".csv", ".tsv", ".md", ".model", ".vocab", ".merges", ".png", ".svg",
    ".html",
)  # fmt: skip
SMALL_BYTES = 32 * 1024 * 1024
LEFT = "links out of the folder, old, large or executable files, pickles and further weights"

Stamps = Mapping[str, "tuple[int, int]"]
Convert = Callable[[Path, Path], Mapping[str, Any]]


class NoModelError(Exception):
    """A model was demanded and none was found: what was looked at."""


class UnsafeModelError(Exception):
    """What was found may not be used: which file, and why."""


@dataclass
class Found:
    """The files of an output folder by use; names are relative to it. `refused` are links out of it.

    `pickles` are those by name, and small files that hold one.
    """

    safetensors: list[Path] = field(default_factory=list)
    torch: list[Path] = field(default_factory=list)
    pickles: list[Path] = field(default_factory=list)
    small: list[Path] = field(default_factory=list)
    refused: list[Path] = field(default_factory=list)
    stale: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def stamps(output: Path) -> dict[str, tuple[int, int]]:
    """Modification time (ns) and size of every file, to tell later what the training itself wrote."""
    return {
        path.relative_to(output).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in _files(output)
        if path.is_file()
    }


def find(output: Path, before: Stamps) -> Found:
    """Sort the files of `output`; `before` are the stamps from the start of the training."""
    found = Found()
    root = output.resolve()
    for path in _files(output):
        name = path.relative_to(output)
        real = path.resolve()
        if not real.is_relative_to(root):
            found.refused.append(name)
        elif not real.is_file():
            continue
        elif path.suffix in (".safetensors", *TORCH_SUFFIXES, *PICKLE_SUFFIXES) and _unchanged(path, name, before):
            found.stale.append(name)
        else:
            _sort(found, path, name)
    return found


def canonicalise(
    output: Path, model: Path, *, allow_pickle: tuple[str, ...], before: Stamps, convert: Convert
) -> tuple[dict[str, Any], list[str]]:
    """Fill the folder `model`; gives `{"files": [{path, bytes, sha256}]}` and warnings.

    `convert(source, target)` is `weights.convert`, or something that runs it elsewhere. Raises `NoModelError`,
    `UnsafeModelError`, `OSError`.
    """
    found = find(output, before)
    _empty(model)
    taken, warnings = _weights(output, model, found, allow_pickle, convert)
    beside = [name for name in (*found.torch, *found.pickles) if name not in taken]
    allowed = [name for name in beside if name.name in allow_pickle]
    if allowed:
        for name in allowed:
            _copy(output / name, model / name)
        warnings.append(f"{', '.join(map(str, allowed))}: a pickle, allowed by name; it runs code when it is loaded")
    for name in found.small:
        if not (model / name).exists():
            _copy(output / name, model / name)
    left = [*found.refused, *found.stale, *found.others, *(name for name in beside if name not in allowed)]
    if left:
        names = ", ".join(map(str, left[:8])) + (" ..." if len(left) > 8 else "")
        warnings.append(f"not part of the model ({LEFT}): {names}")
    return {"files": [describe(path, model) for path in sorted(_files(model))]}, warnings


def _weights(
    output: Path, model: Path, found: Found, allow_pickle: tuple[str, ...], convert: Convert
) -> tuple[list[Path], list[str]]:
    """What the weights were made of, and warnings; nothing where an allowed pickle stands for them."""
    if found.safetensors:
        _keep_safetensors(output, model, found.safetensors)
        return found.safetensors, []
    if found.torch:
        source = _choose(found.torch)
        answer = convert(output / source, model / MODEL_FILE)
        if answer["result"] == CONVERTED:
            return [source], [f"{source}: {note}" for note in answer["notes"]]
        (model / MODEL_FILE).unlink(missing_ok=True)
        if source.name not in allow_pickle:
            kind = UnsafeModelError if answer["result"] == UNSAFE else NoModelError
            raise kind(f"{source} is no model that can be published: {answer['reason']}")
    if any(name.name in allow_pickle for name in (*found.torch, *found.pickles)):
        return [], []
    if found.pickles:
        raise UnsafeModelError(f"{found.pickles[0]} is a pickle, which runs code when it is loaded")
    if found.refused:
        raise UnsafeModelError(f"{found.refused[0]} is a link that leaves the output folder")
    if found.stale:
        raise NoModelError(f"{found.stale[0]} was there before the training, which did not write it")
    raise NoModelError(f"the training left no model in {output.name}/")


def _keep_safetensors(output: Path, model: Path, names: list[Path]) -> None:
    for name in names:
        try:
            safetensors.read_header(output / name)
        except safetensors.SafetensorsError as error:
            raise UnsafeModelError(f"{name} is no valid safetensors file: {error}") from error
        _copy(output / name, model / (Path(MODEL_FILE) if len(names) == 1 else name))


def _choose(names: list[Path]) -> Path:
    for wanted in PREFERRED:
        named = [name for name in names if name.stem == wanted]
        if len(named) == 1:
            return named[0]
    if len(names) > 1:
        shown = ", ".join(map(str, names[:8]))
        raise NoModelError(f"several files may be the model ({shown}): name one of them model{names[0].suffix}")
    return names[0]


def _sort(found: Found, path: Path, name: Path) -> None:
    if path.suffix == ".safetensors":
        found.safetensors.append(name)
    elif path.suffix in TORCH_SUFFIXES:
        found.torch.append(name)
    elif path.suffix in PICKLE_SUFFIXES:
        found.pickles.append(name)
    elif path.suffix in SMALL_SUFFIXES and path.stat().st_size <= SMALL_BYTES:
        (found.pickles if holds_pickle(path) else found.small).append(name)
    else:
        found.others.append(name)


def _unchanged(path: Path, name: Path, before: Stamps) -> bool:
    stat = path.stat()
    return before.get(name.as_posix()) == (stat.st_mtime_ns, stat.st_size)


def _files(folder: Path) -> list[Path]:
    """Everything below `folder` that is no folder itself; a link to a folder is listed, not followed."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        linked = [name for name in folders if Path(root, name).is_symlink()]
        found.extend(Path(root, name) for name in (*names, *linked) if not name.startswith("."))
    return sorted(found)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
