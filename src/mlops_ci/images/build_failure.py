"""What a failed build means: the step that failed, whole, the line of the Dockerfile, and whose fault it is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlops_ci.errors import GateError, InfrastructureError, MlopsError, UserCodeError
from mlops_ci.images.specs import PROJECT, LayerSpec

# Lines of `--progress plain`: "#7 0.345 text" belongs to the step 7, "#7 ERROR: ..." ends it.
STEP_LINE = re.compile(r"#(?P<step>\d+) (?:(?P<time>\d+\.\d+) ?)?(?P<text>.*)")
FAILED_STEP = re.compile(r"#(?P<step>\d+) ERROR: ")
LOCATION = re.compile(r"[^\s:]*Dockerfile[^\s:]*:(\d+)")
PARSE_ERROR = re.compile(r"dockerfile parse error (?:on )?line (\d+)", re.IGNORECASE)
ENGINE_LOST = (
    "cannot connect to the docker daemon",
    "error during connect",
    "error reading from server: eof",
    "transport is closing",
    "code = unavailable",
    "is the docker daemon running",
)
NETWORK = (
    "temporary failure in name resolution",
    "temporary failure resolving",
    "could not resolve host",
    "newconnectionerror",
    "connecttimeouterror",
    "readtimeouterror",
    "connection refused",
    "connection timed out",
    "connection reset by peer",
    "network is unreachable",
    "tls handshake timeout",
    "i/o timeout",
    "sslerror(",
    "certificate verify failed",
    "failed to fetch",
    "does not have a release file",
    "unable to connect to",
    "502 bad gateway",
    "503 service unavailable",
    "429 too many requests",
)
BASE_UNRESOLVED = (
    "failed to resolve source metadata",
    "pull access denied",
    "failed to do request",
    "failed to authorize",
)


class BuildEngineLostError(InfrastructureError):
    """The container engine went away during a build."""


class BuildNetworkError(InfrastructureError):
    """A build could not fetch what it needs."""


class BaseImageUnavailableError(InfrastructureError):
    """The engine could not get the base image."""


class BuildDiskFullError(InfrastructureError):
    """There is no space left where the engine keeps its images."""


class PackageHashError(GateError):
    """A downloaded package is not the one that the lock names."""


class DockerfileBuildError(UserCodeError):
    """The user's Dockerfile cannot be built."""


class RequirementsBuildError(UserCodeError):
    """The user's requirements or Debian packages cannot be installed."""


class LayerBuildError(InfrastructureError):
    """A layer of the catalogue could not be built."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The failed step: its lines without the builder's prefix, the Dockerfile's line (None: unknown), the reason."""

    lines: tuple[str, ...]
    line: int | None
    reason: str


# What ends a build whatever the layer: signs in the output (small letters), the error, its cause, the next step.
GENERAL: tuple[tuple[tuple[str, ...], type[MlopsError], str, str], ...] = (
    (
        ENGINE_LOST,
        BuildEngineLostError,
        "the Docker engine went away while it built the layer {layer}",
        "start it again and run the same command: finished steps are kept",
    ),
    (
        ("no space left on device",),
        BuildDiskFullError,
        "there is no space left for the layer {layer}",
        "free some: `mlops-ci clean`, and for images `docker system df` and `docker builder prune`",
    ),
    (
        ("do not match the hashes",),
        PackageHashError,
        "a package of the layer {layer} does not have the hash of the lock",
        "the index or mirror served another file under the same version: do not go on, ask who runs it",
    ),
)
NETWORK_HINT = "check the network and the proxy; behind a firewall set [mirrors] index, apt and ca-bundle"


def read(output: Sequence[str]) -> Failure:
    """Find the failed step in what the builder said (plain progress)."""
    failed = next((match["step"] for text in output if (match := FAILED_STEP.match(text))), None)
    lines = [match["text"] for text in output if (match := STEP_LINE.fullmatch(text)) and match["step"] == failed]
    reasons = [text.partition("ERROR: ")[2] for text in output if text.startswith("ERROR: ")]
    reason = reasons[-1] if reasons else next((text for text in reversed(output) if text.strip()), "it said nothing")
    places = (
        int(match[1])
        for here, after in itertools.pairwise(output)
        if (match := LOCATION.fullmatch(here.strip())) and after.startswith("-----")
    )
    parse = PARSE_ERROR.search(reason)
    return Failure(
        lines=tuple(lines) or tuple(output[-20:]),
        line=int(parse[1]) if parse else next(places, None),
        reason=reason.removeprefix("failed to solve: "),
    )


def error_for(spec: LayerSpec, output: Sequence[str]) -> MlopsError:
    """The error to raise for a build of this layer that failed with this output."""
    failure = read(output)
    where = f"{spec.shown}:{failure.line}" if failure.line else spec.shown
    found = _general(spec, output, failure)
    if found is not None:
        return found
    if any(sign in failure.reason.lower() for sign in BASE_UNRESOLVED):
        return BaseImageUnavailableError(
            f"{where}: {failure.reason}",
            hint="without access to that registry, name a mirror in [mirrors] images",
            details=failure.lines,
        )
    if spec.name == PROJECT:
        return DockerfileBuildError(
            f"{where}: {failure.reason}", hint=f"repair {where}; its failed step is shown whole", details=failure.lines
        )
    return package_error(spec, output, failure.lines) or LayerBuildError(
        f"{where}: {failure.reason}", hint="run again with --verbose to see the whole build", details=failure.lines
    )


def package_error(spec: LayerSpec, output: Sequence[str], lines: tuple[str, ...]) -> MlopsError | None:
    """What a failure of pip or apt means; None when it is neither the network's nor the user's."""
    text = "\n".join(output).lower()
    found = _general(spec, output, Failure(lines=lines, line=None, reason=""))
    if found is not None:
        return found
    if any(sign in text for sign in NETWORK):
        return BuildNetworkError(
            f"the layer {spec.name} could not fetch what it needs", hint=NETWORK_HINT, details=lines
        )
    if spec.requirements or spec.args.get("APT_PACKAGES"):
        asked = spec.requirements or "[image] apt"
        return RequirementsBuildError(
            f"the packages of {asked} cannot be installed: {_complaint(lines)}",
            hint=f"repair {asked}; what the installer said is shown whole",
            details=lines,
        )
    return None


def _general(spec: LayerSpec, output: Sequence[str], failure: Failure) -> MlopsError | None:
    text = "\n".join(output).lower()
    for signs, kind, cause, hint in GENERAL:
        if any(sign in text for sign in signs):
            return kind(cause.format(layer=spec.name), hint=hint, details=failure.lines)
    return None


def _complaint(lines: Sequence[str]) -> str:
    """The first line in which pip or apt says what is wrong."""
    for line in lines:
        if line.startswith(("ERROR: ", "E: ")) and not line.startswith("ERROR: process"):
            return line.partition(": ")[2]
    return "see what the installer said"
