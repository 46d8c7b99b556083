"""The files that GitLab users include, rendered from the one graph: `ci/gitlab/*.yml`, and components."""

from __future__ import annotations

from mlops_ci.orchestrators.called import CalledFile, called_files
from mlops_ci.orchestrators.gitlab_inputs import GitLabInput, gitlab_inputs
from mlops_ci.orchestrators.gitlab_jobs import jobs
from mlops_ci.orchestrators.gitlab_profile import GitLabProfile
from mlops_ci.orchestrators.yaml_text import comment, yaml

FILES = "ci/gitlab"
COMPONENTS = "templates"
NOTE = "Rendered by `mlops-ci render gitlab`: change the graph or the profile and render it again."


def render_gitlab(profile: GitLabProfile, *, version: str) -> dict[str, str]:
    """Every file by its path in the repository; `version` is the release that they belong to."""
    found = {f"{FILES}/{file.name}.yml": _text(file, profile, version, component=False) for file in called_files()}
    if profile.components:
        found |= {
            f"{COMPONENTS}/{file.name}.yml": _text(file, profile, version, component=True) for file in called_files()
        }
    return found


def tag(version: str) -> str:
    """The tag of a release."""
    return f"v{version}"


def include_example(file: CalledFile, profile: GitLabProfile, version: str, *, component: bool = False) -> str:
    """What a user writes into `.gitlab-ci.yml`."""
    if component:
        lines = [f"  - component: $CI_SERVER_FQDN/{profile.project}/{file.name}@{version}"]
    else:
        lines = [f"  - project: {profile.project}", f"    ref: {tag(version)}", f"    file: {FILES}/{file.name}.yml"]
    required = [one.name for one in inputs_of(file, profile, version, component=component) if one.default is None]
    lines += ["    inputs:", *(f"      {name}: mlops-" for name in required)]
    lines += [] if file.goes_on else ["      runner-gpu: [gpu]"]
    return "include:\n" + "\n".join(lines) + "\n"


def inputs_of(
    file: CalledFile, profile: GitLabProfile, version: str, *, component: bool = False
) -> tuple[GitLabInput, ...]:
    """The inputs of one file of a release."""
    return gitlab_inputs(file, profile, component=component, ref=tag(version))


def _text(file: CalledFile, profile: GitLabProfile, version: str, *, component: bool) -> str:
    inputs = inputs_of(file, profile, version, component=component)
    example = include_example(file, profile, version, component=component)
    head = comment(f"{file.title}: {file.about}.\n\n{NOTE}\n\n" + "".join(f"  {one}\n" for one in example.splitlines()))
    return "\n".join([*head, _spec(inputs, component=component) + "---\n" + _jobs(file, inputs)])


def _spec(inputs: tuple[GitLabInput, ...], *, component: bool) -> str:
    known = {"component": ["sha"]} if component else {}
    return yaml({"spec": {**known, "inputs": {one.name: one.spec() for one in inputs}}})


def _jobs(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> str:
    return "\n".join(yaml({name: job}) for name, job in jobs(file, inputs).items())
