"""`mlops-ci doctor --provider`: are the files that the CI system gets right, and what must AWS be told?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from mlops_ci.errors import UsageError
from mlops_ci.orchestrators.callers.bundle import bundle
from mlops_ci.orchestrators.callers.finding import Finding
from mlops_ci.orchestrators.callers.origin import origin, top_of
from mlops_ci.orchestrators.callers.review import Policies, Provider, Review, review_github, review_gitlab
from mlops_ci.orchestrators.github.profile import load_profile as github_profile
from mlops_ci.orchestrators.gitlab.profile import load_profile as gitlab_profile

NAMES: dict[Provider, str] = {"github": "GitHub", "gitlab": "GitLab"}
MARKS = {"error": "✗", "warning": "!", "advice": "·"}
SUBJECT = {
    "github": "The subject is the branch that publishes. Where the organisation has immutable subject claims, it has "
    "ids too: repo:OWNER@ID/REPOSITORY@ID:ref:...",
    "gitlab": "The subject is the branch that publishes. Pipelines of merge requests read the store too: let another "
    "role, or runners with a role, do that.",
}


def check(provider: Literal["github", "gitlab", "both"], name: str | None, *, as_json: bool) -> int:
    """Print what is wrong, with its place and what to write; exit code 2 when something is."""
    asked: tuple[Provider, ...] = ("github", "gitlab") if provider == "both" else (provider,)
    found = [_review(one, name) for one in asked]
    if as_json:
        told = [asdict(one) for one in found]
        click.echo(json.dumps(told if provider == "both" else told[0], indent=2))
    else:
        for one in found:
            if provider == "both":
                click.echo(f"{NAMES[one.provider]}:")
            for line in lines(one):
                click.echo(line)
    return UsageError.exit_code if any(one.refused for one in found) else 0


def _review(provider: Provider, name: str | None) -> Review:
    root = top_of(Path.cwd())
    if provider == "github":
        known = bundle(name, otherwise=github_profile("default").repository).repository
        return review_github(root, known, origin(root))
    known = bundle(name, otherwise=gitlab_profile().repository).repository
    return review_gitlab(root, known, origin(root))


def lines(found: Review) -> Iterator[str]:
    """What a person reads: the findings, then the policies."""
    for one in found.findings:
        yield from _finding(one)
    count = sum(one.level == "error" for one in found.findings)
    if count:
        yield f"{count} to correct"
    else:
        yield f"✓ {found.calls} {'call' if found.calls == 1 else 'calls'} of the bundle in {', '.join(found.files)}"
    if found.policies is not None:
        yield from _policies(found.policies, SUBJECT[found.provider])


def _finding(one: Finding) -> Iterator[str]:
    place = f"{one.file}:{one.line}" if one.line else one.file
    yield f"{MARKS[one.level]} {place}: {one.message}"
    first, *rest = one.fix.split("\n")
    if rest:
        yield "    write:"
        yield from (f"      {line}" for line in (first, *rest))
    elif first:
        yield f"    fix: {first}"


def _policies(made: Policies, subject: str) -> Iterator[str]:
    yield "\nTrust policy of the role at AWS, for the pipeline's own identity (OIDC) and no key:"
    yield json.dumps(made.trust, indent=2)
    yield subject
    yield "\nPermissions policy of the role, for the configured addresses and no more:"
    yield json.dumps(made.permissions, indent=2)
    if made.reading is not None:
        yield "\nTrust policy of the role `aws-role-read`, which the repository's own pull requests may assume too:"
        yield json.dumps(made.reading.trust, indent=2)
        yield "\nPermissions policy of that role, which only reads:"
        yield json.dumps(made.reading.permissions, indent=2)
    if made.handover is not None:
        yield "\nTrust policy of the role `aws-role-handover`, which every job that runs your code may assume:"
        yield json.dumps(made.handover.trust, indent=2)
        yield "\nPermissions policy of that role, which only hands runs on:"
        yield json.dumps(made.handover.permissions, indent=2)
