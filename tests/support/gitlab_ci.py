"""A consumer's repository at a GitLab that is not there, and its pipeline, run by gitlab-ci-local in isolated jobs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlops_ci.orchestrators.gitlab.profile import load_profile
from mlops_ci.orchestrators.gitlab.render import render
from mlops_ci.version import version

from .bytecode import add_bytecode
from .cli import clean_environment
from .project import CONFIG, commit, make_project, quick_to_fetch
from .testbed import node_tools
from .testbed.state import State

ROOT = Path(__file__).parents[2]
# What no job of a pipeline looks at, and the greater part of the files.
NOT_USED = ("tests/", "docs/")
EXAMPLE = ROOT / "examples" / "gitlab" / ".gitlab-ci.yml"
HOST = "gitlab.example.invalid"
BUNDLE_PROJECT = "org/mlops-ci"
CONSUMER_PROJECT = "team/model"
STATE = ".gitlab-ci-local"
LIMIT = 540
QUESTION = 60
RSYNC = """#!/bin/sh
for one do
    shift
    case $one in --delete|--delete-excluded) ;; *) set -- "$@" "$one" ;; esac
done
exec {rsync} "$@"
"""
CSV = "name;stage;when;"
FLAGS = (
    "--force-shell-executor",
    # Without it all jobs share one tree, and a broken hand-over passes.
    "--shell-isolation",
    "--no-artifacts-to-source",
    "--no-color",
)
# It is set for a container even where the job runs in a shell; in a job's own tree "." is the project.
PROJECT = {"CI_PROJECT_DIR": "."}
FINISHED = re.compile(r"^(\S+)\s+finished in .*?(?: (?:FAIL|WARN) (\d+)\s*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Pipeline:
    """How a pipeline ended. `jobs` are the exit codes of the jobs that ran."""

    exit_code: int
    output: str
    jobs: Mapping[str, int]
    state: Path

    def artifacts(self, job: str) -> Path:
        """What the job handed on."""
        return self.state / "artifacts" / job

    def log(self, job: str) -> str:
        """What the job printed."""
        return (self.state / "output" / f"{job}.log").read_text()

    def records(self) -> dict[str, dict[str, Any]]:
        """All records, as the last job had them after it put the run together."""
        found = (self.state / "builds").glob("*-result/.mlops/runs/*/records/*.json")
        return {path.stem: json.loads(path.read_text()) for path in found}

    def outputs(self, job: str) -> dict[str, str]:
        """What the job handed on as a dotenv report."""
        (path,) = (self.artifacts(job) / ".gitlab-ci-reports" / "dotenv").rglob("*.env")
        return dict(line.split("=", 1) for line in path.read_text().splitlines())


def make_bundle(folder: Path, *, files: Mapping[str, str] | None = None, profile: str = "") -> Path:
    """A repository with this working tree, uncommitted changes and more `files` too, as one release.

    With a `profile` its files are rendered for that one.
    """
    listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in sorted(set(listed) - {""}):
        source = ROOT / name
        if source.is_file() and not name.startswith(NOT_USED):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    rendered = render(load_profile(profile)) if profile else {}
    for name, text in {**rendered, **(files or {})}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    add_bytecode(folder)
    commit(folder, "release")
    quick_to_fetch(folder)
    for tag in ("v1", f"v{version()}"):
        _git(folder, "tag", tag)
    # GitLab, too, hands out any commit by its hash.
    _git(folder, "config", "uploadpack.allowAnySHA1InWant", "true")
    return folder


def make_consumer(folder: Path, pipeline: str, *, config: str = CONFIG, files: dict[str, str] | None = None) -> Path:
    """The small consumer project with this `.gitlab-ci.yml`, cloned from a GitLab."""
    return at_gitlab(make_project(folder, config=config, files={".gitlab-ci.yml": pipeline, **(files or {})}))


def at_gitlab(folder: Path) -> Path:
    """Let the repository be a clone from a GitLab."""
    _git(folder, "remote", "add", "origin", f"https://{HOST}/{CONSUMER_PROJECT}.git")
    return keep_out(folder)


def keep_out(folder: Path) -> Path:
    """Keep gitlab-ci-local's own folders, the second of which GitLab has not, out of the repository."""
    with (folder / ".git" / "info" / "exclude").open("a") as file:
        file.write(f"{STATE}/\n.gitlab-ci-reports/\n")
    return folder


