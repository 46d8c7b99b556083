"""What an image of a registry is made of: its manifest, its configuration, and its layers as streams."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_ci.network import retry
from mlops_ci.registry.client import Registry, RegistryAnswerError, RegistryUnreachableError
from mlops_ci.registry.reference import HUB, Reference, parse, repository

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

# A configuration is read whole: it holds the history and the environment, a few kilobytes.
LARGEST_CONFIGURATION = 8 << 20


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer: `digest` and `packed` bytes of its blob, and `diff`, the digest of what is packed (the DiffID)."""

    digest: str
    diff: str
    packed: int


@dataclass(frozen=True, kw_only=True)
class RemoteImage:
    """An image as its registry has it. `name` is the repository, `config` the OCI image configuration."""

    name: str
    digest: str
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]


class Blobs(Registry):
    """Reads images of registries; logins and retries are those of `Registry`."""

    def image(self, ref: str, *, platform: str = "") -> RemoteImage | None:
        """The image behind `ref`; None when it does not exist. Of an index the one for `platform`, else the first.

        Two questions, three for an index. Raises like `Registry.manifest`.
        """
        found = self.manifest(ref)
        if found is None:
            return None
        manifest = json.loads(found.data)
        try:
            if "manifests" in manifest:
                chosen = _chosen(manifest["manifests"], platform)
                return None if chosen is None else self.image(f"{repository(ref)}@{chosen}")
            config = json.loads(self._small(repository(ref), str(manifest["config"]["digest"])))
            diffs = [str(one) for one in config["rootfs"]["diff_ids"]]
            layers = tuple(
                Layer(digest=str(one["digest"]), diff=diff, packed=int(one["size"]))
                for one, diff in zip(manifest["layers"], diffs, strict=True)
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryAnswerError(
                f"what the registry has as {ref} is no image: {error!r}", hint="ask who pushed it; build it again"
            ) from error
        return RemoteImage(name=repository(ref), digest=found.digest, config=config, layers=layers)

    @contextmanager
    def open(self, name: str, digest: str) -> Iterator[io.RawIOBase]:
        """The blob of a repository, as a stream of its packed bytes.

        Raises `RegistryUnreachableError` where it breaks off, and `RegistryAnswerError` when it was read to its end and
        is not what its digest says.
        """
        reference = parse(name)
        response = retry(
            lambda: self._begun(reference, digest),
            transient=lambda error: isinstance(error, RegistryUnreachableError),
            policy=self._policy,
        )
        try:
            yield _Checked(response, reference, digest)
        finally:
            response.close()

    def _small(self, name: str, digest: str) -> bytes:
        with self.open(name, digest) as stream:
            data = bytearray()
            while piece := stream.read(1 << 16):
                data += piece
                if len(data) > LARGEST_CONFIGURATION:
                    raise RegistryAnswerError(
                        f"the configuration {digest} of {name} is larger than an image's can be",
                        hint="ask who pushed it",
                    )
            return bytes(data)

    def _begun(self, reference: Reference, digest: str) -> BaseHTTPResponse:
        response = self._ask_once("GET", f"{reference.api}/blobs/{digest}", reference, None, stream=True)
        if response.status == 404:
            response.close()
            raise RegistryAnswerError(
                f"the registry {reference.host or HUB} has the image {reference.repository}, and not its part {digest}",
                hint="something removed it: have the registry's storage checked, and build the image again",
            )
        return response


def _chosen(entries: list[Mapping[str, Any]], platform: str) -> str | None:
    """The digest of the image for a platform such as `linux/amd64`; attestations in an index are no images."""
    known = {_platform(one): str(one["digest"]) for one in reversed(entries)}
    known.pop("unknown/unknown", None)
    return known.get(platform) or next(reversed(known.values()), None)


def _platform(entry: Mapping[str, Any]) -> str:
    said = entry.get("platform") or {}
    return f"{said.get('os', '')}/{said.get('architecture', '')}"


class _Checked(io.RawIOBase):
    """The bytes of a blob, which are counted into its digest as they pass."""

    def __init__(self, response: BaseHTTPResponse, reference: Reference, digest: str) -> None:
        super().__init__()
        self._response = response
        self._where = f"the registry {reference.host or HUB}"
        self._digest = digest
        self._made = hashlib.sha256()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """The next bytes; 0 at the end, where they must have been those of the digest."""
        from urllib3.exceptions import HTTPError

        try:
            data = self._response.read(len(buffer), decode_content=False)
        except HTTPError as error:
            raise RegistryUnreachableError(
                f"{self._where} broke off in the middle of {self._digest}: {error}", hint="try again"
            ) from error
        self._made.update(data)
        if not data and f"sha256:{self._made.hexdigest()}" != self._digest:
            raise RegistryAnswerError(
                f"{self._where} sent other bytes than {self._digest}",
                hint="do not use that image; ask who runs the registry",
            )
        buffer[: len(data)] = data
        return len(data)
