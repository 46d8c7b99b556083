"""Runs GitHub workflows for real, with `act` and without containers: a consumer repository calls the bundle's files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci.orchestrators.github.profile import Profile, load_profile
from mlops_ci.orchestrators.github.render import render
from mlops_ci.run.collect import collect
from mlops_ci.version import version
from support.bytecode import add_bytecode
from support.project import commit, quick_to_fetch

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "github" / "train.yml"
RESCAN = EXAMPLE.with_name("rescan.yml")
MODE = "      mode: ${{ github.event_name == 'pull_request' && 'pr' || 'main' }}\n"
EVENTS = "  push:\n    branches: [main]\n  pull_request:\n"
EVERY_NIGHT = "  schedule:\n    - cron: '17 2 * * *'\n"
ACTIONS = Path(__file__).with_name("actions")
BUNDLE, RELEASE = "org/mlops-ci", "v1"
CONSUMER = "consumer/project"
LIMIT = 600
# Labels of runners that jobs of these tests ask for: all are this machine.
HOSTED = "ubuntu-latest"
LABELS = (HOSTED, "gpu", "gpu-01", "gpu-02", "self-hosted", "linux")
# A job that runs after the called file and keeps what that handed on.
AFTER = """
  after:
    name: after
    needs: [mlops]
    if: always()
    runs-on: ubuntu-latest
    permissions: {}
    steps:
      - name: keep the outputs
        shell: bash
        env:
          OUTPUTS: ${{ toJSON(needs.mlops.outputs) }}
          RESULT: ${{ needs.mlops.result }}
        run: |
          printf '%s' "$OUTPUTS" > "$STAND_IN_ARTIFACTS/../outputs.json"
          printf '%s' "$RESULT" > "$STAND_IN_ARTIFACTS/../result.txt"
