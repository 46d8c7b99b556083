"""Whether what a caller writes for an input is what the called file takes: types, choices, labels of runners."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlops_ci.nearness import did_you_mean
from mlops_ci.orchestrators import fanning
from mlops_ci.orchestrators.callers.yaml_tree import Tree
from mlops_ci.orchestrators.labels import RunnerLabelError, labels

EXPRESSION = re.compile(r"\$\{\{.*\}\}", re.DOTALL)
ROLE = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/[\w+=,.@/-]+")
RUNNER, NODES = "runner-", "nodes"
WORDS = {"boolean": "true or false", "number": "a number", "string": "a text", "array": "a list such as [gpu]"}

# What is wrong, and what to write.
Complaint = tuple[str, str]


def is_open(tree: Tree) -> bool:
    """Whether the value is known only when the pipeline runs."""
    return isinstance(tree.value, str) and ("${{" in tree.value or "$[[" in tree.value)


def complaints(name: str, kind: str, options: tuple[str, ...], tree: Tree) -> Iterator[Complaint]:
    """What is wrong with the value of an input of this type."""
    if is_open(tree) and (kind == "string" or _is_whole(tree)):
        return
    if not _fits(kind, tree):
        yield f"`{name}` is {shown(tree)}, and must be {WORDS[kind]}", _instead(kind, tree)
        return
    if options and tree.value not in options:
        near = did_you_mean(str(tree.value), options)
        yield f"`{name}` is {shown(tree)}{near}", f"one of {', '.join(options)}"
    if name == NODES:
        yield from _nodes(str(tree.value))
    if name.startswith(RUNNER):
        yield from _labels(name, tree)
    if (
        name.startswith("aws-role")
        and tree.value
        and not ROLE.fullmatch(str(tree.value))
        and "$" not in str(tree.value)
    ):
        yield f"`{name}` is {shown(tree)}: no ARN of a role", "arn:aws:iam::ACCOUNT:role/NAME"


def shown(tree: Tree) -> str:
    """The value as a person would say it."""
    if tree.kind != "scalar":
        return f"a {tree.kind}"
    if tree.value is None:
        return "empty"
    if isinstance(tree.value, bool):
        return f"the switch `{str(tree.value).lower()}`"
    return f"the text {tree.value!r}" if isinstance(tree.value, str) else f"the number {tree.value}"


def _is_whole(tree: Tree) -> bool:
    text = str(tree.value).strip()
    return bool(EXPRESSION.fullmatch(text)) or text.startswith("$[[")


def _fits(kind: str, tree: Tree) -> bool:
    if kind == "array":
        return tree.kind == "list"
    if tree.kind != "scalar":
        return False
    if kind == "boolean":
        return isinstance(tree.value, bool)
    if kind == "number":
        return isinstance(tree.value, int | float) and not isinstance(tree.value, bool)
    return isinstance(tree.value, str)


def _instead(kind: str, tree: Tree) -> str:
    text = str(tree.value).strip()
    if kind == "string" and isinstance(tree.value, int | float):
        return "put quotes around it: without them YAML reads something else than a text"
    if kind == "string" and tree.value is None and tree.kind == "scalar":
        return "take the line out, or write a text"
    if (kind == "boolean" and text.lower() in ("true", "false")) or (kind == "number" and text.isdigit()):
        return f"write {text.lower()} without quotes"
    if kind == "array" and tree.kind == "scalar" and text and not text.startswith("["):
        return f"write [{text}]"
    return f"write {WORDS[kind]}"


def _nodes(text: str) -> Iterator[Complaint]:
    try:
        found = fanning.nodes(text)
    except RunnerLabelError as error:
        yield error.cause, error.hint
    else:
        if found == {}:
            yield f"{fanning.EMPTY}; plan would leave out every job", "name one: '[\"gpu-01\"]', or take the line out"


def _labels(name: str, tree: Tree) -> Iterator[Complaint]:
    if tree.kind == "list":
        if not all(isinstance(one.value, str) and one.value.strip() for one in tree.items):
            yield f"`{name}` has a tag that is no text", "tags are texts: [gpu, linux]"
        return
    text = str(tree.value)
    if not text:
        return
    try:
        labels(text, where=f"`{name}`")
    except RunnerLabelError as error:
        yield error.cause, error.hint
