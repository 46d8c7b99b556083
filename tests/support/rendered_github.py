"""The workflows as they are rendered, read as YAML: for tests that look at them."""

from __future__ import annotations

import copy
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.render import render
from support.read_yaml import read_yaml as parsed

ROOT = Path(__file__).parents[2]
BASELINE = ROOT / "tests" / "unit" / "orchestrators" / "permissions.json"
PROFILES = ("default", "enterprise", "object-store", "keyless", "no-registry")
PIN = re.compile(
    r"uses: (?:[\w.-]+/[\w.-]+(?:/[\w-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+|\./\.mlops/bundle/\.github/actions/setup #.*)"
)
EXPRESSION = re.compile(r"\$\{\{")
# The steps that hand a run on through the object store.
BY_STORE = ("collect", "hand-on")
# Files with a job of their own, that a caller adds.
OPT_IN = ("code-scanning", "comment", "decay", "rescan", "retry", "rollback")


@cache
def _workflows(profile: str) -> dict[str, Any]:
    files = render(load_profile(profile))
    called = {Path(path).stem: parsed(text) for path, text in files.items() if "/workflows/" in path}
    return {name: one for name, one in called.items() if name not in OPT_IN}


def workflows(profile: str = "default") -> dict[str, Any]:
    return copy.deepcopy(_workflows(profile))


def jobs(profile: str = "default") -> list[tuple[str, str, dict[str, Any]]]:
    return [(name, job, body) for name, one in workflows(profile).items() for job, body in one["jobs"].items()]


@cache
def _opt_in(name: str, profile: str) -> Any:
    return parsed(render(load_profile(profile))[f".github/workflows/{name}.yml"])


def opt_in(name: str, profile: str = "default") -> Any:
    return copy.deepcopy(_opt_in(name, profile))


def secrets_in(value: Any) -> set[str]:
    return set(re.findall(r"secrets\.([\w-]+)", json.dumps(value)))
