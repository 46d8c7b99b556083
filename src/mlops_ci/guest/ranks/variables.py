"""The environment that is known to matter to several processes, from `variables.json`, where each has its reason."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from typing import Any

from mlops_ci.guest.task import Launch

ALWAYS = "always"


def rows() -> list[dict[str, Any]]:
    """The table."""
    data = pkgutil.get_data("mlops_ci.guest.ranks", "variables.json")
    if data is None:
        raise FileNotFoundError("variables.json")
    return list(json.loads(data)["variables"])


def variables(launch: Launch, inherited: Mapping[str, str], words: Mapping[str, str]) -> dict[str, str]:
    """What is to be set: what is not forced yields to `inherited`. `words` fill the templates."""
    wanted = {ALWAYS, *_situation(launch)}
    return {
        row["name"]: row["value"].format_map(words)
        for row in rows()
        if row["when"] in wanted and (row["forced"] or row["name"] not in inherited)
    }


def _situation(launch: Launch) -> set[str]:
    if launch.world == 1:
        return set()
    nccl = launch.backend == "nccl"
    found = {"several"} | ({"nccl"} if nccl else set())
    if launch.nodes == 1:
        found |= {"one-node"} | ({"one-node-nccl"} if nccl else set())
    return found
