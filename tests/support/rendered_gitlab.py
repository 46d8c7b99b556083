"""The files for GitLab as they are rendered, read as YAML: for tests that look at them."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

from mlops_ci.orchestrators.gitlab.profile import load_profile, profile_names
from mlops_ci.orchestrators.gitlab.render import render
from support.read_yaml import read_documents

TAG = "v1.2.3"
PROFILES = {name: replace(load_profile(name), release=TAG) for name in profile_names()}
RENDERED = {name: render(profile) for name, profile in PROFILES.items()}


@cache
def documents(profile: str, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, jobs = read_documents(RENDERED[profile][path])
    return header["spec"], jobs


def whole(jobs: dict[str, Any], name: str) -> dict[str, Any]:
    """A job with what it extends; mappings are merged, as GitLab does."""
    job = jobs[name]
    base = whole(jobs, job["extends"]) if "extends" in job else {}
    merged = {**base, **job}
    for key in ("variables", "artifacts"):
        if key in base and key in job:
            merged[key] = {**base[key], **job[key]}
    return merged


@cache
def all_jobs(profile: str, path: str) -> dict[str, dict[str, Any]]:
    jobs = documents(profile, path)[1]
    return {re.sub(r".*]]", "", name): whole(jobs, name) for name in jobs if not name.startswith(".")}
