"""What is said of how an image was made: from its content key's document, its parents, and where this runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from mlops_ci.files import sha256_of
from mlops_ci.images.plan import LayerPlan
from mlops_ci.records.build import BuiltImage
from mlops_ci.run.clock import now, stamp
from mlops_ci.signing import provenance
from mlops_ci.signing.provenance import Making, Origin
from mlops_ci.stages.session import Session
from mlops_ci.version import version

IMAGE_SCHEME = "docker-image://"


def predicate(session: Session, plan: LayerPlan, built: Mapping[str, BuiltImage], sbom: Path | None) -> dict[str, Any]:
    """The provenance of a layer's image."""
    finished = now()
    products = () if sbom is None else (Origin(name=sbom.name, digest={"sha256": sha256_of(sbom)}),)
    document = plan.document
    return provenance.predicate(
        Making(
            builder=builder(session.provider.name, session.environ),
            version=version(),
            asked={
                "layer": plan.name,
                "build": session.build,
                "platform": document.get("platform", ""),
                "args": document.get("args", {}),
            },
            own={
                "content-key": plan.content_key,
                "content-key-schema": document.get("schema", ""),
                "builder": document.get("builder", 0),
                "config-sha256": session.run.info.lineage.config_sha256,
            },
            origins=tuple(_origins(session, plan, built)),
            invocation=session.run.info.links.get("github")
            or session.run.info.links.get("gitlab-job")
            or session.run.id,
            started=stamp(finished - timedelta(seconds=built[plan.name].seconds)),
            finished=stamp(finished),
            products=products,
        )
    )


def builder(provider: str, environ: Mapping[str, str]) -> str:
    """Who built, as an address that names it: the workflow at GitHub, the runner at GitLab."""
    if provider == "github" and environ.get("GITHUB_WORKFLOW_REF"):
        return f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{environ['GITHUB_WORKFLOW_REF']}"
    if provider == "gitlab" and environ.get("CI_PROJECT_URL"):
        return f"{environ['CI_PROJECT_URL']}/-/runners/{environ.get('CI_RUNNER_ID', '0')}"
    return f"urn:mlops-ci:builder:{provider}"


def _origins(session: Session, plan: LayerPlan, built: Mapping[str, BuiltImage]) -> Iterator[Origin]:
    """Everything whose digest is part of the content key, and the commit."""
    document = plan.document
    base: Mapping[str, str] | None = document.get("base")
    if base is not None:
        yield Origin(name="base image", uri=f"{IMAGE_SCHEME}{base['name']}", digest=_digest(base["digest"]))
    if plan.parent is not None and plan.parent in built:
        parent = built[plan.parent]
        notes = {"content-key": parent.content_key}
        yield Origin(name="parent", uri=f"{IMAGE_SCHEME}{parent.ref}", digest=_digest(parent.digest), notes=notes)
    if "dockerfile" in document:
        yield Origin(name="Dockerfile", digest={"sha256": str(document["dockerfile"])})
    for one in document.get("files", ()):
        if "sha256" in one:
            yield Origin(name=str(one["path"]), digest={"sha256": str(one["sha256"])})
    lineage = session.run.info.lineage
    if lineage.commit is not None:
        changed = {"dirty": True, "diff-sha256": lineage.diff_sha256} if lineage.dirty else {}
        source = _source(session.environ)
        yield Origin(name="source", uri=source, digest={"gitCommit": lineage.commit}, notes=changed)


def _source(environ: Mapping[str, str]) -> str:
    """Where the repository lies, as far as the CI system says it."""
    if environ.get("GITHUB_SERVER_URL") and environ.get("GITHUB_REPOSITORY"):
        return f"git+{environ['GITHUB_SERVER_URL']}/{environ['GITHUB_REPOSITORY']}"
    return f"git+{environ['CI_PROJECT_URL']}" if environ.get("CI_PROJECT_URL") else ""


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value}
