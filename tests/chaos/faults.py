"""Faults as data (`faults.toml`), played by real processes against real servers behind proxies that misbehave."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from chaos.fault_table import BEGINNINGS, DIFFERS, HALF, INSIDE, KEPT, LOGGED, NOBODY, NONE, REMOVED, SAME, WHO, Fault
from chaos.servers import MODEL, PREFIX, Servers, servers
from mlops_ci.errors import MlopsError
from mlops_ci.publishing.inventory import manifests
from mlops_ci.publishing.verify import verify
from mlops_ci.run.run import open_run, run_ids
from support.cli import call
from support.fault_proxy import FaultProxy, fault_proxy, rule_of
from support.leftovers import of_project
from support.project import EVALUATE, TRAIN, WITH_TORCH, commit, make_project
from support.s3_places import BUCKET, raw_client

# Bytes of a second output, so that something travels in several parts.
LARGE = 17_000_000
# Of the second, better model.
EPOCHS = 9
HOOK = """import os
if os.path.exists({path!r}):
    exec(compile(open({path!r}).read(), "fault.py", "exec"))
"""
EXTRA = f"""
import random
with open(os.path.join(os.environ["MLOPS_OUTPUT_DIR"], "extra.bin"), "wb") as file:
    file.write(random.Random(epochs).randbytes({LARGE}))
"""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of a fault, in the same words; `said` is the end of what the tool printed, `detail` what differs."""

    fault: Fault
    got: tuple[str, int, str, str]
    said: str
    detail: Mapping[str, Any]

    @property
    def good(self) -> bool:
        """Just what the table says."""
        return self.got == self.fault.expected


