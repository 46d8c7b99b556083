"""What a guest on this machine starts with."""

from __future__ import annotations

from dataclasses import replace

from mlops_ci.engines.base import Job, Limits
from mlops_ci.engines.environment import local_environment, search_path

JOB = Job(run="r", stage="train", ref="", task={}, mounts=(), environment={"TOKEN": "t"}, limits=Limits(cpus=0.5))
CALLER = {
    "PATH": "/secret/bin",
    "HOME": "/root",
    "LANG": "de_DE.UTF-8",
    "HTTPS_PROXY": "http://proxy",
    "REQUESTS_CA_BUNDLE": "/ca.pem",
    "AWS_SECRET_ACCESS_KEY": "no",
    "GITHUB_TOKEN": "no",
    "PYTHONPATH": "/elsewhere",
    "CUDA_VISIBLE_DEVICES": "0,1,2",
    "CUDA_HOME": "/usr/local/cuda",
    "MLOPS_CI_JOB": "outer",
}


def environment(**options: object) -> dict[str, str]:
    values = {"marker": "m", "path": "/p", "gpus": (), "inherited": CALLER, **options}
    return local_environment(JOB, **values)  # type: ignore[arg-type]


def test_only_listed_names_pass():
    assert environment() == {
        "LANG": "de_DE.UTF-8",
        "HTTPS_PROXY": "http://proxy",
        "REQUESTS_CA_BUNDLE": "/ca.pem",
        "PATH": "/p",
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": "1",
        "TOKEN": "t",
        "CUDA_VISIBLE_DEVICES": "",
        "MLOPS_CI_JOB": "m",
    }


def test_what_an_image_sets_passes_by_its_prefix():
    inside = environment(prefixes=("CUDA", "PYTHON"), gpus=("GPU-1", "GPU-2"))

    assert inside["CUDA_HOME"] == "/usr/local/cuda"
    assert inside["PYTHONPATH"] == "/elsewhere"
    assert inside["CUDA_VISIBLE_DEVICES"] == "GPU-1,GPU-2"
    assert "AWS_SECRET_ACCESS_KEY" not in inside


def test_a_language_is_always_set():
    assert environment(inherited={})["LANG"] == "C.UTF-8"


def test_the_job_cannot_hide_from_us_or_take_devices():
    job = replace(JOB, environment={"MLOPS_CI_JOB": "x", "CUDA_VISIBLE_DEVICES": "7"})

    result = local_environment(job, marker="m", path="/p", gpus=("GPU-1",), inherited={})

    assert (result["MLOPS_CI_JOB"], result["CUDA_VISIBLE_DEVICES"]) == ("m", "GPU-1")


def test_search_path():
    assert search_path("/env/bin", "/image/bin:/bin") == "/env/bin:/image/bin:/bin"
    assert search_path("/env/bin").startswith("/env/bin:/usr/local/sbin:")
