"""What a caller grants, against what the called file needs: GitHub itself refuses with a message that helps little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.callers.finding import Finding
from mlops_ci.orchestrators.callers.github_call import Call
from mlops_ci.orchestrators.callers.github_interface import LEVELS, grant_lines
from mlops_ci.orchestrators.callers.yaml_tree import Tree

ALL = {"read-all": "read", "write-all": "write"}
# What no word for all scopes ever gives.
NEVER_WITH_ALL = {("read-all", "id-token")}


def check(call: Call) -> Iterator[Finding]:
    """Too little is an error, too much a warning, and nothing said is whatever the repository's settings are."""
    block, line = _block(call)
    needs = call.interface.grant
    paste = "\n".join(grant_lines(needs))
    if block is None:
        certain = needs.get("id-token") == "write"
        message = f"job `{call.id}` grants nothing by itself, and {call.interface.name}.yml needs {_listed(needs)}"
        why = "; id-token is never given unasked" if certain else "; whether it has that is a setting of the repository"
        yield call.found("error" if certain else "warning", call.at, message + why, paste)
        return
    if block.kind == "scalar" and block.value not in ALL:
        yield call.found("error", line, f"`permissions` is {block.value!r}: no grant", paste)
        return
    bad = [name for name, access in block.fields.items() if access.value not in LEVELS]
    for name in bad:
        yield call.found("error", block.line_of(name), f"`{name}` is none of {', '.join(LEVELS)}", paste)
    if missing := {name: access for name, access in needs.items() if not _gives(block, name, access)}:
        near = "".join(did_you_mean(name, set(missing)) for name in block.fields if name not in needs)
        message = f"job `{call.id}` grants too little for {call.interface.name}.yml: {_listed(missing)} missing{near}"
        yield call.found("error", line, f"{message}; GitHub refuses the whole workflow when it starts", paste)
    if call.job.get("permissions") is not None and (surplus := _surplus(block, needs)):
        message = f"job `{call.id}` grants more than {call.interface.name}.yml needs: {surplus}"
        yield call.found("warning", line, message, paste)


def _block(call: Call) -> tuple[Tree | None, int]:
    for tree in (call.job, call.workflow):
        if (block := tree.get("permissions")) is not None:
            return block, tree.line_of("permissions")
    return None, call.at


def _gives(block: Tree, scope: str, access: str) -> bool:
    if block.kind == "scalar":
        given = "none" if (block.value, scope) in NEVER_WITH_ALL else ALL[str(block.value)]
    else:
        found = block.fields.get(scope)
        given = str(found.value) if found is not None and found.value in LEVELS else "none"
    return LEVELS.index(given) >= LEVELS.index(access)


def _surplus(block: Tree, needs: Mapping[str, str]) -> str:
    if block.kind == "scalar":
        return str(block.value)
    more = {
        name: str(access.value)
        for name, access in block.fields.items()
        if access.value in LEVELS and LEVELS.index(str(access.value)) > LEVELS.index(needs.get(name, "none"))
    }
    return _listed(more)


def _listed(grant: Mapping[str, str]) -> str:
    return ", ".join(f"`{scope}: {access}`" for scope, access in grant.items())
