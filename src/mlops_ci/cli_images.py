"""Commands on the catalogue and on the images of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlops_ci.cli_options import CONFIG, JSON, MODE, SET, VARIANT, VERBOSE, Ordered, call, options, together

BUILDERS = click.option(
    "--engine",
    type=click.Choice(["auto", "docker", "host"]),
    default="auto",
    show_default=True,
    envvar="MLOPS_CI_ENGINE",
    help="Docker: images. Host: environments.",
)
# What every command takes that plans the images of a repository.
PROJECT = together(CONFIG, BUILDERS, VARIANT, MODE, SET)


@click.group("images", cls=Ordered, short_help="The catalogue of images, and those of this repository.")
def images_group() -> None:
    """The catalogue of images, and those of this repository: what there is, why one is built, what was built."""


@images_group.command("list", short_help="The builds of PyTorch and the layers that [image] can name.")
@JSON
def list_command(**values: Any) -> int:
    """List the builds of PyTorch (`[image] torch` and `variant`) and the layers (`[image] layer`)."""
    return call("images:list_catalogue", options(values))


@images_group.command("explain", short_help="What each image is made from, and why it would be built.")
@PROJECT
@JSON
@VERBOSE
def explain_command(**values: Any) -> int:
    """Say of each image whether it exists, and which input differs first from what was built before.

    "Before" is `images.lock` where the repository has one, else what this machine built last.
    """
    return call("images:explain", options(values))


@images_group.command("diff", short_help="What differs between the packages of two builds.")
@click.argument("before", metavar="BUILD")
@click.argument("after", metavar="BUILD")
@click.option("--layer", metavar="LAYER", default="train", show_default=True, help="As in [image] layer.")
@JSON
def diff_command(before: str, after: str, layer: str, **values: Any) -> int:
    """Compare the locked packages of two builds, such as 2.8-cu128 and 2.9-cu128."""
    return call("images:diff", options(values), before, after, layer)


@images_group.command("lock", short_help="Write images.lock: what was built of this repository.")
@PROJECT
@VERBOSE
def lock_command(**values: Any) -> int:
    """Write `images.lock` from the images that exist; from then on the stage build keeps it up to date.

    Exit code 3 when the image that would run does not exist yet: `mlops-ci build` makes it.
    """
    return call("images:lock", options(values))


@images_group.command("size", short_help="Bytes of each layer, overhead over its wheels, budget.")
@CONFIG
@VARIANT
@MODE
@SET
@JSON
def size_command(**values: Any) -> int:
    """Print packed and unpacked bytes of each layer, the overhead over its wheels, and its budget.

    Exit codes: 0, 1 a layer is beyond its budget, 3 an image is not there.
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
    kept, 1 one is not, 3 an image is not there, 4 one could not be looked into.
    """
    return call("image_look:check", options(values), refs)


@images_group.command("compare", short_help="Which layers and files of two images differ?")
@click.argument("first", metavar="IMAGE")
@click.argument("second", metavar="IMAGE")
@JSON
def compare_command(first: str, second: str, **values: Any) -> int:
    """Say which layers and which files of two images of this engine differ: for two builds that should be equal.

    Exit codes: 0 equal, 1 different, 3 an image is not there, 4 one could not be looked into.
    """
    return call("image_look:compare", first, second, as_json=values["json"])


@images_group.command("keys", short_help="Make a pair of keys to sign images with.")
@click.argument("folder", metavar="[FOLDER]", default=".", type=click.Path(file_okay=False, path_type=Path))
def keys_command(folder: Path) -> int:
    """Write `cosign.key` and `cosign.pub` into a folder, in the forms of `cosign generate-key-pair`.

    The private key is encrypted with the password in the variable COSIGN_PASSWORD. Exit codes: 0, 2 there is a key
    already, 3 the password or the library that signs (`mlops-ci[sign]`) is missing.
    """
    return call("signatures:keys", folder)


@images_group.command("sign", short_help="Sign images by their digests, as [signing] says.")
@click.argument("refs", metavar="[IMAGE]...", nargs=-1)
@PROJECT
@VERBOSE
def sign_command(refs: tuple[str, ...], **values: Any) -> int:
    """Sign the project's image, or the named ones, as [signing] says: for what was built before signing was set up.

    The stage build signs what it builds. Named images are in a registry; the project's may be in this engine alone.
    Exit codes: 0, 2 nobody is named who signs, 3 the key or an image is not there, 4 there is no image to sign, 10 the
    registry did not answer.
    """
    return call("signatures:sign", options(values), refs)


@images_group.command("verify", short_help="Do images have the signature that [signing] asks for?")
@click.argument("refs", metavar="[IMAGE]...", nargs=-1)
@PROJECT
@JSON
@VERBOSE
def verify_command(refs: tuple[str, ...], **values: Any) -> int:
    """Look for a valid signature of the project's image, or of named ones in their registry.

    Exit codes: 0 valid, 1 none or not valid, 3 the public key or an image is not there, 4 what is there cannot be read,
    10 the registry did not answer.
    """
    return call("signatures:verify", options(values), refs)


COMMANDS: tuple[click.Command, ...] = (images_group,)
