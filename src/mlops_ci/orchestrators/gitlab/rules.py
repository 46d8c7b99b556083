"""When the jobs of a file run: merge requests, branches, tags, schedules, and never for the code of a fork."""

from __future__ import annotations

from typing import Any

from mlops_ci.orchestrators.beside import NAME as CANARY
from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.decay import NAME as DECAY
from mlops_ci.orchestrators.decay import SCHEDULED
from mlops_ci.orchestrators.gitlab.document import Explained, Flow
from mlops_ci.orchestrators.gitlab.inputs import AUTO, use
from mlops_ci.orchestrators.rescan import NAME as RESCAN
from mlops_ci.orchestrators.rolling_back import NAME as ROLLBACK

MERGE_REQUEST = '$CI_PIPELINE_SOURCE == "merge_request_event"'
SCHEDULE = '$CI_PIPELINE_SOURCE == "schedule"'
# Set in every pipeline of a merge request, child pipelines too. A fork's own pipelines run in the fork, where its
# project is the project itself.
FORK = "$CI_MERGE_REQUEST_SOURCE_PROJECT_PATH && $CI_MERGE_REQUEST_SOURCE_PROJECT_PATH != $CI_PROJECT_PATH"
NEVER = "never"
# A schedule runs whatever includes it: this variable of it says that it is not the one of the nights.
KIND = "MLOPS_SCHEDULE"
# Files that run in other pipelines too, each with a schedule of its own: for looking at every node of a list, and for
# images that are to be fresh although nobody pushes.
ALSO = {"verify": "fleet", "scan": "refresh"}

Rule = dict[str, Any] | Explained


def rules(file: CalledFile, *, changing: bool = False, beside: bool = False) -> list[Rule]:
    """The rules of the jobs of this file; `changing` jobs change what others see, and run for no merge request.

    A job `beside` the others runs where the caller asked for it.
    """
    found: list[Rule] = [
        Explained("The code of a fork gets no runner and no variable of this project.", {"if": FORK, "when": NEVER})
    ]
    if beside:
        found.append(Explained("Only where it was asked for.", {"if": _is_false(CANARY), "when": NEVER}))
    if file.name == ROLLBACK:
        by_hand = {"if": "$CI_PIPELINE_SOURCE =~ /^(web|api|trigger)$/", "when": "manual", "allow_failure": True}
        return [*found, Explained("A person starts the pipeline, and in it this job.", by_hand)]
    if file.name in SCHEDULED:
        return [*found, *_schedules(file)]
    found += _other_schedules(file)
    if changing:
        found.append({"if": MERGE_REQUEST, "when": NEVER})
    found += _sources()
    if not changing:
        found += _merge_requests()
    # Always true, so that the `when` of the job itself counts.
    return [*found, _set(_is_auto(), MLOPS_CI_MODE="main"), {"if": "$CI_PIPELINE_SOURCE"}]


def _schedules(file: CalledFile) -> list[Rule]:
    """Several files in one project have a schedule each, which GitLab tells apart by a variable of it."""
    own = {DECAY: DECAY, RESCAN: RESCAN, **ALSO}
    if file.name in own:
        return [_own_schedule(own[file.name], {"if": _scheduled(own[file.name])})]
    others = [
        Explained(f"That schedule is for {name}.yml.", {"if": _scheduled(kind), "when": NEVER})
        for name, kind in own.items()
    ]
    return [*others, {"if": SCHEDULE}]


def _other_schedules(file: CalledFile) -> list[Rule]:
    """A file that merge requests and pushes run leaves schedules to others, but for the one that may be its own."""
    never = Explained("Schedules are for nightly.yml, decay.yml and rescan.yml.", {"if": SCHEDULE, "when": NEVER})
    kind = ALSO.get(file.name)
    if kind is None:
        return [never]
    scheduled = _scheduled(kind)
    first = _own_schedule(kind, _set(f"{_is_auto()} && {scheduled}", MLOPS_CI_MODE="main"))
    return [first, {"if": scheduled}, never]


def _scheduled(kind: str) -> str:
    return f'{SCHEDULE} && ${KIND} == "{kind}"'


def _own_schedule(kind: str, rule: dict[str, Any]) -> Rule:
    return Explained(f"The schedule that has {KIND}: {kind} among its variables.", rule)


def fork_rules() -> list[Rule]:
    """The rules of the job that says why nothing runs."""
    return [{"if": FORK}]


def _sources() -> list[Rule]:
    branch = "$CI_COMMIT_BRANCH && $CI_COMMIT_BRANCH != $CI_DEFAULT_BRANCH"
    return [
        {"if": f"$CI_COMMIT_TAG && {_is_false('on-tags')}", "when": NEVER},
        Explained(
            "A push to another branch is its merge request's business.",
            {"if": f'$CI_PIPELINE_SOURCE == "push" && {branch} && {_is_false("on-branches")}', "when": NEVER},
        ),
    ]


def _is_auto() -> str:
    return f'"{use("mode")}" == "{AUTO}"'


def _is_false(name: str) -> str:
    return f'"{use(name)}" == "false"'


def _merge_requests() -> list[Rule]:
    why = "What is not merged is trained and judged, and neither published nor promoted."
    first = _set(f"{_is_auto()} && {MERGE_REQUEST}", MLOPS_CI_MODE="pr", MLOPS_CI_DRY_RUN="true")
    return [Explained(why, first), _set(MERGE_REQUEST, MLOPS_CI_DRY_RUN="true")]


def _set(condition: str, **variables: str) -> dict[str, Any]:
    return {"if": condition, "variables": Flow(variables)}
