"""For which GitLab the files are rendered: addresses, the image of the jobs, the tags of the runners."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_ci.errors import UsageError
from mlops_ci.nearness import did_you_mean
from mlops_ci.resources import read_toml

TABLE = "gitlab.toml"
DEFAULT = "default"


class UnknownProfileError(UsageError):
    """There is no profile of that name to render for."""


@dataclass(frozen=True, kw_only=True)
class GitLabProfile:
    """`server` may name a predefined variable; `components` also renders CI/CD components."""

    name: str
    about: str
    project: str
    server: str
    image: str
    runner_plan: tuple[str, ...]
    runner_cpu: tuple[str, ...]
    runner_gpu: tuple[str, ...]
    components: bool

    @property
    def bundle(self) -> str:
        """Where git finds the bundle."""
        return f"{self.server}/{self.project}.git"

    def runner(self, name: str) -> tuple[str, ...]:
        """The tags of a class of runners: plan, cpu or gpu."""
        return {"plan": self.runner_plan, "cpu": self.runner_cpu, "gpu": self.runner_gpu}[name]


def gitlab_profiles() -> tuple[str, ...]:
    """The names of all profiles, the default first."""
    return tuple(read_toml(TABLE))


def gitlab_profile(name: str = DEFAULT) -> GitLabProfile:
    """The profile of that name. Raises `UnknownProfileError`."""
    tables = read_toml(TABLE)
    if name not in tables:
        raise UnknownProfileError(
            f"there is no profile `{name}` for GitLab{did_you_mean(name, tables)}",
            hint=f"profiles: {', '.join(tables)}",
        )
    values = {**tables[DEFAULT], **tables[name]}
    return GitLabProfile(
        name=name,
        about=values["about"],
        project=values["project"],
        server=values["server"],
        image=values["image"],
        runner_plan=tuple(values["runner-plan"]),
        runner_cpu=tuple(values["runner-cpu"]),
        runner_gpu=tuple(values["runner-gpu"]),
        components=values["components"],
    )
