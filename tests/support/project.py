"""A small consumer repository whose training is quick, resumable and needs no torch: for whole runs in tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.image_projects import locked, write_wheel

TRAIN = '''"""Learns the mean of a list by gradient descent; checkpoints each epoch; writes a safetensors file."""
import json, os, struct, sys, time
from mlops_ci.guest.sdk import checkpoint, log, resume

epochs, seconds, rate = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
data = [float(x) for x in open(os.path.join(os.environ["MLOPS_DATA_DIR"], "numbers.txt")).read().split()]
mean = sum(data) / len(data)
state = {"epoch": 0, "weight": 0.0}
found = resume()
if found is not None:
    state = json.loads(open(found.path).read())
while state["epoch"] < epochs:
    time.sleep(seconds / epochs)
    state["weight"] -= rate * 2 * (state["weight"] - mean)
    state["epoch"] += 1
    error = abs(state["weight"] - mean)
    log(step=state["epoch"], loss=error * error, closeness=1 / (1 + error))
    checkpoint(state["epoch"], json.dumps(state).encode())
    print("epoch", state["epoch"], "error", error, flush=True)
header = json.dumps({"weight": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}).encode()
header += b" " * (-len(header) % 8)
os.makedirs(os.environ["MLOPS_OUTPUT_DIR"], exist_ok=True)
with open(os.path.join(os.environ["MLOPS_OUTPUT_DIR"], "model.safetensors"), "wb") as file:
    file.write(struct.pack("<Q", len(header)) + header + struct.pack("<d", state["weight"]))
'''

EVALUATE = '''"""How near the model is to the mean of the data."""
import json, os, struct

raw = open(os.path.join(os.environ["MLOPS_MODEL_DIR"], "model.safetensors"), "rb").read()
weight = struct.unpack("<d", raw[-8:])[0]
data = [float(x) for x in open(os.path.join(os.environ["MLOPS_DATA_DIR"], "numbers.txt")).read().split()]
closeness = 1 / (1 + abs(weight - sum(data) / len(data)))
with open(os.path.join(os.environ["MLOPS_OUTPUT_DIR"], "metrics.json"), "w") as file:
    json.dump({"closeness": closeness}, file)
'''

CONFIG = """[project]
name = "mean"

[check]
commands = ["python -m py_compile train.py evaluate.py"]

[data]
path = "data"

[train]
command = "python train.py {params.epochs} {params.seconds} {params.rate}"
params = {epochs = 6, seconds = 3.0, rate = 0.4}
gpus = 0

[evaluate]
command = "python evaluate.py"
metric = "closeness"
floor = 0.9

[verify.silence]
"torch.import" = "2999-12-31 this training needs no torch"

[image]
variant = "cpu"
layer = "python"
"""
# The same in the default layer: where PyTorch is looked at, or its image is what counts.
_LIGHT = CONFIG[CONFIG.index("[verify") : CONFIG.index("[image")]
WITH_TORCH = CONFIG.replace('layer = "python"\n', "").replace(_LIGHT, "")


def make_project(folder: Path, *, config: str = CONFIG, files: dict[str, str] | None = None) -> Path:
    """A git repository with the project in it; `files` are added or replace its own."""
    content = {
        "mlops.toml": config,
        "train.py": TRAIN,
        "evaluate.py": EVALUATE,
        "data/numbers.txt": "1 2 3 4 5 6\n",
        ".gitignore": ".mlops/\n",
        **(files or {}),
    }
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    commit(folder, "first")
    return folder


def put_over(project: Path, name: str = "planted-high-fixable") -> None:
    """A package over the image, which the check imports; it lies in a folder of the repository."""
    module = name.replace("-", "_")
    wheel = write_wheel(project / "wheels", name, "1.0", files={f"{module}.py": ""})
    (project / "extra.lock").write_text(f"# a fix that is not in the image yet\n{locked(wheel)}")
    config = (project / "mlops.toml").read_text()
    for old, new in (
        ("commands = [", f"""commands = ["python -c 'import {module}'", """),
        ('variant = "cpu"\n', 'variant = "cpu"\nextra = "extra.lock"\n'),
    ):
        assert old in config
        config = config.replace(old, new)
    (project / "mlops.toml").write_text(f'{config}\n[mirrors]\nfind-links = ["wheels"]\n')
    commit(project, "a package over the image")


def head(folder: Path, revision: str = "HEAD") -> str:
    """The hash of a commit."""
    done = subprocess.run(["git", "-C", str(folder), "rev-parse", revision], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> None:
    """Commit everything."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "maintenance.auto=false"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", message]):
        subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def quick_to_fetch(folder: Path) -> None:
    """One pack, and no time spent on a smaller one: each job of a workflow fetches the repository anew."""
    for name, value in {"pack.window": "0", "pack.compression": "0"}.items():
        subprocess.run(["git", "-C", str(folder), "config", name, value], check=True)
    subprocess.run(["git", "-C", str(folder), "repack", "-adq"], check=True)
