"""The `.gitlab-ci.yml` that a new user of GitLab begins with: what trains, and what runs when a schedule says so."""

from __future__ import annotations

from mlops_ci.orchestrators.callers.bundle import Bundle, release
from mlops_ci.orchestrators.decay import NAME as DECAY
from mlops_ci.orchestrators.gitlab.profile import GitLabProfile, load_profile
from mlops_ci.orchestrators.gitlab.render import FILES
from mlops_ci.orchestrators.yaml_text import scalar

NAME = ".gitlab-ci.yml"
HEAD = "# Written by `mlops-ci init`, and yours to change; `mlops-ci doctor --provider gitlab` checks it.\n"
TAGS = {
    "runner-plan": "tags of a runner for what takes seconds",
    "runner-cpu": "of one for what needs no GPU",
    "runner-gpu": "of your GPU runner",
}
ENTRY = """\
  # {about}
  - project: {repository}
    ref: {pin}
    file: {folder}/{file}.yml
    inputs:
{inputs}
"""
MORE = """\
      # engine: host # without a container engine
      # aws-role: arn:aws:iam::ACCOUNT:role/NAME # for a store on S3: `mlops-ci doctor` prints its policies"""
ABOUT = {
    "train": "Merge requests (mode pr: nothing is published) and the default branch.",
    "nightly": "Every pipeline schedule of the project (mode nightly): Build > Pipeline schedules.",
    "decay": "A schedule with the variable MLOPS_SCHEDULE: decay (mode weekly): the champion on today's data.",
}
EVALUATE = "runner-evaluate"
NEXT = (
    "runners with the tags that runner-plan, runner-cpu and runner-gpu name, or your tags there",
    "a copy of the bundle on this GitLab as {repository}, whose job token permissions let this project read it",
    "no registry at all? let that copy be rendered with `--profile no-registry`: images then stay on the GPU machine",
    "in mlops.toml: [publish] store = 's3://BUCKET/PREFIX' and [tracking] uri, or there is no champion between runs",
    "for these: the input aws-role, and the variable MLFLOW_TRACKING_TOKEN (masked, protected)",
)


def files(bundle: Bundle, *, config: str = "") -> dict[str, str]:
    """Path in the repository to text; `config` is the path of a configuration that is not at the top."""
    return {NAME: HEAD + entries(bundle, config=config)}


def entries(bundle: Bundle, *, config: str = "") -> str:
    """What stands below `include:`, with that line."""
    profile = load_profile()
    return "include:\n" + "".join(_entry(file, bundle, profile, config, first=file == "train") for file in ABOUT)


def _entry(file: str, bundle: Bundle, profile: GitLabProfile, config: str, *, first: bool) -> str:
    tags = {name: profile.tags(name.removeprefix("runner-")) for name in TAGS}
    if file == DECAY:
        tags = {EVALUATE: profile.tags("cpu")}
    inputs = [
        f"      {name}: [{', '.join(found)}]{f' # {TAGS[name]}' if first else ''}" for name, found in tags.items()
    ]
    more = {**({"config": config} if config else {}), **needed(bundle, profile)}
    inputs += [f"      {name}: {scalar(value)}" for name, value in more.items()]
    return ENTRY.format(
        about=ABOUT[file],
        repository=bundle.repository,
        pin=f"{scalar(bundle.ref)}{bundle.remark}",
        folder=FILES,
        file=file,
        inputs="\n".join([*inputs, *([MORE] if first else [])]),
    )


def needed(bundle: Bundle, profile: GitLabProfile) -> dict[str, str]:
    """Inputs that say where the tool is, when that is not where the included file takes it from by itself."""
    found: dict[str, str] = {}
    if bundle.repository != profile.repository:
        found["bundle-url"] = f"{profile.server}/{bundle.repository}.git"
    if bundle.ref != release():
        found["bundle-ref"] = bundle.ref
    return found