def run_pipeline(
    consumer: Path,
    bundle: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    machine: Mapping[str, str] | None = None,
    timeout: float = LIMIT,
) -> Pipeline:
    """Run the consumer's pipeline; the bundle answers under its public address.

    `variables` are the pipeline's, `machine` is what the runner's own environment adds.
    """
    known = _with_base(consumer, variables or {})
    done = _call([*FLAGS, *_variables(known), *arguments], consumer, bundle, timeout, machine)
    output = done.stdout + done.stderr
    jobs = {name: int(code or 0) for name, code in FINISHED.findall(output)}
    jobs.pop("pipeline", None)
    return Pipeline(exit_code=done.returncode, output=output, jobs=jobs, state=consumer / STATE)


def run_in_containers(
    consumer: Path,
    bundle: Path,
    *arguments: str,
    helper: str,
    volumes: Sequence[Path],
    variables: Mapping[str, str],
    machine: Mapping[str, str],
) -> Pipeline:
    """Run the consumer's pipeline by the executor that starts a container of each job's `image`, as a pod would.

    `helper` is the image that carries artifacts (`make_helper`), `volumes` are folders of this machine that jobs see,
    read-only, where they lie, `variables` are the pipeline's.
    """
    seen = [f"{path}:{path}:ro" for path in (bundle, *volumes)]
    known = {**_rewrites(bundle), **variables}
    options = [
        *("--no-artifacts-to-source", "--no-color", "--pull-policy=if-not-present", "--network=host"),
        *(f"--volume={one}" for one in seen),
        f"--helper-image={helper}",
        *(f"--variable={name}={value}" for name, value in known.items()),
    ]
    done = _call([*options, *arguments], consumer, bundle, LIMIT, machine)
    output = done.stdout + done.stderr
    jobs = {name: int(code or 0) for name, code in FINISHED.findall(output)}
    jobs.pop("pipeline", None)
    return Pipeline(exit_code=done.returncode, output=output, jobs=jobs, state=consumer / STATE)


