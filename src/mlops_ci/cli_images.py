"""Commands about images: what they hold, whether they keep the rules, where two of them differ."""

from __future__ import annotations

from typing import Any

import click

from mlops_ci.cli_options import CONFIG, JSON, MODE, SET, VARIANT, Ordered, call, options


@click.group("images", cls=Ordered, short_help="What the images hold, and whether they keep the rules.")
def images_group() -> None:
    """What the images of this project hold, whether they keep the rules, and where two of them differ."""


@images_group.command("size", short_help="Bytes of each layer, overhead over its wheels, budget.")
@CONFIG
@VARIANT
@MODE
@SET
@JSON
def size_command(**values: Any) -> int:
    """Print packed and unpacked bytes of each layer, the overhead over its wheels, and its budget.

    Exit codes: 0, 1 a layer is beyond its budget, 3 an image is not in this engine.
    """
    return call("image_look:size", options(values))


@images_group.command("check", short_help="Do the images keep the rules of hardening?")
@click.argument("refs", metavar="[IMAGE]...", nargs=-1)
@CONFIG
@VARIANT
@MODE
@SET
@JSON
def check_command(refs: tuple[str, ...], **values: Any) -> int:
    """Hold the project's images, or the named ones of this engine, against the rules of hardening.

    A numeric user, an init, labels, no set-id files, caches, keys, passwords or secrets. Exit codes: 0 all rules are
    kept, 1 one is not, 3 an image is not in this engine, 4 one could not be looked into.
    """
    return call("image_look:check", options(values), refs)


@images_group.command("compare", short_help="Which layers and files of two images differ?")
@click.argument("first", metavar="IMAGE")
@click.argument("second", metavar="IMAGE")
@JSON
def compare_command(first: str, second: str, **values: Any) -> int:
    """Say which layers and which files of two images of this engine differ: for two builds that should be equal.

    Exit codes: 0 equal, 1 different, 3 an image is not in this engine, 4 one could not be looked into.
    """
    return call("image_look:compare", first, second, as_json=values["json"])


COMMANDS: tuple[click.Command, ...] = (images_group,)
