"""For your training script: `from mlops_ci.guest.sdk import log, checkpoint, state, resume, restore, should_stop`.

Inside a run these write to the run's own folders. Outside of one (you started the script by hand) the script runs all
the same: `log` prints its values, `checkpoint` and `resume` do nothing and give None, `should_stop` is always false,
and `save_model` writes to `outputs/`. With several processes (torchrun) only rank 0 writes. Standard library only;
torch is used where you hand over tensors.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union

from mlops_ci.guest import checkpoints, layout, safetensors
from mlops_ci.guest.files import append_line, write_atomic, write_json
from mlops_ci.guest.smoke import watch as smoke_watch
from mlops_ci.guest.smoke.variables import given as smoke_given

Saveable = Union[bytes, Callable[[Path], object], Mapping[str, Any]]
"""What `checkpoint` takes: bytes; a function that fills the file at the path it gets; or a mapping for `torch.save`."""

MODEL_FILE = "model.safetensors"
CONFIG_FILE = "config.json"

_counts: dict[str, int] = {}
_continued: set[str] = set()
_told: set[str] = set()
_seen = {"examples": 0}
_stop = {"asked": False, "installed": False}


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint to resume from; its digest was checked."""

    path: Path
    step: int
    sha256: str

    def load(self, *, map_location: str = "cpu") -> Any:
        """What was saved with `torch.save`, read with `weights_only=True`: tensors, numbers, text, lists, mappings."""
        import torch

        return torch.load(self.path, map_location=map_location, weights_only=True)

    def read_bytes(self) -> bytes:
        """The content, for a checkpoint that was saved as bytes or by a function."""
        return self.path.read_bytes()


def log(step: int | None = None, **metrics: float) -> None:
    """Record metric values for a step; without one, for the next step of these metrics.

    Values may be anything that `float()` takes, a tensor with one element too; others raise `TypeError` or
    `ValueError`.
    """
    if not metrics or not _is_first_rank():
        return
    values = {name: float(value) for name, value in metrics.items()}
    spool = os.environ.get("MLOPS_METRICS_FILE")
    if step is None and spool is not None:
        _go_on_counting(spool)
    for name in values:
        _counts[name] = _counts.get(name, 0) + 1
    if step is None:
        step = max(_counts[name] for name in values)
    if _seen["examples"]:
        values.setdefault("examples", float(_seen["examples"]))
    if spool is None:
        sys.stdout.write(f"step {step} " + " ".join(f"{name}={value:.6g}" for name, value in values.items()) + "\n")
        return
    append_line(Path(spool), {"time": round(time.time(), 3), "step": int(step), **values})


def count(examples: int) -> None:
    """Count examples that were trained on: each `log` has their sum as `examples`, from which their rate is known."""
    if examples < 0:
        raise ValueError("examples cannot be uncounted")
    _seen["examples"] += int(examples)


def checkpoint(step: int, save: Saveable) -> Path | None:
    """Save a checkpoint whole or not at all, and keep the newest two; gives its path, None where nothing was saved.

    Save a mapping of tensors and plain values (`{"model": model.state_dict(), "epoch": 3}`) for `Checkpoint.load`.
    """
    folder = os.environ.get("MLOPS_CHECKPOINT_DIR")
    if folder is None or not _is_first_rank():
        return None
    path = Path(folder) / checkpoints.save(Path(folder), int(step), _writer(int(step), save)).path
    if (watch := smoke_watch.current()) is not None:
        watch.saved()
    return path


def resume() -> Checkpoint | None:
    """The newest checkpoint of this run that is whole, or None to start from scratch.

    A damaged one is passed over with a warning on standard error, and the one before it is taken.
    """
    folder = os.environ.get("MLOPS_CHECKPOINT_DIR")
    if folder is None:
        return None
    if (watch := smoke_watch.current()) is not None:
        watch.resumes()
    entry, warnings = checkpoints.newest_good(Path(folder))
    for warning in warnings:
        sys.stderr.write(f"mlops-ci: {warning}\n")
    _note_resume(entry, warnings)
    if entry is None:
        return None
    return Checkpoint(path=Path(folder) / entry.path, step=entry.step, sha256=entry.sha256)


def state(**parts: Any) -> dict[str, Any]:
    """The whole state of a training, for `checkpoint`: `state(model=model, optimizer=optimizer, epoch=3)`.

    Of a part with a `state_dict` that (model, optimiser, scheduler, scaler, sampler), of anything else the value
    itself; with one process also where the random numbers of Python, NumPy and torch are.
    """
    from mlops_ci.guest import state as whole

    return whole.gather(parts)