def make_helper(folder: Path, base: str, name: str, environment: Mapping[str, str]) -> str:
    """An image with bash and rsync, for what gitlab-ci-local does in one that lies where no test reaches."""
    rsync = shutil.which("rsync")
    assert rsync is not None
    listed = subprocess.run(["ldd", rsync], check=True, capture_output=True, text=True).stdout
    libraries = [line.split(" => ")[1].split(" ")[0] for line in listed.splitlines() if " => /" in line]
    (folder / "libraries").mkdir(parents=True)
    for path in libraries:
        if not Path(path).name.startswith("libc."):
            shutil.copy(path, folder / "libraries")
    shutil.copy(rsync, folder)
    place = Path(libraries[0]).parent
    (folder / "Dockerfile").write_text(f"FROM {base}\nCOPY rsync /usr/bin/rsync\nCOPY libraries/ {place}/\n")
    argv = ["docker", "build", "--quiet", "--tag", name, str(folder)]
    done = subprocess.run(argv, env={**clean_environment(), **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return name


def _with_base(consumer: Path, variables: Mapping[str, str]) -> Mapping[str, str]:
    """GitLab says of every merge request which commit it is based on: here the one that is checked out."""
    if variables.get("CI_PIPELINE_SOURCE") != "merge_request_event":
        return variables
    return {"CI_MERGE_REQUEST_DIFF_BASE_SHA": _git(consumer, "rev-parse", "HEAD").strip(), **variables}


def try_again(
    first: Pipeline,
    job: str,
    folder: Path,
    bundle: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    machine: Mapping[str, str] | None = None,
) -> Pipeline:
    """Another try of one job, in a copy of its pipeline in `folder`; jobs after it have not run yet."""
    consumer = folder / first.state.parent.name
    shutil.copytree(first.state.parent, consumer, symlinks=True)
    names = list(first.jobs)
    for name in names[names.index(job) :]:
        shutil.rmtree(consumer / STATE / "artifacts" / name, ignore_errors=True)
    # As on another machine: with the cache of the first try the job would find that its work is done.
    for name in ("builds", "cache"):
        shutil.rmtree(consumer / STATE / name, ignore_errors=True)
    return run_pipeline(consumer, bundle, *arguments, job, variables=variables, machine=machine)


def and_always(
    first: Pipeline,
    job: str,
    bundle: Path,
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    machine: Mapping[str, str] | None = None,
) -> Pipeline:
    """Then the job that GitLab runs `always`: gitlab-ci-local does not where a job that it needs was never started."""
    second = run_pipeline(first.state.parent, bundle, *arguments, job, variables=variables, machine=machine)
    return replace(first, output=first.output + second.output, jobs={**first.jobs, **second.jobs})


def expand(consumer: Path, bundle: Path, *arguments: str) -> str:
    """The pipeline with everything included and every input filled in, as YAML; it is checked on the way."""
    done = _call(["--preview", *arguments], consumer, bundle, QUESTION)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


def planned(consumer: Path, bundle: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The jobs of the pipeline that these predefined variables cause, and when each runs."""
    done = _call([*FLAGS, "--list-csv", *_variables(variables)], consumer, bundle, QUESTION)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    table = done.stdout[done.stdout.index(CSV) :].splitlines()[1:]
    return {name: when for name, _, when, *_ in (line.split(";") for line in table)}


def _variables(values: Mapping[str, str] | None) -> list[str]:
    """Predefined ones among them may be set: that is what the tests are for."""
    given = {**PROJECT, **(values or {})}
    return [
        *(f"--variable={name}={value}" for name, value in given.items()),
        f"--ignore-predefined-vars={','.join(given)}",
    ]


def _call(
    arguments: Sequence[str],
    consumer: Path,
    bundle: Path,
    timeout: float,
    machine: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    command = node_tools.find("gitlab-ci-local")
    assert command is not None
    path = node_tools.path(State.default())["PATH"]
    environment = {
        **clean_environment(),
        "PATH": f"{_rsync_that_keeps(consumer)}:{path}",
        **_rewrites(bundle),
        **(machine or {}),
    }
    # The rendered files must name the provider themselves.
    environment.pop("MLOPS_CI_PROVIDER")
    # Not the home of the caller, where it would read variables; into files, since it ends before a pipe has taken all.
    argv = [*command, f"--home={consumer}.home", *arguments]
    said, told = consumer.with_name(f"{consumer.name}.out"), consumer.with_name(f"{consumer.name}.err")
    with said.open("w") as out, told.open("w") as err:
        done = subprocess.run(
            argv,
            cwd=consumer,
            env=environment,
            stdout=out,
            stderr=err,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    return subprocess.CompletedProcess(argv, done.returncode, said.read_text(), told.read_text())


def _rewrites(bundle: Path) -> dict[str, str]:
    """git's configuration by which the bundle answers under its public address."""
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.file://{bundle}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://{HOST}/{BUNDLE_PROJECT}.git",
        # A component's commit is asked for with the port.
        "GIT_CONFIG_KEY_1": f"url.file://{bundle}.insteadOf",
        "GIT_CONFIG_VALUE_1": f"https://{HOST}:443/{BUNDLE_PROJECT}.git",
    }


def _rsync_that_keeps(consumer: Path) -> Path:
    """A folder for PATH: gitlab-ci-local empties the tree of a job before its after_script, and GitLab does not."""
    folder = consumer.with_name(f"{consumer.name}.bin")
    folder.mkdir(exist_ok=True)
    rsync = folder / "rsync"
    rsync.write_text(RSYNC.format(rsync=shutil.which("rsync")))
    rsync.chmod(0o755)
    return folder


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout
