"""The image of stage deploy: the model's verified files and a server on PyTorch, checked, scanned and signed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_ci.deploying import example
from mlops_ci.engines.absent import AbsentDocker
from mlops_ci.errors import GateError, UserCodeError
from mlops_ci.files import regular_files
from mlops_ci.guest.model import PICKLE_SUFFIXES, TORCH_SUFFIXES
from mlops_ci.guest.serving.config import Limits, Service
from mlops_ci.images import catalogue, hardening
from mlops_ci.images.build import build_images
from mlops_ci.images.hardening import Subject
from mlops_ci.images.lookup import image_lookup
from mlops_ci.images.plan import plan_images
from mlops_ci.images.serving import Served, serve_layer, serving_files, serving_settings
from mlops_ci.images.store import Description, ImageStore
from mlops_ci.images.transfer import pull
from mlops_ci.images.variants import resolve as resolve_variant
from mlops_ci.publishing.fetch import fetch
from mlops_ci.records.build import BuiltImage
from mlops_ci.records.publish import PublishOutputs
from mlops_ci.records.scan import ScanOutputs
from mlops_ci.registry.reference import repository
from mlops_ci.scanning.findings import ScanTarget
from mlops_ci.scanning.outputs import MARKDOWN
from mlops_ci.scanning.sbom import file_name, write_sboms
from mlops_ci.scanning.scan import scan
from mlops_ci.settings.waivers import WAIVERS_FILE
from mlops_ci.stages.jobs import fresh
from mlops_ci.stages.sboms import keep, settled
from mlops_ci.stages.scan import asked
from mlops_ci.stages.session import Session
from mlops_ci.stages.signing import intend, sign
from mlops_ci.stages.trees import targets

FOLDER = "deploy"


class PickleServedError(UserCodeError):
    """The published model holds a pickle that nobody has allowed."""


class UnhardenedImageError(GateError):
    """A serving image does not keep the rules that every image keeps."""


class ServingFindingsError(GateError):
    """The scan of a serving image found what the policy does not allow."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """The image: `session` is the one that it was planned by, `service` what its server was told."""

    session: Session
    service: Service
    image: BuiltImage
    top: str
    scan: ScanOutputs
    sboms: tuple[Path, ...]
    signed_by: str

    @property
    def pinned(self) -> str:
        """The name that means this image for ever: in a registry with its digest, else the tag of its content key."""
        registry = self.session.settings.tables.image.registry
        return f"{repository(self.image.ref)}@{self.image.digest}" if registry else self.image.ref


def make(session: Session) -> Made:
    """Fetch, build, check, scan and sign. Raises what these raise; nothing that people follow was moved then."""
    if isinstance(session.engine, AbsentDocker):
        session.engine.refuse("deploy")
    try:
        return _made(session, _model(session))
    finally:
        # They are in the store and in the image: a third copy would travel with the run.
        shutil.rmtree(session.run.path(FOLDER, "fetched"), ignore_errors=True)


def _made(session: Session, model: Path) -> Made:
    service = _service(session, model)
    served = Served(service=service, app=serving_files(session.settings, session.code), model=model)
    own = _planned(session, served)
    intend(own)
    built, top, warnings = build_images(
        own.resolution.images,
        own.settings,
        engine=own.engine.name,
        variant=own.variant,
        cache=own.workspace.cache,
        console=own.console,
    )
    for warning in warnings:
        session.console.annotate("warning", "serving image", warning)
    image = built[top]
    how = "built" if image.built else "reused"
    session.console.say(f"serving image {how}: {image.ref} ({image.bytes / 1e6:.0f} MB)")
    _check_hardening(image.ref, own.image_store())
    if own.made_elsewhere:
        # It is started here, for a look.
        pull(image.ref, session.console)
    sboms = _sboms(own, targets(own, built, top))
    scanned = _scanned(own, targets(own, built, top), sboms)
    beside = keep(own, built, top, sboms, {})
    signing = sign(own, built, top, sboms, beside.own)
    settled(own, image, beside)
    return Made(
        session=own,
        service=service,
        image=image,
        top=top,
        scan=scanned,
        sboms=sboms,
        signed_by=signing.by if signing is not None else "",
    )


def _model(session: Session) -> Path:
    """The published files, each checked against the manifest whose digest the record names."""
    manifest = session.run.outputs("publish", PublishOutputs).manifest
    folder = fresh(session.run.path(FOLDER, "fetched"))
    fetch(session.store, manifest.key, folder, below="model/", sha256=manifest.sha256)
    model = folder / "model"
    allowed = session.settings.tables.train.allow_pickle
    for path in regular_files(model):
        if path.suffix in (*TORCH_SUFFIXES, *PICKLE_SUFFIXES) and path.name not in allowed:
            raise PickleServedError(
                f"the published model holds {path.name}, which may run code when it is loaded",
                hint="publish it as safetensors, or allow the file by its name: [train] allow-pickle",
            )
    return model


def _service(session: Session, model: Path) -> Service:
    deploy = session.settings.tables.deploy
    published = session.run.outputs("publish", PublishOutputs)
    return Service(
        entry=deploy.entry or "",
        port=deploy.port,
        model={
            "name": published.model.name,
            "version": published.model.version,
            "digest": f"sha256:{published.manifest.sha256}",
            "run": session.run.id,
        },
        limits=Limits(
            batch=deploy.max_batch,
            body=int(deploy.max_body),
            workers=deploy.workers,
            queue=deploy.queue,
            timeout=float(deploy.timeout),
            drain=float(deploy.drain),
        ),
        example=example.read(model, deploy.example, deploy.tolerance),
    )


def _planned(session: Session, served: Served) -> Session:
    """The session as if this image were its own: what builds, signs and keeps images needs to know no other."""
    settings = serving_settings(session.settings)
    variant = resolve_variant(settings.tables.image, 0)
    plans = plan_images(
        settings,
        engine=session.image_engine,
        variant=variant,
        lookup=image_lookup(settings, engine=session.image_engine, workspace=session.workspace.cache),
        cache=session.workspace.cache,
        above=lambda recipe: serve_layer(recipe, served),
    )
    resolution = replace(session.resolution, images=plans, variant=variant, extra=None)
    return replace(session, settings=settings, resolution=resolution)


def _check_hardening(ref: str, store: ImageStore) -> None:
    said = store.described(ref) or Description(config={}, history=())
    found = hardening.breaches(Subject(ref=ref, config=said.config, history=said.history, inside=store.look(ref)))
    if found:
        raise UnhardenedImageError(
            f"the serving image does not keep the rules: {found[0].rule}: {found[0].found}",
            hint=found[0].fix,
            details=tuple(f"{one.rule}: {one.found}; fix: {one.fix}" for one in found),
        )


def _sboms(own: Session, trees: tuple[ScanTarget, ...]) -> tuple[Path, ...]:
    folder = own.run.path(FOLDER, "sbom")
    write_sboms(trees, folder, trivy=own.trivy, secrets=own.settings.tables.scan.secrets)
    return tuple(folder / file_name(tree) for tree in trees)


def _scanned(own: Session, trees: tuple[ScanTarget, ...], sboms: tuple[Path, ...]) -> ScanOutputs:
    """Judged by the policy of the stage scan. Raises its errors."""
    reports = own.run.path(FOLDER, "scan")
    outputs = scan(
        replace(
            asked(own, targets=trees, paths=sboms, reports=reports),
            # Of what this image is built from, the repository's own files were judged by the stage scan.
            root=catalogue.load().serve.folder,
        )
    )
    if outputs.verdict == "findings":
        failed = ", ".join(part.name for part in outputs.parts if part.status == "FAIL")
        raise ServingFindingsError(
            f"the scan of the serving image found what the policy does not allow: {failed}",
            hint=f"see {reports / MARKDOWN}; update the package, waive it in {WAIVERS_FILE}, or change [scan]",
        )
    return replace(outputs, reports=tuple(own.run.file(reports / Path(one.path).name) for one in outputs.reports))
