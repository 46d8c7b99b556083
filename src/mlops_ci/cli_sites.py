"""Commands of those who run a site: the nightly watched, everything from outside mirrored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mlops_ci.cli_options import (
    CONFIG,
    JSON,
    MODE,
    SET,
    SETTINGS,
    VARIANT,
    VERBOSE,
    Ordered,
    call,
    options,
    stage_options,
)


@click.command("rescan", short_help="Scan what was built before once more, by its SBOM.")
@click.argument("sboms", nargs=-1, metavar="[SBOM]...", type=click.Path(path_type=Path))
@stage_options
def rescan_command(sboms: tuple[Path, ...], **values: Any) -> int:
    """Hold what was built before against today's vulnerability database. No image is read, nothing is built or run.

    Without SBOMs (CycloneDX files) those of the images that the configuration asks for now: kept beside the image in
    its registry, else in a run on this machine. Exit codes: 0, 1 findings, 4 it could not be judged.
    """
    return call("rescan:rescan", options(values), sboms)


@click.group("nightly", cls=Ordered, short_help="Watch the scheduled retrain, and the champion between two of them.")
def nightly_group() -> None:
    """Watch the scheduled retrain (`mlops-ci run --mode nightly`), and the champion between two of them."""


@nightly_group.command("status", short_help="When the last nightly was due, when it ran, and how it ended.")
@click.option("--max-delay", metavar="TIME", help="How late a run may start (default: [nightly] start-within).")
@click.option("--prometheus", metavar="FILE", type=click.Path(path_type=Path), help="Write metrics to FILE too.")
@SETTINGS
@JSON
def status_command(max_delay: str | None, prometheus: Path | None, **values: Any) -> int:
    """Say when the last nightly was due, when it ran, and how it ended. Any machine that reaches the store can ask.

    Exit codes: 0 all is well, 1 missed, failed, running too long or never run, 4 the store could not be asked.
    """
    return call("nightly:status", options(values), max_delay, prometheus)


@nightly_group.command("ping", short_help="Tell a dead man's switch that a run starts or has ended.")
@click.argument("word", type=click.Choice(["start", "success", "fail"]))
@SETTINGS
def ping_command(word: str, **values: Any) -> int:
    """Tell the dead man's switch whose address the environment holds. It never fails: the exit code is always 0."""
    return call("nightly:tell", options(values), word)


@nightly_group.command("decay", short_help="Score the champion on today's data: is it still as good?")
@stage_options
def decay_command(**values: Any) -> int:
    """Score the champion on today's data, and fail (exit 1) when it is worse than at its promotion.

    Nothing is trained, published or moved. The mode is `weekly` unless --mode names another.
    """
    return call("nightly:decay", options(values))


@nightly_group.command("canary", short_help="Run [nightly] canary beside a night: ungated, never published.")
@click.option("--as-planned", is_flag=True, help="Do nothing where plan found no canary to be run.")
@stage_options
def canary_command(as_planned: bool, **values: Any) -> int:
    """Run the cell of [nightly] canary beside the newest night (or --run), in a run of its own, and tell the night.

    It is built, checked, scanned, verified, trained and evaluated, and never published; its exit code is its own.
    `mlops-ci run --mode nightly` does this by itself, before its report.
    """
    return call("canary:canary", options(values), as_planned=as_planned)


@click.group("mirror", cls=Ordered, short_help="Everything from outside, as one archive for sites without a network.")
def mirror_group() -> None:
    """Everything that this project needs from outside: listed, exported as one checksummed archive, imported again."""


MIRROR_ENGINE = click.option(
    "--engine",
    type=click.Choice(["auto", "docker", "host"]),
    default="auto",
    show_default=True,
    envvar="MLOPS_CI_ENGINE",
    help="Docker: finished images. Host: the wheels to make environments from.",
)


@mirror_group.command("list", short_help="List base images, wheels, scanner, actions, the tool.")
@CONFIG
@MIRROR_ENGINE
@VARIANT
@MODE
@SET
@JSON
def mirror_list_command(**values: Any) -> int:
    """List everything that the project needs from outside, with sizes where they are known. Fetches nothing."""
    return call("mirror:list_needs", options(values))


@mirror_group.command("export", short_help="Write all of it into one archive.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["images", "wheels", "database", "actions", "tool"]),
    help="Leave this out; may be given several times.",
)
@CONFIG
@MIRROR_ENGINE
@VARIANT
@MODE
@SET
@JSON
@VERBOSE
def mirror_export_command(file: Path, without: tuple[str, ...], **values: Any) -> int:
    """Fetch what is listed and write it into FILE, a tar whose every byte is checked on import.

    The same command goes on where it was interrupted: what was fetched lies in FILE.parts until FILE is whole.
    """
    return call("mirror:export", options(values), file, without)


@mirror_group.command("import", short_help="Check an archive, and put all of it where the pipeline takes it from.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--registry", metavar="HOST/PREFIX", help="Push the images there, for all machines of the site.")
@click.option(
    "--to",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where wheels and actions go (default: .mlops/mirror).",
)
@SETTINGS
@JSON
@VERBOSE
def mirror_import_command(file: Path, registry: str | None, folder: Path | None, **values: Any) -> int:
    """Check every byte of FILE, then load images, lay out wheels and the scanner's database; needs no network.

    Prints the settings that make the pipeline use all of it. Run again, it changes nothing.
    """
    return call("mirror:bring", options(values), file, registry, folder)


COMMANDS: tuple[click.Command, ...] = (rescan_command, nightly_group, mirror_group)
