"""Where a build gets packages from: the mirrors of the settings, else what pip on this machine is configured to use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from mlops_ci.errors import MissingError
from mlops_ci.files import sha256_of
from mlops_ci.images import pip_configuration
from mlops_ci.images.catalogue import GENERAL, Variant
from mlops_ci.images.lockfile import Pin
from mlops_ci.network import ca_bundle
from mlops_ci.settings.mirrors import MirrorSettings

ARCHIVES = (".whl", ".tar.gz", ".zip")
# Seconds: a mirror behind a slow line answers later than pip's own limit of 15.
TIMEOUT = 60


class CaBundleMissingError(MissingError):
    """The CA bundle that the settings name does not exist."""


@dataclass(frozen=True, kw_only=True)
class PackageSources:
    """Addresses (some may hold credentials: never into an argument, a log or a layer) and folders of this machine.

    `configured` says that the settings name the index, so that pip's own configuration must not be used.
    `torch_index` is None where PyTorch comes from the general index. `ca` is the
    bundle for builds inside the engine, `configured_ca` the one that the settings name.
    """

    index: str | None
    extra_indexes: tuple[str, ...]
    pages: tuple[str, ...]
    folders: tuple[Path, ...]
    torch_index: str | None
    apt: str | None
    ca: Path | None
    configured: bool
    configured_ca: Path | None

    def secrets(self) -> tuple[str, ...]:
        """Passwords inside the addresses."""
        addresses = [self.index or "", *self.extra_indexes, *self.pages, self.torch_index or "", self.apt or ""]
        return tuple(password for address in addresses if (password := urlsplit(address).password))


def package_sources(mirrors: MirrorSettings, variant: Variant, *, root: Path) -> PackageSources:
    """The sources for a build. Raises `CaBundleMissingError`."""
    own = pip_configuration.read() if mirrors.index is None else pip_configuration.PipConfiguration()
    ca = root / mirrors.ca_bundle if mirrors.ca_bundle else None
    if ca is not None and not ca.is_file():
        raise CaBundleMissingError(f"[mirrors] ca-bundle: {ca} does not exist", hint="check the path in mlops.toml")
    links = (*mirrors.find_links, *own.find_links)
    folders = [folder for link in links if (folder := _folder(link, root)) is not None]
    return PackageSources(
        index=mirrors.index or own.index,
        extra_indexes=own.extra_indexes,
        pages=tuple(link for link in links if _folder(link, root) is None),
        folders=tuple(dict.fromkeys(folder for folder in folders if folder.is_dir())),
        torch_index=None if variant.index == GENERAL else mirrors.torch_index or variant.index,
        apt=mirrors.apt,
        ca=ca or ca_bundle(),
        configured=mirrors.index is not None,
        configured_ca=ca,
    )


def locked_archives(folders: Iterable[Path], pins: Iterable[Pin]) -> tuple[Path, ...]:
    """The archives in local folders that a lock names, by version and by hash."""
    wanted = {(pin.name, pin.version): pin for pin in pins}
    found = []
    for path, name, version in _archives(folders):
        pin = wanted.get((name, version))
        if pin is not None and sha256_of(path) in pin.hashes:
            found.append(path)
    return tuple(found)


def versions(folders: Iterable[Path], wanted: Iterable[tuple[str, Version]]) -> tuple[Path, ...]:
    """The archives in local folders of these distributions and versions, whatever their hash."""
    chosen = set(wanted)
    return tuple(path for path, name, version in _archives(folders) if (name, version) in chosen)


def other_archives(folders: Iterable[Path], without: Iterable[str]) -> tuple[Path, ...]:
    """All archives in local folders but those of the distributions `without`."""
    skipped = set(without)
    return tuple(path for path, name, _ in _archives(folders) if name not in skipped)


def reachable_from_builds(addresses: Iterable[str]) -> tuple[str, ...]:
    """The addresses that a build inside the engine can open: not this machine's files."""
    return tuple(address for address in addresses if urlsplit(address).scheme in ("http", "https"))


def named(paths: Iterable[Path]) -> Iterator[tuple[Path, str, Version]]:
    """Those of the paths whose name is that of a wheel or a source archive, with distribution and version."""
    for path in paths:
        if not path.name.endswith(ARCHIVES):
            continue
        try:
            if path.suffix == ".whl":
                name, version, *_ = parse_wheel_filename(path.name)
            else:
                name, version = parse_sdist_filename(path.name)
        except (InvalidWheelFilename, InvalidSdistFilename):
            continue
        yield path, name, version


def _archives(folders: Iterable[Path]) -> Iterator[tuple[Path, str, Version]]:
    for folder in folders:
        yield from named(path for path in sorted(folder.iterdir()) if path.is_file())


def _folder(link: str, root: Path) -> Path | None:
    """The local folder that a find-links entry means; None for a page."""
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        return None
    return Path(unquote(parts.path)) if parts.scheme == "file" else root / Path(link).expanduser()
