"""The wheels that the locks name and those of the user's requirements, fetched by pip and checked once more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops_ci import process
from mlops_ci.errors import InfrastructureError, InternalError
from mlops_ci.files import sha256_of
from mlops_ci.images import catalogue, sources
from mlops_ci.images.lockfile import Pin
from mlops_ci.images.pip_call import pip_environment, program, source_lines
from mlops_ci.images.specs import CONSTRAINTS, FILES, LayerSpec
from mlops_ci.mirroring.wanted import Lock, Wanted
from mlops_ci.progress import long_step

SHOWN_LINES = 40


class WheelsUnavailableError(InfrastructureError):
    """Wheels that the project needs could not be fetched."""


@dataclass(frozen=True, kw_only=True)
class Wheels:
    """Fetches into `folder`, which keeps what is there: a second call fetches only what is missing."""

    wanted: Wanted
    folder: Path

    def locked(self, lock: Lock) -> tuple[Path, ...]:
        """The wheels of a lock: exactly what it names, every hash checked."""
        self._locked.mkdir(parents=True, exist_ok=True)
        lacking = self._lacking(lock)
        if lacking:
            title = f"fetching {len(lacking)} wheels of the lock {lock.name}"
            with long_step(self.wanted.console, f"wheels-{lock.name}", title):
                self._download(lock, lacking)
            lacking = self._lacking(lock)
        if lacking:
            names = ", ".join(f"{pin.name} {pin.version}" for pin in lacking)
            raise WheelsUnavailableError(
                f"pip fetched no wheel with a known hash for: {names}",
                hint="does the index have wheels for this Python and machine?",
            )
        return self._of(lock)

    def requirements(self, spec: LayerSpec) -> tuple[Path, ...]:
        """The wheels of the user's requirements, without those of the locks below. What has no wheel is built."""
        target = self.folder / spec.name
        work = self.folder / f"{spec.name}-files"
        for file in spec.files:
            path = work / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.read())
        below = [pin for lock in self.wanted.locks[1:] for pin in lock.pins]
        constraints = (work / CONSTRAINTS).read_text(encoding="utf-8")
        lines = [constraints, *(f"{pin.name}=={pin.version}\n" for pin in below if f"{pin.name}==" not in constraints)]
        (work / "all.txt").write_text("".join(lines), encoding="utf-8")
        words: list[str | Path] = [
            "--requirement",
            work / FILES / (spec.requirements or ""),
            "--constraint",
            work / "all.txt",
        ]
        with long_step(self.wanted.console, "wheels-requirements", "fetching the wheels of your requirements"):
            target.mkdir(parents=True, exist_ok=True)
            self._pip(["wheel", "--wheel-dir", target, *words], torch_index=spec.companions, near=[self._locked])
        return sources.other_archives([target], {pin.name for pin in below})

    def _download(self, lock: Lock, lacking: Sequence[Pin]) -> None:
        special = [pin for pin in lacking if pin.name in catalogue.load().protected]
        hashed = [pin for pin in lacking if pin not in lock.unhashed]
        listed = self.folder / f"{lock.name}.txt"
        listed.write_text("".join(pin.text for pin in hashed), encoding="utf-8")
        fixed: list[str | Path] = [
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            self._locked,
            *lock.words,
        ]
        here = sources.locked_archives(self.wanted.packages.folders, special)
        remote = bool(special) and not lock.unhashed and not here
        if hashed:
            self._pip([*fixed, "--require-hashes", "--requirement", listed], torch_index=remote)
        for pin in lock.unhashed:
            self._pip([*fixed, f"{pin.name}=={pin.version}"], torch_index=True)

    def _pip(self, words: Sequence[str | Path], *, torch_index: bool, near: Iterable[Path] = ()) -> None:
        packages, console = self.wanted.packages, self.wanted.console
        extra = self.folder / "sources.txt"
        extra.touch(mode=0o600)
        links = "".join(f"--find-links {folder}\n" for folder in near)
        extra.write_text(source_lines(packages, torch_index=torch_index) + links, encoding="utf-8")
        try:
            finished = process.run(
                [*program(self.folder / "pip"), *words, "--requirement", extra],
                environment=pip_environment(packages),
                on_line=console.output,
                redactor=console.redactor,
                echo=console.output,
                check=False,
                leashed=True,
            )
        finally:
            extra.unlink()
        if finished.exit_code != 0:
            raise WheelsUnavailableError(
                "pip could not fetch what the project needs",
                hint="check the network and [mirrors]; the same command goes on where it stopped",
                details=finished.tail(SHOWN_LINES),
            )

    @property
    def _locked(self) -> Path:
        """One folder for all locks: what two of them name is fetched once."""
        return self.folder / "locked"

    def _of(self, lock: Lock) -> tuple[Path, ...]:
        found = sources.locked_archives([self._locked], lock.pins)
        unhashed = {(pin.name, pin.version) for pin in lock.unhashed}
        return tuple(dict.fromkeys((*found, *sources.versions([self._locked], unhashed))))

    def _lacking(self, lock: Lock) -> list[Pin]:
        have = {(name, version) for _, name, version in sources.named(self._of(lock))}
        return [pin for pin in lock.pins if (pin.name, pin.version) not in have]


def unique(paths: Iterable[Path]) -> dict[str, Path]:
    """Wheels by file name; one that two locks name is there once."""
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(path.name, path)
        if other is not path and sha256_of(other) != sha256_of(path):
            raise InternalError(f"{other} and {path} have one name and two contents")
    return found
