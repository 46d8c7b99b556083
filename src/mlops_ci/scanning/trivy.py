"""One call of Trivy: a clean environment, a folder of its own, JSON or nothing.

Trivy's exit code never carries findings here: anything but 0 means that the scan is broken.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from mlops_ci import network, process
from mlops_ci.engines.docker_address import resolve
from mlops_ci.errors import MissingError, UncheckedError
from mlops_ci.file_lock import FileLock
from mlops_ci.files import sha256_of
from mlops_ci.scanning.pins import pins
from mlops_ci.scanning.scratch import scratch

# What the scanner may see of our environment: how to find programs and files, never a secret. Where it reads images (or
# fetches the database) also the container engine, and the logins of registries.
HANDED_ON = ("PATH", "HOME", "XDG_RUNTIME_DIR")
OF_IMAGES = (
    "DOCKER_CONFIG",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
)
# Nothing is reported to anybody, and nothing is fetched but the database, which `database.py` does itself.
SILENT = {
    "TRIVY_DISABLE_TELEMETRY": "true",
    "TRIVY_SKIP_VERSION_CHECK": "true",
    "TRIVY_NO_PROGRESS": "true",
}
OFFLINE = {
    "TRIVY_OFFLINE_SCAN": "true",
    "TRIVY_SKIP_DB_UPDATE": "true",
    "TRIVY_SKIP_JAVA_DB_UPDATE": "true",
    "TRIVY_SKIP_CHECK_UPDATE": "true",
}
# Seconds that the scanner gets to end by its own time limit before we end it.
GRACE = 15.0
DETAIL_LINES = 12


class ScannerRefusedError(MissingError):
    """There is a Trivy, but not one that is trusted: unknown checksum, refused or too old a version."""


class ScannerBrokenError(UncheckedError):
    """The scanner failed, ran out of time, or answered with something that is no report."""


@dataclass(frozen=True, kw_only=True)
class Trivy:
    """A trusted binary. `cache` is its folder (database, layers); `ca_bundle` what its TLS trusts."""

    path: Path
    version: str
    sha256: str
    cache: Path
    ca_bundle: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def json(self, arguments: Sequence[str | Path], *, what: str, timeout: float) -> Any:
        """The JSON that Trivy writes for these arguments. `what` names the work in errors; `timeout` in seconds.

        Raises `ScannerBrokenError` for anything but exit code 0 and one JSON object of sane size.
        """
        with scratch(self.cache, "call") as folder:
            answer = folder / "answer.json"
            with self._layer_cache(arguments[0]):
                finished = self.run([*arguments, "--output", answer], timeout=timeout, folder=folder)
            self._judge(finished, what=what, timeout=timeout)
            return read_answer(answer, what=what)

    def check(self) -> None:
        """Raise `ScannerRefusedError` unless the program is the very one that was trusted."""
        if checksum(self.path) != self.sha256:
            raise ScannerRefusedError(
                f"{self.path} is not the program that was installed: its SHA-256 is another",
                hint="find out who changed it, then install mlops-ci anew",
            )

    @contextmanager
    def _layer_cache(self, command: str | Path) -> Iterator[None]:
        """Scans of images share one file of known layers, which one process at a time may have open."""
        if command != "image":
            yield
            return
        with FileLock(self.cache / "layers.lock"):
            yield

    def _judge(self, finished: process.Finished, *, what: str, timeout: float) -> None:
        if finished.timed_out or finished.exit_code != 0:
            raise ScannerBrokenError(
                f"{what}: Trivy {how_it_ended(finished, timeout)}",
                hint="see the lines above; the limit is [scan] timeout" if _out_of_time(finished) else _hint(finished),
                details=finished.tail(DETAIL_LINES),
            )

    def run(
        self, arguments: Sequence[str | Path], *, timeout: float, folder: Path, offline: bool = True
    ) -> process.Finished:
        """How the call ended. With `offline` the scanner asks the network nothing.

        It works in the empty `folder`, so that no configuration file of a repository can silence it. Raises
        `ScannerRefusedError` unless the program is the very one that was trusted.
        """
        self.check()
        modules, temporary = folder / "modules", folder / "tmp"
        for made in (modules, temporary):
            made.mkdir(exist_ok=True)
        return process.run(
            [self.path, *arguments, "--timeout", f"{max(1, round(timeout))}s"],
            cwd=folder,
            environment={
                **self._environment(images=arguments[0] == "image"),
                **(OFFLINE if offline else {}),
                "TRIVY_CACHE_DIR": str(self.cache),
                "TRIVY_MODULE_DIR": str(modules),
                "TMPDIR": str(temporary),
            },
            timeout=timeout + GRACE,
            check=False,
            leashed=True,
        )

    def _environment(self, *, images: bool) -> dict[str, str]:
        names = (*HANDED_ON, *(OF_IMAGES if images else ()))
        kept = {name: self.environ[name] for name in names if name in self.environ}
        trust = {"SSL_CERT_FILE": str(self.ca_bundle)} if self.ca_bundle else {}
        engine = {"DOCKER_HOST": self.environ.get("DOCKER_HOST") or resolve(None, self.environ).url}
        return {**kept, **(engine if images else {}), **network.proxy_environment(), **trust, **SILENT}


def checksum(path: Path) -> str:
    """The SHA-256 of a program, taken once in a process while nobody touches the file."""
    status = path.stat()
    return _checksum(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@cache
def _checksum(path: Path, *_: int) -> str:
    return sha256_of(path)


def read_answer(path: Path, *, what: str) -> Any:
    """The JSON object in a file that Trivy wrote; raises `ScannerBrokenError` when it is none."""
    size = -1
    with suppress(OSError):
        size = path.stat().st_size
    if size <= 0:
        raise ScannerBrokenError(f"{what}: Trivy ended well but wrote nothing", hint=_REPORT_HINT)
    if size > pins().largest_output:
        raise ScannerBrokenError(f"{what}: Trivy's answer has {size} bytes", hint="scan a smaller image")
    try:
        answer = json.loads(path.read_bytes())
    except ValueError as error:
        raise ScannerBrokenError(f"{what}: Trivy's answer is no JSON: {error}", hint=_REPORT_HINT) from error
    if not isinstance(answer, dict):
        raise ScannerBrokenError(f"{what}: Trivy's answer is no JSON object", hint=_REPORT_HINT)
    return answer


def how_it_ended(finished: process.Finished, timeout: float) -> str:
    """One phrase on a call that failed: its exit code, its time limit, and the last thing it said."""
    if _out_of_time(finished):
        return f"did not end within {timeout:g} s"
    lines = [line for line in finished.tail(DETAIL_LINES) if line.strip()]
    said = next((line for line in lines if "FATAL" in line or line.startswith("panic")), lines[-1] if lines else "")
    return f"failed with exit code {finished.exit_code}" + (f": {_message(said)}" if said else "")


_REPORT_HINT = "run it again; if it stays so, `mlops-ci doctor` checks the scanner"


def _out_of_time(finished: process.Finished) -> bool:
    return finished.timed_out or "context deadline exceeded" in finished.stderr


def _message(line: str) -> str:
    """The line without Trivy's time stamp and level."""
    return line.rpartition("\t")[2].replace("run error: ", "").strip()[:300]


def _hint(finished: process.Finished) -> str:
    text = finished.stderr.lower()
    if "cache may be in use" in text:
        return "another scan uses the same cache folder: wait until it has ended"
    if "no space left" in text:
        return "free space on the disk of the temporary folder (TMPDIR) and of .mlops/cache"
    if "unable to find the specified image" in text or "docker daemon" in text:
        return "is the image there, and does the container engine answer? `mlops-ci build` makes it"
    return _REPORT_HINT
