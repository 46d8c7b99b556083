"""What can be wrong with an `include` of the bundle's GitLab files, all of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators.called import Handover, handing_over
from mlops_ci.orchestrators.callers import bundle
from mlops_ci.orchestrators.callers.finding import Finding
from mlops_ci.orchestrators.callers.gitlab_include import Include
from mlops_ci.orchestrators.callers.gitlab_starter import needed
from mlops_ci.orchestrators.callers.values import complaints, is_open
from mlops_ci.orchestrators.callers.yaml_tree import Tree
from mlops_ci.orchestrators.decay import NAME as DECAY
from mlops_ci.orchestrators.decay import any_file
from mlops_ci.orchestrators.github.interface import SECRETS
from mlops_ci.orchestrators.gitlab.inputs import ROLE_HANDOVER, GitLabInput, inputs_of
from mlops_ci.orchestrators.gitlab.profile import load_profile

# What GitLab has when a file names none.
STAGES = (".pre", "build", "test", "deploy", ".post")
SECRET = frozenset(
    variable
    for group in SECRETS.values()
    for _, variable, _ in group
    if variable.endswith(("KEY", "TOKEN", "PASSWORD"))
)


def check(one: Include) -> Iterator[Finding]:
    """Everything about one include but its configuration."""
    yield from _ref(one)
    yield from _inputs(one)
    yield from _where_the_tool_is(one)
    yield from _stage(one)


def together(found: list[Include]) -> Iterator[Finding]:
    """What is wrong between includes: jobs of the same name become one; and secrets in the file."""
    seen: dict[str, str] = {}
    for one in found:
        prefix = _text(one, "job-prefix")
        if prefix in seen:
            message = f"{seen[prefix]} and {one.name}.yml have jobs of the same names, which GitLab makes one"
            yield one.found("error", one.entry.line, message, f"inputs:\n  job-prefix: {one.name}-2-")
        seen.setdefault(prefix, f"{one.name}.yml")
    for whole, one in {id(one.whole): (one.whole, one) for one in found}.values():
        yield from _secrets(whole, one)


def _declared(one: Include) -> Mapping[str, GitLabInput]:
    # Nothing else in the include says by what its jobs hand the run on.
    way: Handover = "store" if one.value(ROLE_HANDOVER) is not None and one.name != DECAY else "artifact"
    inputs = inputs_of(handing_over(any_file(one.name), way), load_profile(), component=one.component)
    return {each.name: each for each in inputs}


def _text(one: Include, name: str) -> str:
    given = one.value(name)
    return str(given.value if given is not None else _declared(one)[name].default)


def _ref(one: Include) -> Iterator[Finding]:
    if not one.repository:
        return
    line = one.entry.line_of("ref" if "ref" in one.entry.fields else "component")
    ours = bundle.release()
    if not one.ref:
        message = "no `ref`: the newest commit of the default branch runs, whatever it is"
        yield one.found("warning", one.entry.line, message, f"ref: {ours}")
    elif not bundle.is_pinned(one.ref):
        message = f"`{one.ref}` looks like a branch: what runs changes under you"
        yield one.found("warning", line, message, f"{ours}, or the commit of a release")
    elif one.ref.count(".") == 2 and one.ref != ours:
        message = f"it includes {one.ref}; what follows was checked for {ours}, which this tool is of"
        yield one.found("advice", line, message)


def _inputs(one: Include) -> Iterator[Finding]:
    given, known = one.entry.get("inputs"), _declared(one)
    fields = given.fields if given is not None else {}
    if given is not None and given.kind != "mapping" and given.value is not None:
        yield one.found("error", given.line, "`inputs` holds no inputs", "write one `name: value` per line below it")
    for name, tree in fields.items():
        line = given.line_of(name) if given is not None else tree.line
        if name not in known:
            message = f"{one.name}.yml has no input `{name}`{did_you_mean(name, known)}"
            yield one.found("error", line, message, f"it has {', '.join(known)}")
            continue
        for message, fix in complaints(name, known[name].kind, known[name].options, tree):
            yield one.found("error", line, message, fix)
        if name.startswith("runner-") and tree.kind == "list" and not tree.items:
            message = f"`{name}` is empty: any runner that takes jobs without tags gets them"
            yield one.found("warning", line, message, f"{name}: [gpu]")
    for name, each in known.items():
        if each.default is None and name not in fields:
            message = f"{one.name}.yml requires the input `{name}`: {each.about}"
            yield one.found("error", one.entry.line, message, f"inputs:\n  {name}: mlops-")


def _where_the_tool_is(one: Include) -> Iterator[Finding]:
    """The included file fetches the tool by itself: from where, and at which commit, are inputs."""
    if not one.repository or "$" in one.ref:
        return
    wanted = needed(bundle.Bundle(repository=one.repository, ref=one.ref or "HEAD"), load_profile())
    if one.component or (bundle.is_pinned(one.ref) and not bundle.COMMIT.fullmatch(one.ref)):
        # A release's own file names that release, a component knows its commit.
        wanted.pop("bundle-ref", None)
    given = {name: one.value(name) for name in wanted}
    if missing := {name: value for name, value in wanted.items() if given[name] is None}:
        message = f"jobs fetch the tool from the place that {one.name}.yml names, not from {one.repository}@{one.ref}"
        fix = "\n".join(["inputs:", *(f"  {name}: {value}" for name, value in missing.items())])
        yield one.found("warning", one.entry.line, message, fix)
    ref = one.value("bundle-ref")
    if ref is not None and one.ref and not is_open(ref) and str(ref.value) != one.ref:
        message = f"`bundle-ref` is {ref.value}, and the file comes from {one.ref}: they belong together"
        yield one.found("error", ref.line, message, f"bundle-ref: {one.ref}")


def _stage(one: Include) -> Iterator[Finding]:
    stages = one.whole.get("stages")
    known = (*STAGES[:1], *(str(each.value) for each in stages.items), *STAGES[-1:]) if stages is not None else STAGES
    given = one.value("stage")
    wanted = _text(one, "stage")
    if wanted not in known and not (given is not None and is_open(given)):
        line = given.line if given is not None else one.whole.line_of("stages")
        message = f"jobs are in the stage `{wanted}`, which `stages` has not: GitLab refuses the pipeline"
        yield one.found("error", line, message, f"inputs:\n  stage: {known[1] if len(known) > 2 else wanted}")


def _secrets(whole: Tree, one: Include) -> Iterator[Finding]:
    variables = whole.get("variables")
    for name, tree in (variables.fields if variables is not None else {}).items():
        value = tree.get("value") or tree
        if name in SECRET and isinstance(value.value, str) and value.value and "$" not in value.value:
            message = f"`{name}` stands in the file itself: it is a secret no more"
            fix = "revoke it, and set it under Settings > CI/CD > Variables, masked and protected"
            yield one.found("error", tree.line, message, fix)
