"""`python -I /opt/mlops [--health]`: serve the model of this image until asked to end, or ask the server how it is."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Sequence

from mlops_ci.guest import exits
from mlops_ci.guest.serving.app import App
from mlops_ci.guest.serving.config import FILE, Service, read
from mlops_ci.guest.serving.loading import limit_threads, load
from mlops_ci.guest.serving.server import Server

TICK, WAKE, ASK = 0.05, 0.2, 5.0


def main(arguments: Sequence[str], home: Path, app: Path, model: Path) -> int:
    """Give the exit code: 0 when it was asked to end, 20 when the model cannot be loaded."""
    try:
        service = read(home / FILE)
    except (OSError, ValueError) as error:
        print(f"mlops-serve: {error}", file=sys.stderr)
        return exits.USAGE
    return health(service) if list(arguments) == ["--health"] else serve(service, app, model)


def serve(service: Service, app: Path, model: Path, *, host: str = "0.0.0.0") -> int:
    """Listen at once, load meanwhile, and end politely: what is under way is answered first."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    serving = App(service)
    failed: list[int] = []
    with Server(serving, (host, service.port)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": TICK}, daemon=True).start()
        threading.Thread(target=_load, args=(serving, app, model, failed, ended), daemon=True).start()
        print(json.dumps({"listening": server.server_address[1], "pid": os.getpid()}), flush=True)
        # Woken now and then: a signal that another thread got is handled only when this one runs.
        while not ended.wait(WAKE):
            pass
        serving.drain()
        deadline = time.monotonic() + service.limits.drain
        while serving.under_way and time.monotonic() < deadline:
            time.sleep(TICK)
        # The last answer is on its way to its client.
        time.sleep(TICK)
        server.shutdown()
    if serving.under_way:
        # The interpreter would wait for them: a prediction that never ends is to hold nobody up.
        print("mlops-serve: requests were under way and are given up", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(exits.OUT_OF_TIME)
    return failed[0] if failed else exits.OK


def _load(serving: App, app: Path, model: Path, failed: list[int], ended: threading.Event) -> None:
    service = serving.service
    try:
        limit_threads(service.limits.workers)
        serving.serve(*load(service.entry, app, model, service.example))
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        print(f"mlops-serve: the model could not be loaded by {service.entry}", file=sys.stderr, flush=True)
        failed.append(exits.USER_CODE)
        ended.set()


def health(service: Service) -> int:
    """0 when the server of this container is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=ASK)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        said = answer.read(10_000).decode("utf-8", "replace")
    except OSError as error:
        print(f"the server does not answer: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    if answer.status != 200:
        print(said.strip(), file=sys.stderr)
    return 0 if answer.status == 200 else 1
