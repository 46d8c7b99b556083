"""The step that makes sure of where a called file comes from, run by the shell that runs it in a job."""

from __future__ import annotations

import subprocess

import pytest

from support.rendered_github import jobs


@pytest.mark.parametrize(
    ("repository", "ref", "code", "said"),
    [
        ("org/mlops-ci", "a" * 40, 0, ""),
        ("", "a" * 40, 1, "bundle-repository is not known here: set this input"),
        ("org/mlops-ci", "", 1, "bundle-ref is not known here: set this input"),
        ("org/x; echo $(id)", "v1 && id", 0, ""),
    ],
)
def test_without_an_origin_the_job_ends_before_it_checks_anything_out(repository: str, ref: str, code: int, said: str):
    steps = {step["run"] for _, _, body in jobs() for step in body["steps"] if ":?" in step.get("run", "")}
    (script,) = steps
    argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    around = {"BUNDLE_REPOSITORY": repository, "BUNDLE_REF": ref}
    done = subprocess.run(argv, env=around, capture_output=True, text=True, check=False)
    assert ((done.returncode != 0), done.stdout) == (bool(code), "")
    assert said in done.stderr