def restore(saved: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """Give back what `state` saved: load each part, and put the random numbers where they were.

    `done = restore(resume().load(), model=model, optimizer=optimizer)` gives the plain values, such as `done["epoch"]`.
    Raises `KeyError` for a part that was not saved.
    """
    from mlops_ci.guest import state as whole

    return whole.give_back(saved, parts)


def should_stop() -> bool:
    """True once the run is asked to end: save a checkpoint and return. Cheap enough for every step.

    The first call, in the main thread, takes over SIGTERM where nobody else has.
    """
    if not _stop["installed"]:
        _install()
    stop_file = os.environ.get("MLOPS_STOP_FILE")
    asked = _stop["asked"] or (stop_file is not None and os.path.exists(stop_file))
    watch = smoke_watch.current()
    return asked if watch is None else watch.should_stop() or asked


def smoke() -> int | None:
    """The number of steps after which this smoke run ends; None in a real training.

    For what is not worth its time in a smoke run, such as a long evaluation or the compiling of a model.
    """
    asked = smoke_given(os.environ)
    return None if asked is None else asked[0]


def params() -> dict[str, Any]:
    """The run's parameters (`[train] params`); empty outside of a run."""
    return dict(json.loads(os.environ.get("MLOPS_PARAMS", "{}")))


def output_dir() -> Path:
    """The folder whose content is collected; created when it is not there."""
    folder = Path(os.environ.get("MLOPS_OUTPUT_DIR", "outputs"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def save_model(model: Any, config: Mapping[str, Any] | None = None, *, example: Any = None) -> Path:
    """Write a torch module or state dict as `model.safetensors`, and `config` as `config.json`; gives the path.

    What the module gives for an `example` (a tensor, or several as a tuple) is kept for `parity`.
    """
    tensors = model.state_dict() if hasattr(model, "state_dict") else model
    path = output_dir() / MODEL_FILE
    if _is_first_rank():
        unfinished = path.with_name(f".{path.name}.unfinished")
        safetensors.save(tensors, unfinished)
        os.replace(unfinished, path)
        if config is not None:
            write_json(path.with_name(CONFIG_FILE), dict(config))
        if example is not None:
            from mlops_ci.guest import parity as kept

            kept.keep(model, example, path.parent)
    return path


def parity(model: Any, folder: str | os.PathLike[str] | None = None, *, device: str = "cpu") -> float:
    """The largest absolute difference between what a loaded model gives and what it gave when it was trained.

    For the evaluate command, whose metric it may be; `folder` as in `load_model`. Needs `save_model(example=...)`.
    """
    from mlops_ci.guest import parity as kept

    return kept.difference(model, Path(folder or os.environ.get("MLOPS_MODEL_DIR", "outputs")), device=device)


def load_model(
    folder: str | os.PathLike[str] | None = None, *, device: str = "cpu"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """State dict and config of the model in `folder` (default: `MLOPS_MODEL_DIR`, else `outputs`)."""
    place = Path(folder or os.environ.get("MLOPS_MODEL_DIR", "outputs"))
    config = place / CONFIG_FILE
    return safetensors.load(place / MODEL_FILE, device=device), (
        json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    )


def _go_on_counting(spool: str) -> None:
    """Once: a resumed training counts its values from those that are there, and not from 1 again."""
    if spool in _continued:
        return
    _continued.add(spool)
    from mlops_ci.guest.spool import SpoolReader

    there = SpoolReader(Path(spool))
    for _ in there.all():
        pass
    _counts.update({name: max(count, _counts.get(name, 0)) for name, count in there.counts.items()})


def _writer(step: int, save: Saveable) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        if callable(save):
            save(path)
        elif isinstance(save, bytes):
            write_atomic(path, save)
        else:
            import torch

            torch.save(save, path)
            _tell_if_it_cannot_be_loaded(step, path)

    return write


def _tell_if_it_cannot_be_loaded(step: int, path: Path) -> None:
    """Once, when it can still be changed: a training that can't load its checkpoint begins anew. Reads no tensor."""
    import pickle

    import torch

    if _told:
        return
    try:
        torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        from mlops_ci.guest.weights import needed

        _told.add("checkpoint")
        what = needed(str(error)) or "other objects"
        sys.stderr.write(
            f"mlops-ci: ! the checkpoint of step {step} holds more than load() takes ({what}): save tensors, numbers, "
            "text, lists and mappings of these (array.tolist(), part.state_dict()), or read the file yourself\n"
        )
    except Exception:
        # An older torch knows no mmap: load() will tell.
        _told.add("checkpoint")


def _is_first_rank() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _note_resume(entry: checkpoints.Entry | None, warnings: list[str]) -> None:
    spool = os.environ.get("MLOPS_METRICS_FILE")
    if spool is not None and _is_first_rank():
        step = None if entry is None else entry.step
        write_json(Path(spool).with_name(layout.RESUMED), {"step": step, "warnings": warnings})


def _install() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    _stop["installed"] = True
    if "MLOPS_STOP_FILE" not in os.environ or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return
    owner = os.getpid()

    def handle(number: int, frame: object) -> None:
        del frame
        if os.getpid() != owner:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        _stop["asked"] = True

    signal.signal(signal.SIGTERM, handle)
