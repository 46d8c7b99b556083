"""A guest in a container, for `supervise`."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from mlops_ci.engines.base import EngineDiedError
from mlops_ci.engines.defaults import defaults
from mlops_ci.engines.docker_client import answers
from mlops_ci.engines.docker_events import ContainerEvents
from mlops_ci.engines.docker_socket import DockerSocket, DockerUnreachableError
from mlops_ci.engines.docker_stream import ContainerStream

ASK_AGAIN = 1.0


class RunningContainer:
    """Output and leash are one connection, its end is told on another; when both fall silent the engine is asked."""

    def __init__(
        self, client: Any, container: str, *, stream: ContainerStream, events: ContainerEvents, engine: DockerSocket
    ) -> None:
        self._client = client
        self._container = container
        self._stream = stream
        self._events = events
        self._engine = engine
        self._silent_since: float | None = None
        self._asked_at = 0.0

    def output(self) -> int | None:
        """The connection's file descriptor; None once it has ended."""
        return self._stream.fileno()

    def read(self) -> bytes:
        """What there is of the output."""
        return self._stream.read()

    def poll(self) -> int | None:
        """The exit code, once the engine has told it. Raises `EngineDiedError` when it will not any more."""
        if self._events.exit_code is not None:
            return self._events.exit_code
        if not self._stream.ended and not self._events.ended.is_set():
            return None
        now = time.monotonic()
        self._silent_since = self._silent_since or now
        if now - self._asked_at > ASK_AGAIN and now - self._silent_since > ASK_AGAIN:
            self._asked_at = now
            self._ask(last=now - self._silent_since > defaults().stop_silence)
        return None

    def send(self, data: bytes) -> None:
        """Write to the guest's standard input."""
        self._stream.send(data)

    def close_leash(self) -> None:
        """End the guest's standard input."""
        self._stream.close_leash()

    def kill(self) -> None:
        """Kill the container with all in it; an engine that is gone will not hear it."""
        with contextlib.suppress(Exception):
            if answers(self._engine):
                self._client.kill(self._container)

    def _ask(self, *, last: bool) -> None:
        """The output has ended and the engine has not told why: find out whether it still can."""
        try:
            found = self._engine.container(self._container)
        except DockerUnreachableError as error:
            raise EngineDiedError(
                f"the Docker engine died while the job ran ({error.cause})",
                hint="start Docker again (journalctl -u docker says why it ended) and run the same command; "
                f"the next run removes the container {self._container} if it is still there",
            ) from error
        if last or found is None or self._events.ended.is_set():
            state = "is gone" if found is None else f"is {(found.get('State') or {}).get('Status')}"
            raise EngineDiedError(
                f"the connection to the Docker engine was cut while the job ran; its container {state}",
                hint="was Docker restarted? Run the same command again",
            )