"""


def calling(file: str) -> str:
    """The example, calling another file; a night has its own mode."""
    text = EXAMPLE.read_text().replace("workflows/train.yml@", f"workflows/{file}.yml@")
    return text.replace(MODE, "").replace(EVENTS, EVERY_NIGHT) if file == "nightly" else text


def going_on(first: str, second: str, *, more: str = "", last: str = "", both: str = "") -> str:
    """The example, calling one file and then another that goes on with the same run.

    `more` is what else the first call says, `last` what the second one does, `both` what each of them ends with.
    """
    head, body = calling(first).split("  mlops:\n")
    begins = body.replace("name: mlops", "name: begins").rstrip() + "\n" + more + both
    goes_on = calling(second).split("  mlops:\n")[1].replace("    uses:", "    needs: [begins]\n    uses:")
    run = "      run-id: ${{ needs.begins.outputs.run-id }}\n"
    return f"{head}  begins:\n{begins}  mlops:\n{goes_on.rstrip()}\n{run}{last}{both}"


@dataclass(frozen=True)
class Acted:
    """How a workflow run ended."""

    exit_code: int
    log: str
    folder: Path

    @property
    def artifacts(self) -> Path:
        """One folder per artifact."""
        return self.folder / "artifacts"

    @property
    def outputs(self) -> dict[str, str]:
        """What the called file handed to its caller."""
        return json.loads((self.folder / "outputs.json").read_text() or "null") or {}

    @property
    def result(self) -> str:
        """How the called file ended, as its caller sees it."""
        return (self.folder / "result.txt").read_text()

    def facts(self, file: str, *, attempt: int = 1, prefix: str = "*-") -> dict[str, Any]:
        """What the last job of a called file said. act runs no job after a called file that failed, so that a
        caller's own job cannot tell.
        """
        (path,) = self.artifacts.glob(f"{prefix}{file}-result-{attempt}/*/files/runs/*/result.json")
        return json.loads(path.read_text())

    @property
    def alerts(self) -> dict[str, Any]:
        """Of each category what code scanning was shown last."""
        return {path.stem: json.loads(path.read_text()) for path in (self.folder / "alerts").glob("*.sarif")}

    @property
    def jobs(self) -> dict[str, int]:
        """Of each job that handed something on: its newest attempt."""
        manifests = [json.loads(path.read_text()) for path in self.artifacts.glob("*/*/handover.json")]
        return {one["job"]: one["attempt"] for one in sorted(manifests, key=lambda one: one["attempt"])}

    def records(self) -> dict[str, dict[str, Any]]:
        """All records that the jobs handed on, put together and checked as a later job would."""
        target = self.folder / "collected"
        shutil.rmtree(target, ignore_errors=True)
        run, _ = collect(self.artifacts, target)
        return {path.stem: json.loads(path.read_text()) for path in run.path("records").glob("*.json")}


def at_server(url: str, folder: Path) -> dict[str, str]:
    """A runner's machine on which the server's address is the stand-in's: act itself says that it is GitHub's."""
    path = folder / "server.sh"
    path.write_text(f"export GITHUB_API_URL={url}/api/v3\n")
    return {"BASH_ENV": str(path)}


def make_bundle(folder: Path, *, profile: str = "") -> Path:
    """The working tree as a repository with the release's tag: what a caller's `@v1` would be.

    With a `profile` its files are rendered for that one.
    """
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    wanted = ("src/", "images/", "requirements/tool.lock", ".github/", "pyproject.toml")
    for name in listed.stdout.split("\0"):
        if name.startswith(wanted) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for name, text in (render(load_profile(profile)) if profile else {}).items():
        (folder / name).write_text(text)
    add_bytecode(folder)
    commit(folder, "the bundle")
    quick_to_fetch(folder)
    subprocess.run(["git", "-C", str(folder), "tag", RELEASE], check=True)
    return folder


def make_consumer(project: Path, workflow: str, *, remote: str = CONSUMER) -> Path:
    """The project as a repository at GitHub that has this one workflow."""
    path = project / ".github" / "workflows" / "train.yml"
    path.parent.mkdir(parents=True)
    path.write_text(workflow)
    commit(project, "the workflow")
    subprocess.run(
        ["git", "-C", str(project), "remote", "add", "origin", f"https://github.com/{remote}.git"], check=True
    )
    return project


def act(
    program: Path,
    consumer: Path,
    bundle: Path,
    folder: Path,
    *,
    event: str = "push",
    payload: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    profile: Profile | None = None,
    workflow: str = "train.yml",
    attempt: int = 1,
    interrupt_at: str | None = None,
    alone: Sequence[str] = (),
    labels: Sequence[str] = LABELS,
    job: str = "",
) -> Acted:
    """Run the consumer's workflow. `environment` is what the runner's machine has; `payload` the event's file.

    With another `attempt` the artifacts in `folder` are those of the attempts before. `interrupt_at`: Ctrl-C as soon as
    a line says this; the runs of the job's machine, which act then removes, are kept in `folder/interrupted`. `alone`
    begins the command line where the machine is another one (see `isolated`). No other runners than those with `labels`
    take a job. With `job` only that one of the workflow is run.
    """
    (folder / "artifacts").mkdir(parents=True, exist_ok=attempt > 1)
    head = subprocess.run(["git", "-C", str(bundle), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    machine = {
        "STAND_IN_PYTHON": sys.executable,
        "STAND_IN_FOLDER": str(ACTIONS),
        "STAND_IN_ARTIFACTS": str(folder / "artifacts"),
        "STAND_IN_REPOSITORIES": str(bundle.parent.parent),
        "MLOPS_CI_ENVIRONMENT": sys.prefix,
        "GITHUB_RUN_ATTEMPT": str(attempt),
        **(environment or {}),
    }
    known = {"MLOPS_CI_BUNDLE_REPOSITORY": BUNDLE, "MLOPS_CI_BUNDLE_REF": head.stdout.strip(), **(variables or {})}
    argv = [
        *(*alone, str(program), event, "--workflows", str(consumer / ".github" / "workflows" / workflow)),
        *("--no-cache-server", "--rm", "--json=false", *(("--job", job) if job else ())),
        *(word for label in labels for word in ("--platform", f"{label}=-self-hosted")),
        *(word for one in _local(bundle, profile or load_profile("default")) for word in ("--local-repository", one)),
        *(word for name, value in machine.items() for word in ("--env", f"{name}={value}")),
        *(word for name, value in known.items() for word in ("--var", f"{name}={value}")),
        *(word for name, value in (secrets or {}).items() for word in ("--secret", f"{name}={value}")),
    ]
    if payload is not None:
        (folder / "event.json").write_text(json.dumps(_with_base(payload, consumer)))
        argv += ["--eventpath", str(folder / "event.json")]
    code, log = _until_its_end(argv, consumer, folder, interrupt_at)
    return Acted(exit_code=code, log=log, folder=folder)


def _until_its_end(argv: Sequence[str], place: Path, folder: Path, interrupt_at: str | None) -> tuple[int, str]:
    said = []
    with subprocess.Popen(
        argv,
        cwd=place,
        env=_surroundings(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        limit = threading.Timer(LIMIT, child.kill)
        limit.start()
        try:
            for line in child.stdout:
                said.append(line)
                if interrupt_at is not None and interrupt_at in line:
                    _keep_what_runs(folder)
                    child.send_signal(signal.SIGINT)
                    interrupt_at = None
        finally:
            limit.cancel()
    return child.returncode, "".join(said)


def _keep_what_runs(folder: Path) -> None:
    """The run directories as they are while a job runs; a file that it replaces meanwhile may be missing."""
    for running in (folder / "cache" / "act").glob("*/hostexecutor/.mlops/runs/*/running.json"):
        kept = folder / "interrupted"
        kept.mkdir(exist_ok=True)
        argv = ["cp", "-a", str(running.parent), str(kept)]
        subprocess.run(argv, check=False, stderr=subprocess.DEVNULL)


def _with_base(payload: Mapping[str, Any], consumer: Path) -> Mapping[str, Any]:
    """GitHub says which commit a pull request is based on: here the one before the last."""
    request = payload.get("pull_request")
    if not request or "sha" in request.get("base", {}):
        return payload
    argv = ["git", "-C", str(consumer), "rev-parse", "HEAD^"]
    base = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
    return {**payload, "pull_request": {**request, "base": {**request.get("base", {}), "sha": base}}}


def _local(bundle: Path, profile: Profile) -> list[str]:
    """Every repository that the workflows name, as one on this machine."""
    older = "-3" if profile.artifacts == 3 else ""
    standing = {
        "checkout": "checkout",
        "upload": f"upload-artifact{older}",
        "download": f"download-artifact{older}",
    }
    pins = {name: profile.action(name) for name in standing}
    sarif = profile.action("upload-sarif")
    return [
        *(f"{BUNDLE}@{ref}={bundle}" for ref in (RELEASE, f"v{version()}")),
        *(f"{pin.repository}@{pin.commit}={ACTIONS / standing[name]}" for name, pin in pins.items()),
        f"{sarif.repository.removesuffix('/upload-sarif')}@{sarif.commit}={ACTIONS / 'codeql-action'}",
    ]


def _surroundings(folder: Path) -> dict[str, str]:
    """A machine that is nobody's CI, with act's own folders below `folder`."""
    ours = ("MLOPS_", "GITHUB_", "GITLAB_", "CI_", "AWS_", "MLFLOW_", "RUNNER_", "DOCKER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "CI"}
    # The command must come from the bundle that the workflow installs, not from the environment of the tests.
    path = [one for one in os.environ["PATH"].split(os.pathsep) if not Path(one, "mlops-ci").exists()]
    return {
        **kept,
        "PATH": os.pathsep.join(path),
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
