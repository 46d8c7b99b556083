"""What every rendered workflow has around its jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mlops_ci.orchestrators.yaml_text import Value, comment, pairs, section

MARK = "Written by `mlops-ci render github`: change the graph or the profile, not this file."
EMPTY: Mapping[str, Value] = {}


def framed(
    name: str,
    about: str,
    *,
    call: Sequence[str],
    jobs: Iterable[Sequence[str]],
    variables: Mapping[str, Value] = EMPTY,
    grants: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> str:
    """The text of a called file: `call` are the lines below `workflow_call:`, `jobs` the lines of each job.

    `variables` are there for all jobs; `grants` and `notes` are comments about the permissions and after them.
    """
    lines = [
        *comment(about),
        "#",
        *comment(MARK),
        "",
        f"name: mlops-ci / {name}",
        "",
        *section("on", section("workflow_call", list(call))),
        "",
        *grants,
        "permissions: {}",
        "",
        *([*notes, ""] if notes else ()),
    ]
    if variables:
        lines += comment("Inputs reach the tool as variables, never as part of a script.")
        lines += [*section("env", pairs(dict(variables))), ""]
    lines += [*section("defaults", section("run", ["shell: bash"])), "", "jobs:"]
    for index, job in enumerate(jobs):
        lines += [*([""] if index else []), *(f"  {line}" if line else "" for line in job)]
    return "\n".join(lines).rstrip() + "\n"
