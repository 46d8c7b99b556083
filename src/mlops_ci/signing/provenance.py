"""Where an image comes from, as SLSA's provenance says it.

Source: SLSA, "Provenance v1" (predicateType https://slsa.dev/provenance/v1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# What the two kinds of parameters mean is said in docs/signing.md.
BUILD_TYPE = "urn:mlops-ci:build-type:image:1"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One thing that an image was made from: `digest` maps an algorithm to a value."""

    name: str
    digest: Mapping[str, str]
    uri: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        """As the predicate names it."""
        optional: dict[str, Any] = {"uri": self.uri, "annotations": dict(self.notes)}
        return {"name": self.name, "digest": dict(self.digest), **{key: one for key, one in optional.items() if one}}


@dataclass(frozen=True, kw_only=True)
class Making:
    """How an image was made. `asked`: what the user's configuration chose; `own`: what the tool added."""

    builder: str
    version: str
    asked: Mapping[str, Any]
    own: Mapping[str, Any]
    origins: Sequence[Origin]
    invocation: str
    started: str
    finished: str
    products: Sequence[Origin] = ()


def predicate(making: Making) -> dict[str, Any]:
    """The predicate."""
    details: dict[str, Any] = {
        "builder": {"id": making.builder, "version": {"mlops-ci": making.version}},
        "metadata": {
            "invocationId": making.invocation,
            "startedOn": making.started,
            "finishedOn": making.finished,
        },
    }
    if making.products:
        details["byproducts"] = [one.entry() for one in making.products]
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": dict(making.asked),
            "internalParameters": dict(making.own),
            "resolvedDependencies": [one.entry() for one in making.origins],
        },
        "runDetails": details,
    }
