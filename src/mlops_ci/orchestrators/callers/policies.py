"""The two policies of the role at AWS that a pipeline assumes: who may assume it, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mlops_ci.orchestrators.callers.configuration import Stores
from mlops_ci.orchestrators.callers.values import ROLE
from mlops_ci.orchestrators.github.interface import DEPLOYMENT
from mlops_ci.resources import read_toml

VERSION = "2012-10-17"
ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whose token is trusted: the server that signs it, for whom it is made out, and its possible subjects."""

    provider: str
    audience: str
    subjects: tuple[str, ...]


def github_identity(repository: str, branch: str) -> Identity:
    """Runs of a branch of a repository on GitHub."""
    known = read_toml("aws.toml")["github"]
    return Identity(
        provider=known["provider"],
        audience=known["audience"],
        subjects=(f"repo:{repository}:ref:refs/heads/{branch}",),
    )


def github_readers(repository: str, branch: str) -> Identity:
    """The same, and runs for pull requests from the repository itself: GitHub gives a fork's no identity.

    A job with an environment is known by that alone.
    """
    identity = github_identity(repository, branch)
    own = f"repo:{repository}:"
    return replace(
        identity, subjects=(*identity.subjects, f"{own}pull_request", f"{own}environment:{DEPLOYMENT.default}")
    )


def gitlab_identity(server: str, project: str, branch: str, audience: str) -> Identity:
    """Pipelines of a branch of a project on a GitLab server."""
    subject = f"project_path:{project}:ref_type:branch:ref:{branch}"
    return Identity(provider=server, audience=audience, subjects=(subject,))


def trust(identity: Identity, role: str) -> dict[str, Any]:
    """Who may assume the role. The account is that of the role's ARN, where one is known."""
    match = ROLE.fullmatch(role)
    partition, account = (match[1], match[2]) if match else ("aws", ACCOUNT)
    principal = f"arn:{partition}:iam::{account}:oidc-provider/{identity.provider}"
    one, *more = identity.subjects
    subject = [one, *more] if more else one
    conditions = {f"{identity.provider}:aud": identity.audience, f"{identity.provider}:sub": subject}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": principal},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": conditions},
    }
    return {"Version": VERSION, "Statement": [statement]}


def permissions(stores: Stores, role: str, *, only_reads: bool = False) -> dict[str, Any]:
    """What the role may do: what the store and the data need, and nothing else."""
    match = ROLE.fullmatch(role)
    partition = match[1] if match else "aws"
    statements: list[dict[str, Any]] = []
    for kind, address in (("store", stores.store), ("source", stores.source)):
        if address is None:
            continue
        allowed = read_toml("aws.toml")["source" if only_reads else kind]
        bucket, below = _place(address)
        for actions, resource in ((allowed["objects"], f"{bucket}/{below}*"), (allowed["bucket"], bucket)):
            statements.append({"Effect": "Allow", "Action": actions, "Resource": f"arn:{partition}:s3:::{resource}"})
    return {"Version": VERSION, "Statement": statements}


def to_hand_on(store: str, role: str) -> dict[str, Any]:
    """What the role may do by which runs are handed on: nothing with what is published, nothing outside its folder."""
    match = ROLE.fullmatch(role)
    partition = match[1] if match else "aws"
    allowed, (bucket, below) = read_toml("aws.toml")["handover"], _place(store)
    folder = f"{below}{allowed['folder']}/"
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Action": allowed["objects"],
                "Resource": f"arn:{partition}:s3:::{bucket}/{folder}*",
            },
            {
                "Effect": "Allow",
                "Action": allowed["bucket"],
                "Resource": f"arn:{partition}:s3:::{bucket}",
                "Condition": {"StringLike": {"s3:prefix": f"{folder}*"}},
            },
        ],
    }


def _place(address: str) -> tuple[str, str]:
    """Bucket, and the beginning of the keys below the prefix."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    return bucket, f"{prefix.strip('/')}/".lstrip("/")
