"""A serving image in a container, as confined as it can be: no network at all, nothing to write to, no rights."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_ci import guest, process
from mlops_ci.engines.docker_container import LABEL, OWNER_LABEL
from mlops_ci.engines.docker_socket import DockerSocket
from mlops_ci.engines.owner import Owner
from mlops_ci.errors import InfrastructureError
from mlops_ci.process import Finished

ASK = Path(guest.__path__[0], "serving", "ask.py")
PYTHON = "/opt/venv/bin/python"
# Seconds: for the engine to do what it is told, beyond what the server itself may take.
ENGINE = 60.0
TAIL = 30
TEMPORARY = "/tmp:rw,nosuid,nodev,mode=1777,size=256m"  # noqa: S108  # inside the container


class ServingContainerError(InfrastructureError):
    """The engine could not start the container of a serving image, or speak with it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server said; `status` 0: nothing, and `body` is why."""

    status: int
    body: str

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container that was started. `environment` is that of the `docker` command."""

    name: str
    port: int
    environment: Mapping[str, str]

    def ask(self, method: str, path: str, body: str | None = None, *, timeout: float = 10.0) -> Answer:
        """Ask the server over HTTP, from a process of its own beside it. Raises `ServingContainerError`."""
        wanted = {"port": self.port, "method": method, "path": path, "body": body, "timeout": timeout}
        finished = self._docker(
            ["exec", "--interactive", self.name, PYTHON, "-I", "-c", ASK.read_text(encoding="utf-8")],
            stdin=json.dumps(wanted).encode(),
            timeout=timeout + ENGINE,
        )
        try:
            told = json.loads(finished.stdout)
        except ValueError:
            told = {"error": " ".join(finished.tail(3)) or f"exit code {finished.exit_code}"}
        if "error" in told:
            return Answer(status=0, body=str(told["error"]))
        return Answer(status=int(told["status"]), body=str(told["body"]))

    def ended(self) -> int | None:
        """The exit code of a container that has ended; None while it runs."""
        known = DockerSocket().container(self.name)
        state = known["State"] if known is not None else {"Running": False, "ExitCode": -1}
        return None if state["Running"] else int(state["ExitCode"])

    def stop(self, grace: float) -> int | None:
        """Ask it to end, and give its exit code; None when it had to be killed."""
        self._docker(["stop", "-t", str(int(grace) + 1), self.name], timeout=grace + ENGINE)
        code = self.ended()
        return None if code == 137 else code  # 128 + SIGKILL

    def log(self) -> tuple[str, ...]:
        """The last lines that it said."""
        finished = self._docker(["logs", "--tail", str(TAIL), self.name], timeout=ENGINE)
        return tuple((finished.stdout + finished.stderr).splitlines()[-TAIL:])

    def _docker(self, words: list[str], *, timeout: float, stdin: bytes | None = None) -> Finished:
        return process.run(["docker", *words], environment=self.environment, check=False, timeout=timeout, stdin=stdin)


@contextmanager
def started(
    image: str, *, run: str, port: int, memory: int | None, environment: Mapping[str, str]
) -> Iterator[Container]:
    """A container of the image (by its id), which is gone after the block. Raises `ServingContainerError`."""
    name = f"mlops-ci-{run}-deploy-{secrets.token_hex(4)}"
    labels = {f"{LABEL}.run": run, f"{LABEL}.stage": "deploy", OWNER_LABEL: Owner.current().text()}
    finished = process.run(
        [
            *("docker", "run", "--detach", "--pull", "never", "--name", name, "--network", "none", "--read-only"),
            *("--tmpfs", TEMPORARY, "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--pids-limit", "512", "--log-driver", "json-file"),
            *(("--memory", str(memory), "--memory-swap", str(memory)) if memory else ()),
            *(word for label in labels.items() for word in ("--label", "=".join(label))),
            # A CUDA base image would ask for all devices.
            *("--env", "NVIDIA_VISIBLE_DEVICES=void", image),
        ],
        environment=environment,
        check=False,
        timeout=ENGINE,
    )
    try:
        if finished.exit_code != 0:
            raise ServingContainerError(
                f"the engine could not start {image}: {' '.join(finished.tail(1))}",
                hint="is the engine healthy? The same command tries again",
                details=finished.tail(10),
            )
        yield Container(name=name, port=port, environment=environment)
    finally:
        process.run(
            ["docker", "rm", "--force", "--volumes", name], environment=environment, check=False, timeout=ENGINE
        )
