"""A call-back that gives Lightning's Trainer what the SDK has: metrics, checkpoints, resume, and a polite end."""

import os
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from mlops_ci.guest.sdk import checkpoint, log, resume, should_stop


class MlopsCallback(Callback):
    """Logs what the module logs, saves every `every` steps, and stops when the run is asked to end.

    Lightning's own checkpoints hold the whole state: optimisers, schedulers, loops, precision. With several processes
    each of them must take part in saving one, and the first hands it over.
    """

    def __init__(self, every: int = 100) -> None:
        self.every = every
        self.saved_at = -1

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        step = trainer.global_step
        metrics = {name: float(value) for name, value in trainer.logged_metrics.items() if _is_number(value)}
        if metrics and step % trainer.log_every_n_steps == 0:
            log(step=step, **metrics)
        stop = trainer.strategy.reduce_boolean_decision(should_stop(), all=False)
        if stop or step - max(self.saved_at, 0) >= self.every:
            self.save(trainer)
        if stop:
            trainer.should_stop = True

    def on_validation_end(self, trainer, pl_module) -> None:
        if not trainer.sanity_checking:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if _is_number(value)}
            log(step=trainer.global_step, **metrics)

    def on_train_end(self, trainer, pl_module) -> None:
        self.save(trainer)

    def save(self, trainer) -> None:
        """A checkpoint of this step, unless there is one."""
        step = trainer.global_step
        folder = os.environ.get("MLOPS_CHECKPOINT_DIR")
        if step == self.saved_at or folder is None:
            return
        self.saved_at = step
        written = Path(folder, f"lightning-{step}.part")
        trainer.save_checkpoint(written)
        if trainer.is_global_zero:
            checkpoint(step, lambda path: os.replace(written, path))
        trainer.strategy.barrier()


def resume_path() -> str | None:
    """For `trainer.fit(..., ckpt_path=resume_path())`: the newest whole checkpoint, or None to start from scratch."""
    found = resume()
    return None if found is None else str(found.path)


def _is_number(value) -> bool:
    return getattr(value, "numel", lambda: 1)() == 1
