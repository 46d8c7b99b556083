"""A nightly run and the stamps of its schedule: what is new since the last one, that it began, and how it ended."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from mlops_ci.console import Console
from mlops_ci.datasets.plan import freshness_mark
from mlops_ci.errors import MlopsError
from mlops_ci.files import digest_of
from mlops_ci.images.plan import LayerPlan
from mlops_ci.nightly.freshness import Parts, decide
from mlops_ci.nightly.ping import Word, ping
from mlops_ci.nightly.stamps import Ended, StampDamagedError, Stamps, Started
from mlops_ci.providers.base import Provider
from mlops_ci.records.codec import from_json, to_json
from mlops_ci.records.plan import Freshness
from mlops_ci.records.record import FileRef
from mlops_ci.run.clock import now, stamp
from mlops_ci.run.run import Run
from mlops_ci.run.workspace import Workspace
from mlops_ci.settings.settings import Settings
from mlops_ci.stages.addresses import ca_bundle, configured_store, store_opener
from mlops_ci.stages.decisions import DRY_RUN, NIGHTLY, forced, is_on
from mlops_ci.stages.session import Session
from mlops_ci.stores.errors import StoreAccessError

# What the result depends on beside code, data and image. The rest (addresses, runners, the schedule) is no news.
TABLES = ("image", "data", "prepare", "train", "evaluate")


def freshness(session: Session) -> Freshness:
    """What is new since the last successful night.

    Stamps that cannot be had are never "nothing new": a store that does not answer is an error, to try again; one that
    refuses this job, and a damaged stamp, cost a training at most, and are said loudly.
    """
    settings = session.settings
    unread = ""
    try:
        last = stamps(settings, session.workspace).succeeded()
    except (StoreAccessError, StampDamagedError) as error:
        last, unread = None, f": {error.cause}"
        session.console.annotate("warning", "nightly: it counts as new", f"{error.cause}\n{error.hint}")
    max_age = settings.tables.nightly.max_age
    found = decide(parts(session), last, now=now(), max_age=max_age, forced=forced(session))
    if last is None and not unread and not session.provider.local and not settings.tables.publish.store:
        unread = ": no [publish] store is set, and this machine keeps nothing"
    return replace(found, why=f"{found.why}{unread}")


def parts(session: Session) -> Parts:
    """The fingerprints, equal on any machine for equal inputs."""
    resolution = session.resolution
    opener = store_opener(session.settings)
    effective = session.settings.effective
    return {
        "data": freshness_mark(session.settings.tables.data, resolution.data_digest, opener),
        "code": resolution.code_sha256,
        "image": resolution.environment,
        "base image": base_image(resolution.images[0]),
        "settings": digest_of(to_json({name: effective[name] for name in TABLES})),
    }


def base_image(lowest: LayerPlan) -> str:
    """What the lowest layer stands on: others' image, or on the host the Python that environments are made with."""
    document = lowest.document
    return next(digest_of({name: document[name]}) for name in ("base", "digest", "python") if name in document)


def stamps(settings: Settings, workspace: Workspace) -> Stamps:
    """The stamps of this project and mode, in the store that models go to."""
    return Stamps(store=configured_store(settings, workspace), project=settings.name, mode=settings.mode or "main")


def is_night(settings: Settings) -> bool:
    """Whether a run with these settings belongs to the nightly schedule."""
    return settings.mode == NIGHTLY


def idle(run: Run) -> str | None:
    """Why plan found that a nightly run has nothing to do, or None."""
    plan = run.record("plan")
    found = plan.outputs.get("freshness") if plan is not None else None
    return str(found["why"]) if found and not found["due"] else None


@dataclass(frozen=True, kw_only=True)
class Night:
    """The outer ends of one run of a schedule. Whatever fails here is a warning: it costs the run nothing.

    Only a nightly tells the dead man's switch of itself: another schedule would keep it quiet.
    """

    settings: Settings
    workspace: Workspace
    console: Console
    environ: Mapping[str, str]
    dry: bool = False

    @classmethod
    def of(
        cls, settings: Settings, provider: Provider, console: Console, environ: Mapping[str, str] | None = None
    ) -> Night:
        """The night of these settings. A dry run, and code of a fork, leave no trace in the schedule."""
        around = os.environ if environ is None else environ
        return cls(
            settings=settings,
            workspace=Workspace(root=settings.root),
            console=console,
            environ=around,
            dry=is_on(around, DRY_RUN) or not provider.trusted()[0],
        )

    def begin(self, run: Run) -> None:
        """Leave the stamp, and tell the dead man's switch."""
        if self.dry:
            self.console.say("dry run: no stamp of the schedule is left")
            return
        self._leave("start", Started(run=run.id, at=stamp(now()), host=platform.node(), links=run.info.links))
        if is_night(self.settings):
            self.tell("start")

    def end_of(self, run: Run, exit_code: int) -> None:
        """The end of a run in one process: its records say why."""
        failed = next((record for record in run.records().values() if record.status == "failed"), None)
        if exit_code:
            self.end(run, "failed", exit_code, f"{failed.stage}: {failed.reason}" if failed else "")
        else:
            nothing = idle(run)
            self.end(run, "passed" if nothing is None else "skipped", 0, nothing or "")

    def end(self, run: Run, result: Literal["passed", "skipped", "failed"], exit_code: int, reason: str) -> None:
        """Leave the stamp, with what the run was made from, and tell the dead man's switch."""
        if self.dry:
            return
        plan = run.record("plan")
        found = (plan.outputs.get("freshness") if plan is not None else None) or {}
        self._leave(
            "end",
            Ended(
                run=run.id,
                started_at=self._started(run),
                at=stamp(now()),
                result=result,
                exit_code=exit_code,
                reason=self.console.redactor.clean(reason),
                parts=found.get("parts", {}),
                links=run.info.links,
            ),
        )
        if result == "passed":
            self._keep_profile(run)
        if is_night(self.settings):
            self.tell("fail" if exit_code else "success")

    def tell(self, word: Word) -> bool:
        """Ping the address that the environment holds; False when there is none, or it did not take the word."""
        name = self.settings.tables.nightly.ping_url
        address = self.environ.get(name, "").strip()
        if not address:
            return False
        self.console.secret(address)
        problem = ping(address, word, ca_bundle=ca_bundle(self.settings))
        if problem is not None:
            self.console.annotate("warning", "ping", f"the address in {name} was not told `{word}`: {problem}")
        return problem is None

    def _started(self, run: Run) -> str:
        try:
            started = stamps(self.settings, self.workspace).started()
        except MlopsError:
            started = None
        return started.at if started is not None and started.run == run.id else run.info.created_at

    def _keep_profile(self, run: Run) -> None:
        """What the data of a night that went well looked like, for the comparison of the next ones."""
        prepare = run.record("prepare")
        found = (prepare.outputs.get("drift") if prepare is not None else None) or {}
        if not found.get("profile"):
            return
        try:
            path = run.open(from_json(FileRef, found["profile"], where="records/prepare.json"))
            stamps(self.settings, self.workspace).keep_profile(path.read_bytes())
        except MlopsError as error:
            self.console.annotate("warning", "the data's profile is not kept", f"{error.cause}\n{error.hint}")

    def _leave(self, what: Literal["start", "end"], one: Started | Ended) -> None:
        try:
            book = stamps(self.settings, self.workspace)
            if isinstance(one, Started):
                book.start(one)
            else:
                book.end(one)
        except MlopsError as error:
            self.console.annotate(
                "warning",
                f"the {what} of this run is not stamped",
                f"`mlops-ci nightly status` will not know of it: {error.cause}\n{error.hint}",
            )
