"""The environment of the job: ours on top of the image's, every writable place inside the task's own folder."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from mlops_ci.guest import layout
from mlops_ci.guest.ranks import plan as launch_plan
from mlops_ci.guest.ranks import variables as launch_variables
from mlops_ci.guest.smoke import variables as smoke_variables
from mlops_ci.guest.task import Task

LONGEST_TMPDIR = 64
"""Characters of TMPDIR up to which `TMPDIR/pymp-XXXXXXXX/listener-XXXXXXXX` still fits a socket address (unix(7): 108
bytes). PyTorch's data loader workers pass tensors through such sockets."""

SITE = Path("mlops_ci", "guest", "site")

LINKS = Path("/tmp")
LINK = "mlops-tmp-"

WRITABLE = {
    "HOME": "home",
    "XDG_CACHE_HOME": "home/.cache",
    "XDG_CONFIG_HOME": "home/.config",
    "XDG_DATA_HOME": "home/.local/share",
    "XDG_STATE_HOME": "home/.local/state",
    "MPLCONFIGDIR": "home/.config/matplotlib",
    "TORCH_HOME": "home/.cache/torch",
    "TORCHINDUCTOR_CACHE_DIR": "home/.cache/torchinductor",
    "TRITON_CACHE_DIR": "home/.cache/triton",
    "CUDA_CACHE_PATH": "home/.cache/nv",
    "HF_HOME": "home/.cache/huggingface",
    "NUMBA_CACHE_DIR": "home/.cache/numba",
    "IPYTHONDIR": "home/.ipython",
}


def job_environment(task: Task, inherited: Mapping[str, str], tmpdir: Path) -> dict[str, str]:
    """The variables of the job: inherited, then writable places, the task's own, and last ours, which always hold.

    `tmpdir` becomes TMPDIR. Folders are created by `prepare_folders`.
    """
    folder = task.paths
    environment = {name: value for name, value in inherited.items() if name not in ("PYTHONHOME", "PYTHONSTARTUP")}
    environment.update({name: str(folder.tmp / place) for name, place in WRITABLE.items()})
    environment.update({"TMPDIR": str(tmpdir), "PYTHONFAULTHANDLER": "1"})
    environment.update(task.environment or {})
    environment.update(
        {
            "MLOPS_RUN_ID": task.run,
            "MLOPS_STAGE": task.stage,
            "MLOPS_OUTPUT_DIR": str(folder.output),
            "MLOPS_SEED": str(task.seed),
            "MLOPS_PARAMS": json.dumps(task.params or {}, sort_keys=True),
            "MLOPS_METRICS_FILE": str(folder.job / layout.METRICS),
            "MLOPS_STOP_FILE": str(folder.job / layout.STOP),
            "PYTHONUNBUFFERED": "1",
            "PYTHONHASHSEED": str(task.seed % 2**32),
            **launch_variables.variables(task.launch, environment, launch_plan.words(task, task.launch)),
            "PATH": _path(environment.get("PATH", os.defpath), folder.extra),
            **smoke_variables.variables(task),
            "PYTHONPATH": _python_path(task, environment),
        }
    )
    for name in ("data", "checkpoints", "model", "champion"):
        variable = f"MLOPS_{'CHECKPOINT' if name == 'checkpoints' else name.upper()}_DIR"
        path = getattr(folder, name)
        environment.pop(variable, None)
        if path is not None:
            environment[variable] = str(path)
    return environment


def prepare_folders(task: Task) -> None:
    """Create the writable places; raises `OSError` where that is not possible."""
    for place in ["tmp", *WRITABLE.values()]:
        (task.paths.tmp / place).mkdir(parents=True, exist_ok=True)
    task.paths.output.mkdir(parents=True, exist_ok=True)


def short_tmpdir(task: Task) -> Path:
    """The job's TMPDIR: inside its own folder, through a short link in /tmp where the path would be too long."""
    real, link = task.paths.tmp / "tmp", short_link(task)
    if len(str(real)) <= LONGEST_TMPDIR:
        return real
    try:
        for older in link.parent.glob(f"{LINK}*"):
            if older == link or not older.exists():
                remove_link(older)
        link.symlink_to(real)
    except OSError:
        return real
    return link


def short_link(task: Task) -> Path:
    """The link's name: the same for each attempt, so that the next one takes over what a killed one left."""
    return LINKS / f"{LINK}{hashlib.sha256(os.fsencode(task.paths.tmp)).hexdigest()[:12]}"


def remove_link(link: Path) -> None:
    """Remove a link that `short_tmpdir` made; anything else is left alone."""
    if link.is_symlink() and link.lstat().st_uid == os.getuid():
        link.unlink()


def _path(path: str, extra: Path | None) -> str:
    own = str(Path(sys.executable).parent)
    found = path if own in path.split(os.pathsep) else _joined(own, path)
    return found if extra is None else _joined(str(extra / "bin"), found)


def _python_path(task: Task, environment: Mapping[str, str]) -> str:
    """The SDK, then what is put over the image, then what the image or the user names.

    In a smoke run, and where there is an MLflow run, a `sitecustomize` of ours comes first, and then hands on.
    """
    root, inherited, extra = layout.root(), environment.get("PYTHONPATH", ""), task.paths.extra
    works_within = task.smoke is not None or bool(environment.get(layout.MLFLOW_RUN))
    ours = os.pathsep.join([str(root / SITE), str(root)] if works_within else [str(root)])
    return _joined(ours, inherited if extra is None else _joined(str(extra), inherited))


def _joined(first: str, rest: str) -> str:
    return first + (os.pathsep + rest if rest else "")
