"""The canonical model, made from what a training left. With the real torch."""

import json
import subprocess

import pytest

from mlops_ci.guest import safetensors

# One process with torch makes all the files; the trainings then only put them where a training would.
SAMPLES = """
import os, pickle, torch
from mlops_ci.guest import sdk
torch.manual_seed(0)
model = torch.nn.Linear(3, 2)
state = model.state_dict()
class Evil:
    def __reduce__(self): return os.system, ("touch evil",)
torch.save(state, "state.pt")
torch.save({"epoch": 3, "model_state_dict": state, "optimizer": {"lr": 1}}, "nested.pt")
torch.save({**state, "step": 4}, "counted.pt")
sdk.save_model(model, config={"width": 2})
torch.save(model, "module.pt")
torch.save({"w": Evil()}, "evil.pt")
torch.save({"epoch": 3}, "nothing.pt")
torch.save({"weight": state["weight"] * float("nan"), "bias": state["bias"]}, "nan.pt")
types = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")
torch.save({name: torch.tensor([1, 2, 3]).to(getattr(torch, name)) for name in types}
           | {"empty": torch.zeros(0, 4), "scalar": torch.tensor(5.0), "strided": torch.arange(6).reshape(2, 3).t()},
           "types.pt")
pickle.dump({"w": 1}, open("plain.pkl", "wb"))
open("text.pt", "w").write("hello")
open("broken.safetensors", "wb").write(b"no tensors")
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory, python_with_torch, zipapp):
    folder = tmp_path_factory.mktemp("samples")
    environment = {"PYTHONPATH": str(zipapp), "MLOPS_OUTPUT_DIR": str(folder)}
    subprocess.run([python_with_torch, "-c", SAMPLES], cwd=folder, env=environment, check=True)
    return folder


@pytest.fixture
def train(make_job, python_with_torch, samples):
    """A training that leaves copies of samples (name in outputs -> sample), and does what `also` says."""

    def run(left, also="", *allowed):
        job = make_job(python=python_with_torch)
        job.task["model"] = {"allow_pickle": list(allowed)}
        copies = "\n".join(f"shutil.copy({str(samples / sample)!r}, 'outputs/{name}')" for name, sample in left.items())
        job.script(f"import os, shutil\n{copies}\n{also}\n")
        code, _ = job.run()
        return code, job

    return run


def _loaded(job, python):
    """The model as the script that evaluates it sees it."""
    code = (
        "import json, sys; from mlops_ci.guest.sdk import load_model; state, config = load_model(sys.argv[1]);"
        "print(json.dumps([{name: tensor.tolist() for name, tensor in state.items()}, config]))"
    )
    argv = [python, "-c", code, str(job.folder / "model")]
    done = subprocess.run(argv, env={"PYTHONPATH": str(job.zipapp)}, capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "left",
    [
        {"model.pt": "state.pt"},
        {"last.pth": "nested.pt"},
        {"pytorch_model.bin": "counted.pt"},
        {"my.safetensors": "model.safetensors"},
        {"best.pt": "state.pt", "epoch_1.pt": "nothing.pt"},
    ],
    ids=str,
)
def test_plain_weights_become_safetensors(train, left, samples):
    """The same weights give the same bytes, converted or saved by the SDK."""
    code, job = train(left)
    assert code == 0, job.outcome()
    assert [one["path"] for one in job.outcome()["model"]["files"]] == ["model.safetensors"]
    tensors, _ = safetensors.read_header(job.folder / "model" / "model.safetensors")
    shapes = {name: (info.dtype, info.shape) for name, info in tensors.items()}
    assert shapes == {"weight": ("F32", (2, 3)), "bias": ("F32", (2,))}
    assert (job.folder / "model" / "model.safetensors").read_bytes() == (samples / "model.safetensors").read_bytes()


def test_every_type_survives(train, python_with_torch):
    code, job = train({"model.pt": "types.pt", "config.json": "config.json"})
    assert code == 0
    state, config = _loaded(job, python_with_torch)
    assert config == {"width": 2}
    assert state.pop("bool") == [True, True, True]
    assert state.pop("empty") == []
    assert state.pop("scalar") == 5.0
    assert state.pop("strided") == [[0, 3], [1, 4], [2, 5]]
    assert all(values == [1, 2, 3] for values in state.values())
    assert len(state) == 9


def test_small_files_travel_and_nothing_executable(train):
    code, job = train(
        {"model.safetensors": "model.safetensors", "config.json": "config.json"},
        "os.chmod('outputs/config.json', 0o755)\n"
        "open('outputs/run.sh', 'w').write('#!/bin/sh')\nopen('outputs/code.py', 'w').write('1')\n"
        "os.mkdir('outputs/vocab')\nopen('outputs/vocab/words.txt', 'w').write('a')\n"
        "os.symlink('/etc/passwd', 'outputs/users.txt')\nos.symlink('config.json', 'outputs/same.json')\n"
        "os.mkfifo('outputs/pipe.json')\n",
    )
    assert code == 0
    outcome = job.outcome()
    names = [one["path"] for one in outcome["model"]["files"]]
    assert names == ["config.json", "model.safetensors", "same.json", "vocab/words.txt"]
    assert not any(path.stat().st_mode & 0o111 for path in (job.folder / "model").rglob("*") if path.is_file())
    assert "users.txt, code.py, run.sh" in outcome["warnings"][-1]


@pytest.mark.parametrize(
    ("left", "also", "cause"),
    [
        ({"model.pt": "module.pt"}, "", "model.pt is no model that can be published"),
        ({"model.pt": "evil.pt"}, "", "it needs more than tensors to load"),
        ({"model.pkl": "plain.pkl"}, "", "model.pkl is a pickle"),
        ({}, "os.symlink('/etc/passwd', 'outputs/model.pt')", "model.pt is a link that leaves the output folder"),
        ({"model.safetensors": "broken.safetensors"}, "", "model.safetensors is no valid safetensors file"),
    ],
    ids=str,
)
def test_what_could_run_code_is_refused(train, left, also, cause):
    code, job = train(left, also)
    outcome = job.outcome()
    assert (code, outcome["class"]) == (20, "unsafe-model")
    assert cause in outcome["cause"]
    assert outcome["model"] is None
    assert not list(job.folder.rglob("evil"))


def test_a_pickle_that_is_allowed_by_name(train):
    code, job = train({"model.pt": "module.pt"}, "", "model.pt")
    assert code == 0
    assert [one["path"] for one in job.outcome()["model"]["files"]] == ["model.pt"]
    assert "it runs code when it is loaded" in job.outcome()["warnings"][0]


@pytest.mark.parametrize(
    ("left", "cause"),
    [
        ({}, "the training left no model in outputs/"),
        ({"model.pt": "nothing.pt"}, "it holds no tensors"),
        ({"model.pt": "text.pt"}, "model.pt is no model that can be published"),
        (
            {"epoch_1.pt": "state.pt", "epoch_2.pt": "state.pt"},
            "several files may be the model (epoch_1.pt, epoch_2.pt)",
        ),
    ],
    ids=str,
)
def test_a_model_was_demanded_and_there_is_none(train, left, cause):
    code, job = train(left)
    outcome = job.outcome()
    assert (code, outcome["class"]) == (20, "no-model")
    assert cause in outcome["cause"]


def test_a_broken_model_is_told_by_a_warning(train):
    code, job = train({"model.pt": "nan.pt"})
    assert code == 0
    assert "1 tensors of the model hold NaN or infinity, the first is weight" in job.outcome()["warnings"][0]


def test_an_old_model_of_the_repository_is_not_taken_for_a_new_one(make_job):
    job = make_job()
    (job.folder / "work" / "outputs").mkdir()
    (job.folder / "work" / "outputs" / "model.pt").write_bytes(b"committed long ago")
    job.task["model"] = {"allow_pickle": []}
    job.script("print('trained nothing')")
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (20, "no-model")
    assert "was there before the training" in job.outcome()["cause"]


def test_an_image_without_torch_says_so(make_job):
    job = make_job()
    job.task["model"] = {"allow_pickle": []}
    (job.folder / "work" / "torch.py").write_text("raise ImportError('this image has no torch')")
    job.task["environment"] = {"PYTHONPATH": str(job.folder / "work")}
    job.script("open('outputs/model.pt', 'w').write('x')")
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (20, "no-model")
    assert "this image has no torch" in job.outcome()["cause"]


def test_the_leash_holds_while_a_model_is_converted(make_job):
    """A file that is never read to its end does not keep the job."""
    job = make_job()
    job.task.update(model={"allow_pickle": []}, environment={"PYTHONPATH": str(job.folder / "work")})
    (job.folder / "work" / "torch.py").write_text("import time\nopen('reading', 'w').close()\ntime.sleep(600)")
    job.script("open('outputs/model.pt', 'w').write('x')")
    process = job.start()
    from support.guest_job import until

    until((job.folder / "work" / "reading").exists)
    process.stdin.close()
    assert process.wait(10) == 143
    assert job.outcome()["model"] is None


def test_the_real_safetensors_package_agrees(python_with_torch, tmp_path, zipapp):
    """Where that package is installed, each reads what the other writes."""
    code = (
        "import sys\ntry:\n    import safetensors.torch as theirs\nexcept ImportError:\n    sys.exit(0)\n"
        "import torch\nfrom mlops_ci.guest import safetensors as ours\n"
        "state = {'a': torch.randn(3, 4), 'b': torch.arange(5), 'c': torch.ones(2, dtype=torch.bfloat16)}\n"
        "from pathlib import Path\nours.save(state, Path('ours'))\ntheirs.save_file(state, 'theirs')\n"
        "same = lambda one, two: all(torch.equal(one[k], two[k]) for k in state) and set(one) == set(two)\n"
        "sys.exit(0 if same(theirs.load_file('ours'), state) and same(ours.load(Path('theirs')), state) else 1)\n"
    )
    done = subprocess.run([python_with_torch, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(zipapp)}, check=False)
    assert done.returncode == 0
