"""What the engine tells of one container while it lives: its exit code, memory kills, its removal.

A container that removes itself can't be asked afterwards, so we listen from before its start.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from typing import Any
from urllib.parse import urlencode

from mlops_ci.engines.docker_socket import DockerSocket

HEARD = ("oom", "die", "destroy")


class ContainerEvents:
    """Listens in a thread. `exit_code` is None until the container has ended; `ended`: nothing more will be heard."""

    def __init__(self, engine: DockerSocket, container: str, *, since: int) -> None:
        """`since` is the engine's own Unix time, in whole seconds, of the container's creation."""
        self.exit_code: int | None = None
        self.out_of_memory = False
        self.removed = threading.Event()
        self.ended = threading.Event()
        filters = json.dumps({"type": ["container"], "container": [container], "event": list(HEARD)})
        # Events since the creation are repeated to us, so nothing falls between the answer and the subscription.
        query = urlencode({"since": since, "filters": filters})
        self._answer = engine.follow(f"/events?{query}")
        self._thread = threading.Thread(target=self._listen, name="docker-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._answer.cut()
        self._thread.join(timeout=5.0)
        self._answer.close()

    def _listen(self) -> None:
        # However the connection ends, the end is all that counts: the engine is then asked what is the matter.
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            while line := self._answer.readline():
                self._heard(json.loads(line))
        self.ended.set()

    def _heard(self, event: dict[str, Any]) -> None:
        action = event.get("Action")
        if action == "oom":
            self.out_of_memory = True
        elif action == "die":
            attributes = (event.get("Actor") or {}).get("Attributes") or {}
            self.exit_code = int(attributes.get("exitCode", 255))
        elif action == "destroy":
            self.removed.set()