class Stage:
    """A project with a champion, and a second run of a better model that can go on from `verify` or from `evaluate`."""

    def __init__(
        self, folder: Path, both: Servers, s3: FaultProxy, mlflow: FaultProxy, *, config: str = WITH_TORCH
    ) -> None:
        self._servers, self._s3, self._mlflow = both, s3, mlflow
        self._folder = folder
        self._hooks = {name: folder / f"fault-{name}.py" for name in ("train", "evaluate")}
        config = config.replace("seconds = 3.0", "seconds = 0.3").replace(
            "gpus = 0", 'gpus = 0\ntimeout = "12s"\ngrace = "2s"'
        )
        self._project = make_project(
            folder / "project",
            config=config,
            files={
                "train.py": HOOK.format(path=str(self._hooks["train"])) + TRAIN + EXTRA,
                "evaluate.py": HOOK.format(path=str(self._hooks["evaluate"])) + EVALUATE,
            },
        )
        self._client = MlflowClient(tracking_uri=both.tracking)
        self._settings = {
            **both.settings,
            "MLOPS_CI_ENGINE": "host",
            "MLOPS_CI_PUBLISH__ENDPOINT": s3.uri,
            "MLOPS_CI_TRACKING__URI": mlflow.uri,
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "2",
            **{name: os.environ[name] for name in ("MLOPS_CI_MIRRORS__TRIVY_DB",) if name in os.environ},
        }
        self._foreign = ""
        self._must()
        self._objects = {info.key for info in both.store().list()}
        self._kept_runs = {run.info.run_id for run in self._runs()}
        self._models = {one.model_id for one in self._logged_models()}
        (self._project / "mlops.toml").write_text(config.replace("epochs = 6", f"epochs = {EPOCHS}"))
        commit(self._project, "a better model")
        for beginning in BEGINNINGS:
            self._must(beginning)
            shutil.copytree(self._project / ".mlops", self._kept(beginning), symlinks=True)
        self._trained = {run.info.run_id for run in self._runs()} - self._kept_runs
        self._must()
        self._expected = self._state()

    def play(self, fault: Fault) -> Played:
        """Go on from where the fault begins, with it; then once more without it."""
        self._reset(fault.begin)
        self._foreign = ""
        calls = {"promote-another": self._promote_another, "occupy": self._occupy}
        proxy = self._mlflow if fault.on == "mlflow" else self._s3
        proxy.play(*(rule_of(rule, calls) for rule in fault.rules))
        if fault.script:
            self._hooks[fault.on].write_text(fault.script)
        first = call(self._project, "run", environment={**self._settings, **fault.settings})
        played, problems = proxy.played, list(proxy.problems)
        proxy.play()
        for hook in self._hooks.values():
            hook.unlink(missing_ok=True)
        class_, tries = self._ended(first.exit_code)
        half = self._half_published() or of_project(self._project)
        retry = WHO.get(first.exit_code, NOBODY)
        if first.exit_code == 0:
            refused = played and any(rule["action"] != "slow" for rule in fault.rules)
            retry = INSIDE if refused or tries > 1 else NONE
        elif call(self._project, "run", environment=self._settings).exit_code and self._foreign:
            raw_client(self._servers.s3).delete_object(Bucket=BUCKET, Key=self._foreign)
            call(self._project, "run", environment=self._settings)
        detail = self._difference()
        final = HALF if half else self._final(detail)
        if (fault.rules and not played) or problems:
            class_ = f"NEVER PLAYED {problems}"
        return Played(
            fault=fault,
            got=(class_, first.exit_code, retry, final),
            said=first.stderr[-2500:],
            detail=detail,
        )

    def _final(self, detail: Mapping[str, Any]) -> str:
        if not detail:
            return REMOVED if self._foreign else SAME
        if set(detail) == {"points per step"}:
            return LOGGED
        champion = self._client.get_model_version_by_alias(MODEL, "champion")
        return KEPT if champion.tags.get("foreign") else DIFFERS

    def _ended(self, exit_code: int) -> tuple[str, int]:
        """The class of the failed stage, else `ok`; and how often the training was started."""
        records = open_run(*self._run()).records()
        failed = [one for one in records.values() if one.status == "failed" and one.error is not None]
        tries = len(records["train"].outputs.get("attempts", [])) if "train" in records else 0
        if not failed or not exit_code:
            return ("ok" if not exit_code else "no record"), tries
        assert failed[0].error is not None
        return failed[0].error.class_, tries

    def _half_published(self) -> list[str]:
        """Manifests that name what is not there, or a champion that no manifest stands for."""
        store = self._servers.store()
        bad = [key for key in manifests(store) if verify(store, key)]
        champion = self._client.get_model_version_by_alias(MODEL, "champion")
        key = champion.tags.get("mlops.manifest", "")
        return bad + ([] if not key or store.head(key) else [f"no {key}"])

    def _difference(self) -> dict[str, Any]:
        try:
            state = self._state()
        except (KeyError, FileNotFoundError, MlopsError) as error:
            return {"not published": str(error)}
        return {key: value for key, value in state.items() if value != self._expected[key]}

    def _state(self) -> dict[str, Any]:
        folder, run = self._run()
        model = self._client.get_registered_model(MODEL)
        return {
            **self._servers.state(self._project, run),
            "runs here": len(run_ids(folder)),
            "aliases": {str(key): self._whose(str(value)) for key, value in dict(model.aliases).items()},
        }

    def _whose(self, version: str) -> str:
        """The run of a version: numbers are never given twice."""
        return str(self._client.get_model_version(MODEL, version).tags.get("mlops.run", "somebody else"))

    def _reset(self, beginning: str) -> None:
        """Everything as it was there: the folder, the bucket, the registry, the tracked runs."""
        shutil.rmtree(self._project / ".mlops")
        shutil.copytree(self._kept(beginning), self._project / ".mlops", symlinks=True)
        store = self._servers.store()
        for info in list(store.list()):
            if info.key not in self._objects:
                store.delete(info.key)
        for version in self._client.search_model_versions(f"name = '{MODEL}'"):
            if version.version not in ("1", 1):
                self._client.delete_model_version(MODEL, version.version)
        for alias in ("champion", "candidate"):
            self._client.set_registered_model_alias(MODEL, alias, "1")
        self._client.delete_registered_model_alias(MODEL, "previous_champion")
        for one in self._logged_models():
            if one.model_id not in self._models:
                self._client.delete_logged_model(one.model_id)
        wanted = self._kept_runs | (self._trained if beginning == "evaluate" else set())
        for run in self._runs():
            if run.info.run_id not in wanted:
                self._client.delete_run(run.info.run_id)
        for run_id in wanted - {run.info.run_id for run in self._runs()}:
            self._client.restore_run(run_id)

    def _promote_another(self) -> None:
        """What somebody else does: a version that is not ours becomes the champion."""
        first = self._client.get_model_version(MODEL, "1")
        versions = self._client.search_model_versions(f"name = '{MODEL}'")
        if not any(one.tags.get("foreign") for one in versions):
            made = self._client.create_model_version(
                MODEL,
                first.source,
                run_id=first.run_id,
                tags={"foreign": "yes"},
                model_id=first.source.removeprefix("models:/"),
            )
            self._client.set_registered_model_alias(MODEL, "champion", made.version)

    def _occupy(self) -> None:
        """Somebody puts something else where the large output belongs."""
        digest = hashlib.sha256(random.Random(EPOCHS).randbytes(LARGE)).hexdigest()
        self._foreign = f"{PREFIX}/objects/{digest[:2]}/{digest}"
        raw_client(self._servers.s3).put_object(Bucket=BUCKET, Key=self._foreign, Body=b"something else")

    def _runs(self) -> list[Any]:
        found = [one.experiment_id for one in self._client.search_experiments()]
        return list(self._client.search_runs(found))

    def _logged_models(self) -> list[Any]:
        found = [one.experiment_id for one in self._client.search_experiments()]
        return list(self._client.search_logged_models(found))

    def _kept(self, beginning: str) -> Path:
        return self._folder / f"kept-{beginning}"

    def _must(self, *stages: str) -> None:
        done = call(self._project, "run", *stages, environment=self._settings)
        if done.exit_code != 0:
            raise RuntimeError(f"an undisturbed run failed:\n{done.said[-3000:]}")

    def _run(self) -> tuple[Path, str]:
        runs = self._project / ".mlops" / "runs"
        return runs, run_ids(runs)[-1]


@contextmanager
def stage(folder: Path, both: Servers | None = None, *, config: str = WITH_TORCH) -> Iterator[Stage]:
    """Proxies and a project for one block, before these servers or some of its own."""
    with ExitStack() as stack:
        if both is None:
            both = stack.enter_context(servers(folder))
        both.empty()
        s3 = stack.enter_context(fault_proxy(both.s3.endpoint))
        mlflow = stack.enter_context(fault_proxy(both.tracking))
        yield Stage(folder, both, s3, mlflow, config=config)
