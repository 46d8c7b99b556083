"""What can be wrong with a call of the bundle's GitHub files, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.called import called_files
from mlops_ci.orchestrators.callers import bundle, github_permissions
from mlops_ci.orchestrators.callers.finding import Finding
from mlops_ci.orchestrators.callers.github_call import Call
from mlops_ci.orchestrators.callers.values import EXPRESSION, complaints
from mlops_ci.orchestrators.callers.yaml_tree import Tree
from mlops_ci.orchestrators.decay import NAME as DECAY

# What GitHub allows for jobs with steps only.
NOT_HERE = ("runs-on", "steps", "env", "timeout-minutes", "environment", "container", "services", "defaults", "outputs")
FOREIGN = ("pull_request_target", "workflow_run")
# Files with a job that needs the images on a GPU machine.
TRAINING = frozenset(file.name for file in called_files() if any(job.runner == "gpu" for job in file.jobs))
EXACT = ("concurrency:", "  group: mlops-${{ github.ref }}")


def check(call: Call) -> Iterator[Finding]:
    """Everything about one call but its configuration."""
    yield from _ref(call)
    yield from _keys(call)
    yield from _matrix(call)
    yield from github_permissions.check(call)
    yield from _inputs(call)
    yield from _secrets(call)
    yield from _registry(call)
    yield from _concurrency(call)
    yield from _events(call)


def together(calls: list[Call]) -> Iterator[Finding]:
    """What is wrong between calls of one workflow: their artifacts must not have the same names."""
    seen: dict[tuple[str, str], str] = {}
    for call in calls:
        weekly = call.interface.name == DECAY
        if not (call.interface.begins or weekly) or call.value("run-id") is not None:
            continue
        given = call.value("artifact-prefix")
        prefix = str(given.value) if given is not None else str(call.interface.inputs["artifact-prefix"].default)
        # The one artifact of this file has a name that no other file gives: only two of its calls collide.
        other = seen.setdefault((call.file, f"{DECAY} {prefix}" if weekly else prefix), call.id)
        if other != call.id:
            what = "score the champion" if weekly else "begin a run"
            message = f"jobs `{other}` and `{call.id}` both {what}, with the same names for their artifacts"
            yield call.found("error", call.at, message, f"artifact-prefix: {call.id}-")
        matrix = call.job.get("strategy", "matrix")
        if matrix is not None and "matrix." not in prefix:
            message = f"the cells of the matrix of `{call.id}` give their artifacts the same names"
            yield call.found("error", matrix.line, message, "artifact-prefix: mlops-${{ matrix.NAME }}-")


def _ref(call: Call) -> Iterator[Finding]:
    line = call.job.line_of("uses")
    if not call.ref:
        return
    if EXPRESSION.search(call.ref):
        yield call.found("error", line, "`uses` takes no expression: GitHub refuses it", f"@{bundle.release()}")
    elif not bundle.is_pinned(call.ref):
        message = f"`{call.ref}` looks like a branch: what runs changes under you"
        yield call.found("warning", line, message, f"@{bundle.release()}, or the commit of a release")
    elif call.ref.count(".") == 2 and call.ref.removeprefix("refs/tags/") != bundle.release():
        message = f"it calls {call.ref}; what follows was checked for {bundle.release()}, which this tool is of"
        yield call.found("advice", line, message)


def _keys(call: Call) -> Iterator[Finding]:
    for name in NOT_HERE:
        if name in call.job.fields:
            message = f"`{name}` is not allowed in a job that calls a workflow: GitHub refuses it"
            yield call.found("error", call.job.line_of(name), message, _instead(name))


def _matrix(call: Call) -> Iterator[Finding]:
    """A vector must have a value: "Matrix vector does not contain any values" is how GitHub fails such a job."""
    matrix = call.job.get("strategy", "matrix")
    if matrix is None:
        return
    for name, vector in matrix.fields.items():
        line = matrix.line_of(name)
        if name in ("include", "exclude"):
            continue
        if vector.kind == "list" and not vector.items:
            yield call.found("error", line, f"`{name}` of the matrix is empty: GitHub refuses it", "name its cells")
        elif vector.kind == "scalar" and "if" not in call.job.fields:
            message = f"`{name}` of the matrix is known only when the workflow runs: empty, it is an error at GitHub"
            yield call.found("advice", line, message, "if: ${{ needs.JOB.outputs.NAME != '[]' }}")


def _instead(name: str) -> str:
    instead = {
        "runs-on": "runner-plan, runner-cpu and runner-gpu are inputs: write them below `with:`",
        "timeout-minutes": "`timeout` is an input: write it below `with:`",
        "environment": "`promote-environment` is an input: write it below `with:`",
        "env": "settings are inputs: write them below `with:`, as `settings: table.key=value`",
    }
    return instead.get(name, "take it out")


def _inputs(call: Call) -> Iterator[Finding]:
    given, known = call.job.get("with"), call.interface.inputs
    if given is not None and given.kind != "mapping" and given.value is not None:
        yield call.found("error", given.line, "`with` holds no inputs", "write one `name: value` per line below it")
        return
    fields = given.fields if given is not None else {}
    for name, tree in fields.items():
        if name not in known:
            message = f"{call.interface.name}.yml has no input `{name}`{did_you_mean(name, known)}"
            yield call.found("error", _key(given, name), message, f"it has {', '.join(known)}")
            continue
        # What is left empty is the empty text at GitHub.
        empty = known[name].kind == "string" and tree.kind == "scalar" and tree.value in (None, "")
        for message, fix in () if empty else complaints(name, known[name].kind, known[name].options, tree):
            yield call.found("error", _key(given, name), message, fix)
        if empty and name.startswith("runner-"):
            message = f"`{name}` is empty: [runners] {name.removeprefix('runner-')} of mlops.toml decides"
            yield call.found("warning", _key(given, name), message, "name a label, or take the line out")
    for name, one in known.items():
        if one.default is None and name not in fields:
            message = f"{call.interface.name}.yml requires the input `{name}`: {one.about}"
            yield call.found("error", call.at, message, f"with:\n  {name}: ${{{{ needs.JOB.outputs.{name} }}}}")


def _key(tree: Tree | None, name: str) -> int:
    return tree.line_of(name) if tree is not None else 1


def _secrets(call: Call) -> Iterator[Finding]:
    given = call.job.get("secrets")
    if given is None or (given.kind == "scalar" and given.value is None):
        return
    known = call.interface.secrets
    paste = "\n".join(["secrets:", *(f"  {name}: ${{{{ secrets.{_secret_name(name)} }}}}" for name in known)])
    if given.kind != "mapping":
        message = f"`secrets: {given.value}` hands over every secret of the repository; name those that are needed"
        yield call.found("error", call.job.line_of("secrets"), message, paste if known else "take it out")
        return
    for name, tree in given.fields.items():
        if name not in known:
            message = f"{call.interface.name}.yml takes no secret `{name}`{did_you_mean(name, known)}"
            yield call.found("error", given.line_of(name), message, f"it takes {', '.join(known) or 'none'}")
        elif isinstance(tree.value, str) and tree.value and not EXPRESSION.search(tree.value):
            message = f"`{name}` stands in the file itself: it is a secret no more"
            fix = f"revoke it, and write ${{{{ secrets.{_secret_name(name)} }}}}"
            yield call.found("error", given.line_of(name), message, fix)


def _registry(call: Call) -> Iterator[Finding]:
    """Without a registry each machine builds the same images: a site can have its files rendered so that one does."""
    given, engine = call.value("registry"), call.value("engine")
    if given is None or given.value != "" or (engine is not None and engine.value in ("host", "inside")):
        return
    if call.interface.name in TRAINING:
        message = "without a registry each machine builds the images for itself"
        fix = "`mlops-ci render github --profile no-registry` lets one job build them and do all that is done in them"
        yield call.found("advice", given.line, message, fix)


def _secret_name(name: str) -> str:
    return name.upper().replace("-", "_")


def _concurrency(call: Call) -> Iterator[Finding]:
    if not call.interface.changes:
        return
    blocks = [(tree, found) for tree in (call.job, call.workflow) if (found := tree.get("concurrency")) is not None]
    if not blocks:
        message = "without `concurrency` two pushes train and publish side by side"
        yield call.found("advice", call.at, message, "\n".join(EXACT))
    for tree, block in blocks:
        cancel = block.get("cancel-in-progress")
        if cancel is not None and cancel.value is True:
            message = f"`cancel-in-progress` interrupts {call.interface.name}.yml while it publishes"
            fix = "cancel-in-progress: ${{ github.event_name == 'pull_request' }}"
            yield call.found("warning", block.line_of("cancel-in-progress") or tree.line, message, fix)


def _events(call: Call) -> Iterator[Finding]:
    on = call.workflow.get("on")
    if on is None or call.interface.grant.get("actions"):
        return
    names = {str(on.value): on.line} if on.kind == "scalar" else {str(one.value): one.line for one in on.items}
    names |= dict(on.keys)
    for name in FOREIGN:
        if name in names:
            message = f"`{name}` hands the repository's secrets to a fork's code: only plan runs for one"
            yield call.found("warning", names[name], message, "use `pull_request`")
