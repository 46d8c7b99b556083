"""A run's lineage, as tags of the MLflow run, of the model version, and in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_ci.records.build import BuildOutputs
from mlops_ci.records.codec import to_json
from mlops_ci.redaction import MASK, is_secret_name
from mlops_ci.stages.session import Session


def facts(session: Session) -> dict[str, Any]:
    """What the model was made from: no time and no machine in it, so that it is the same whenever it is asked."""
    built = session.run.outputs("build", BuildOutputs)
    image = built.images[built.top]
    prepare = session.run.record("prepare")
    params = trained_params(session)
    return {
        **to_json(session.run.info.lineage),
        "run": session.run.id,
        "data_sha256": prepare.outputs.get("data_digest") if prepare is not None else None,
        "image": {"ref": image.ref, "digest": image.digest, "content_key": image.content_key},
        **({"extra_packages": list(built.extra.packages)} if built.extra is not None else {}),
        "engine": session.engine.name,
        "variant": session.variant,
        "seed": session.settings.tables.train.seed,
        "params": to_json({name: _public(session, name, value) for name, value in params.items()}),
    }


def trained_params(session: Session) -> Mapping[str, Any]:
    """The parameters of the model that goes on: the settings' own, or after a sweep those of its best trial."""
    train = session.run.record("train")
    swept = train.outputs.get("sweep") if train is not None and train.done else None
    return {**session.settings.tables.train.params, **(swept["params"] if swept else {})}


def _public(session: Session, name: str, value: object) -> object:
    """A parameter without what is secret by its name or by its value."""
    if is_secret_name(name):
        return MASK
    return session.console.redactor.clean(value) if isinstance(value, str) else value


def tracking_tags(session: Session) -> dict[str, str]:
    """The same as tags, without what is unknown. Parameters are the MLflow run's own."""
    known = facts(session)
    del known["params"]
    image = known.pop("image")
    known["extra_packages"] = ", ".join(known.get("extra_packages", ())) or None
    tags = {f"mlops.{name.removesuffix('_sha256')}": value for name, value in known.items()}
    tags["mlops.reproduces"] = session.run.info.reproduces
    tags["mlops.image"] = image["digest"]
    tags["mlops.image_key"] = image["content_key"]
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in tags.items()
        if value is not None
    }
