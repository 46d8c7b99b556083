"""The files that GitLab users include, rendered from the one graph: `ci/gitlab/*.yml`, and components."""

from __future__ import annotations

from mlops_ci.orchestrators.called import CalledFile, handing_over
from mlops_ci.orchestrators.database_job import fetching
from mlops_ci.orchestrators.decay import NAME as DECAY
from mlops_ci.orchestrators.decay import all_files
from mlops_ci.orchestrators.gitlab.decay import COMMANDS, scheduled_jobs
from mlops_ci.orchestrators.gitlab.document import comment, yaml
from mlops_ci.orchestrators.gitlab.inputs import GitLabInput, inputs_of
from mlops_ci.orchestrators.gitlab.jobs import jobs
from mlops_ci.orchestrators.gitlab.profile import GitLabProfile
from mlops_ci.orchestrators.rescan import NAME as RESCAN
from mlops_ci.orchestrators.rolling_back import NAME as ROLLBACK
from mlops_ci.orchestrators.signing import signing
from mlops_ci.orchestrators.together import together

FILES = "ci/gitlab"
COMPONENTS = "templates"
NOTE = "Written by `mlops-ci render gitlab`: change the graph or the profile, not this file."


def render(profile: GitLabProfile) -> dict[str, str]:
    """Path in the repository to text."""
    found = {f"{FILES}/{file.name}.yml": _text(file, profile, component=False) for file in all_files()}
    if profile.components:
        found |= {f"{COMPONENTS}/{file.name}.yml": _text(file, profile, component=True) for file in all_files()}
    return found


def include_example(file: CalledFile, profile: GitLabProfile, *, component: bool = False) -> str:
    """What a user writes into `.gitlab-ci.yml`."""
    if component:
        lines = [f"  - component: $CI_SERVER_FQDN/{profile.repository}/{file.name}@{profile.tag}"]
    else:
        lines = [f"  - project: {profile.repository}", f"    ref: {profile.tag}", f"    file: {FILES}/{file.name}.yml"]
    runner = {DECAY: "runner-evaluate: [docker]", RESCAN: "runner-cpu: [docker]", ROLLBACK: "runner-cpu: [docker]"}.get(
        file.name, "runner-gpu: [gpu]"
    )
    values = ["run-from: mlops-"] if file.goes_on else [runner]
    return "\n".join(["include:", *lines, "    inputs:", *(f"      {one}" for one in values)]) + "\n"


def _text(file: CalledFile, profile: GitLabProfile, *, component: bool) -> str:
    file = file if file.name in (DECAY, ROLLBACK) else signing(handing_over(file, profile.handover), profile.signing)
    file = fetching(file, profile.database)
    if file.name not in COMMANDS:
        file = together(file, profile.images)
    inputs = inputs_of(file, profile, component=component)
    example = include_example(file, profile, component=component)
    head = comment(f"{file.title}: {file.about}.\n\n{NOTE}\n\n" + "".join(f"  {one}\n" for one in example.splitlines()))
    return "\n".join([*head, _spec(inputs, component=component) + "---\n" + _jobs(file, inputs)])


def _spec(inputs: tuple[GitLabInput, ...], *, component: bool) -> str:
    known = {"component": ["sha"]} if component else {}
    return yaml({"spec": {**known, "inputs": {one.name: one.spec() for one in inputs}}})


def _jobs(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> str:
    found = scheduled_jobs(file, inputs) if file.name in COMMANDS else jobs(file, inputs)
    return "\n".join(yaml({name: job}) for name, job in found.items())
