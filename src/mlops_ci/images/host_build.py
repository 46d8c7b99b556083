"""Virtual environments for the host engine, one per layer, from the same locks as the images."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops_ci import process
from mlops_ci.console import Console
from mlops_ci.errors import InfrastructureError, InternalError, MissingError
from mlops_ci.file_lock import FileLock
from mlops_ci.images import build_failure, catalogue, content_key, environment, host_python, naming, sources
from mlops_ci.images.bake import PlanOutdatedError
from mlops_ci.images.catalogue import Variant
from mlops_ci.images.lookup import EnvironmentLookup, ImageFacts
from mlops_ci.images.pip_call import compiling, pip_environment, source_lines
from mlops_ci.images.plan import LayerPlan, remember
from mlops_ci.images.sources import PackageSources
from mlops_ci.images.specs import CONSTRAINTS, FILES, LayerSpec
from mlops_ci.progress import long_step
from mlops_ci.records.build import BuiltImage

SHOWN_LINES = 40
TORCH = "torch"


class VenvUnavailableError(MissingError):
    """The Python that we run on cannot make virtual environments."""


class EnvironmentBuildError(InfrastructureError):
    """A layer's environment could not be made."""


@dataclass(kw_only=True)
class HostBuild:
    """One run over a plan.

    An environment cannot be moved, so it is made where it stays; only a marker, written last, makes it count.
    """

    cache: Path
    console: Console
    packages: PackageSources
    variant: Variant
    images: dict[str, BuiltImage] = field(default_factory=dict)

    def run(self, plans: Sequence[LayerPlan]) -> dict[str, BuiltImage]:
        """The environments from base to top; those that exist are used as they are."""
        for secret in self.packages.secrets():
            self.console.secret(secret)
        folder = self.cache.resolve() / "environments"
        folder.mkdir(parents=True, exist_ok=True)
        lookup = EnvironmentLookup(folder)
        parent: tuple[Path, ImageFacts] | None = None
        for plan in plans:
            path = naming.environment_folder(plan.ref)
            started = time.monotonic()
            facts = lookup(plan.ref)
            built = facts is None
            if facts is None:
                facts, built = self._locked_build(plan, path, parent, lookup)
            self.images[plan.name] = BuiltImage(
                ref=plan.ref,
                digest=facts.digest,
                content_key=plan.content_key,
                built=built,
                bytes=facts.bytes,
                seconds=round(time.monotonic() - started, 3) if built else 0.0,
            )
            parent = (path, facts)
        return self.images

    def _locked_build(
        self, plan: LayerPlan, path: Path, parent: tuple[Path, ImageFacts] | None, lookup: EnvironmentLookup
    ) -> tuple[ImageFacts, bool]:
        """Build, unless another process did so while we waited for it."""
        # A dead process holds no lock: the kernel frees it.
        with FileLock(path.with_suffix(".lock")):
            found = lookup(plan.ref)
            if found is not None:
                return found, False
            with long_step(self.console, f"build-{plan.name}", f"building the environment {plan.name}"):
                self._build(plan, path, parent)
        remember(self.cache, plan)
        made = lookup(plan.ref)
        if made is None:
            raise InternalError(f"the environment {path} was made and is not there")
        return made, True

    def _build(self, plan: LayerPlan, path: Path, parent: tuple[Path, ImageFacts] | None) -> None:
        spec = plan.spec
        if spec is None:
            raise InternalError(f"nothing says what the layer {plan.name} is made from")
        if content_key.entries(spec.files) != plan.document["files"]:
            raise PlanOutdatedError(
                f"the files of the layer {plan.name} changed after they were planned", hint="run the same command again"
            )
        shutil.rmtree(path, ignore_errors=True)
        self._make(path, with_pip=parent is None)
        if parent is not None:
            environment.chain(path, parent[0])
        work = path / "install"
        for file in spec.files:
            target = work / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read())
        if spec.pins:
            self._install_lock(spec, path, work)
        elif spec.requirements:
            options: list[str | Path] = [
                "--requirement",
                work / FILES / spec.requirements,
                "--constraint",
                work / CONSTRAINTS,
            ]
            self._pip(spec, path, work, options, torch_index=spec.companions)
        if any(pin.name == TORCH for pin in spec.pins):
            self._compile(path)
        if parent is not None:
            environment.inherit_scripts(path, parent[0])
        shutil.rmtree(work, ignore_errors=True)
        environment.finish(path, key=plan.content_key, parent=parent[1].digest if parent else None)

    def _compile(self, path: Path) -> None:
        """Import PyTorch once, so that no job with a time limit pays for compiling it. What fails here fails there."""
        process.run(
            [environment.python_of(path), "-c", f"import {TORCH}"],
            environment=pip_environment(),
            on_line=self.console.output,
            check=False,
            leashed=True,
        )

    def _make(self, path: Path, *, with_pip: bool) -> None:
        words: list[str | Path] = [sys.executable, "-m", "venv", *([] if with_pip else ["--without-pip"]), path]
        finished = process.run(
            words, environment=pip_environment(), on_line=self.console.output, check=False, leashed=True
        )
        if finished.exit_code != 0:
            said = f"{finished.stdout}{finished.stderr}"
            if "ensurepip" in said or "No module named venv" in said:
                raise VenvUnavailableError(
                    f"{sys.executable} cannot make virtual environments",
                    hint="install its venv module (Debian: `apt-get install python3-venv`)",
                    details=finished.tail(5),
                )
            raise EnvironmentBuildError(
                f"the environment {path} could not be made", hint="see above", details=finished.tail(10)
            )

    def _install_lock(self, spec: LayerSpec, path: Path, work: Path) -> None:
        """The locked packages with their hashes; PyTorch without one where the lock knows none for this Python."""
        known = catalogue.load()
        special = [pin for pin in spec.pins if pin.name in known.protected and pin.applies()]
        unhashed = special if not host_python.has_hash(self.variant) else []
        hashed = work / "hashed.txt"
        hashed.write_text("".join(pin.text for pin in spec.pins if pin not in unhashed), encoding="utf-8")
        here = {archive.name for archive in sources.locked_archives(self.packages.folders, special)}
        remote = bool(special) and not here and not unhashed
        options: list[str | Path] = ["--require-hashes", "--no-deps", "--requirement", hashed]
        self._pip(spec, path, work, options, torch_index=remote)
        for pin in unhashed:
            requirement = f"{pin.name}=={pin.version}"
            self._pip(spec, path, work, ["--no-deps", requirement], torch_index=True)

    def _pip(
        self, spec: LayerSpec, path: Path, work: Path, options: Sequence[str | Path], *, torch_index: bool
    ) -> None:
        """Run the lowest layer's pip, which every environment sees, for this one."""
        extra = work / "sources.txt"
        extra.touch(mode=0o600)
        extra.write_text(source_lines(self.packages, torch_index=torch_index), encoding="utf-8")
        finished = process.run(
            [environment.python_of(path), "-m", "pip", "install", *compiling(), "--requirement", extra, *options],
            environment=pip_environment(self.packages),
            on_line=self.console.output,
            redactor=self.console.redactor,
            echo=self.console.output,
            check=False,
            leashed=True,
        )
        if finished.exit_code != 0:
            lines = (*finished.stdout.splitlines(), *finished.stderr.splitlines())
            raise build_failure.package_error(spec, lines, lines[-SHOWN_LINES:]) or EnvironmentBuildError(
                f"the layer {spec.name} could not be installed",
                hint="what pip said is shown above",
                details=lines[-SHOWN_LINES:],
            )
