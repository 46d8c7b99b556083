"""A call-back that gives Transformers' Trainer what the SDK has: metrics, checkpoints, resume, and a polite end."""

import os
import shutil
import tarfile
from pathlib import Path

from transformers import TrainerCallback

from mlops_ci.guest.sdk import checkpoint, log, resume, should_stop

FOLDER = "resumed"


class MlopsCallback(TrainerCallback):
    """Logs what the Trainer logs, keeps each checkpoint that it saves, and stops when the run is asked to end.

    The Trainer decides when it saves (`save_strategy`, `save_steps`); its folder, which has the whole state, becomes
    one file of ours: whole or not at all, with a digest.
    """

    def on_log(self, args, state, control, logs=None, **_) -> None:
        if state.is_world_process_zero:
            numbers = {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
            log(step=state.global_step, **numbers)

    def on_step_end(self, args, state, control, **_):
        if should_stop():
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_save(self, args, state, control, **_) -> None:
        folder = Path(args.output_dir, f"checkpoint-{state.global_step}")
        if state.is_world_process_zero and folder.is_dir():
            checkpoint(state.global_step, lambda path: _pack(folder, path))


def resume_folder(work: str | os.PathLike[str] = FOLDER) -> str | None:
    """For `trainer.train(resume_from_checkpoint=resume_folder())`: a folder as the Trainer saved it, or None."""
    found = resume()
    if found is None:
        return None
    target = Path(work, f"checkpoint-{found.step}")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tarfile.open(found.path) as archive:
        # Filters came with Python 3.11.4; before, everything is taken as `_pack` wrote it.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(target)
    return str(target)


def _pack(folder: Path, path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for one in sorted(folder.rglob("*")):
            archive.add(one, one.relative_to(folder).as_posix(), recursive=False)
