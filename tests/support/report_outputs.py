"""What the stages of a realistic run leave in their records, for the report's tests."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mlops_ci.records.build import BuildOutputs, BuiltImage
from mlops_ci.records.check import CheckOutputs, CommandResult
from mlops_ci.records.evaluate import Champion, EvaluateOutputs, Gate
from mlops_ci.records.plan import PlannedImage, PlanOutputs
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.publish import ManifestRef, ModelRef, ObjectCount, PublishOutputs
from mlops_ci.records.record import FileRef
from mlops_ci.records.scan import DatabaseInfo, FindingCount, ScanOutputs, ScanPart
from mlops_ci.records.train import TrackingRef, TrainAttempt, TrainOutputs
from mlops_ci.records.verify import HealthCheck, VerifyOutputs
from mlops_ci.run.clock import stamp
from mlops_ci.run.run import Lineage, RunInfo

RUN = "20261122-031509-4fe1c2"
START = datetime(2026, 11, 22, 3, 15, 9, 412_000, tzinfo=UTC)
SECONDS = {
    "plan": 0.8,
    "build": 94.2,
    "check": 6.4,
    "scan": 21.7,
    "prepare": 12.9,
    "verify": 8.1,
    "train": 243.6,
    "evaluate": 17.3,
    "publish": 5.2,
    "promote": 0.3,
}
GPU = "GPU-5f0c2a1e-7b1d-4d0a-9c55-0a6f2f7c1d11"
WHY_PROMOTE = (
    "not worse than the champion: accuracy 0.9142 against 0.9018 (version 6); "
    "95% interval 0.0041 to 0.0209; paired exact test p = 0.0037"
)


def digest(word: str) -> str:
    """Something that looks like a SHA-256, the same for the same word."""
    return f"{random.Random(word).getrandbits(256):064x}"


def info(*, variant: str = "cpu", engine: str = "docker", **lineage: Any) -> RunInfo:
    """The content of run.json."""
    known: dict[str, Any] = {
        "commit": digest("commit")[:40],
        "commit_time": "2026-11-22T04:06:41+01:00",
        "branch": "main",
        "dirty": False,
        "diff_sha256": None,
        "code_sha256": digest("code"),
        "config_sha256": digest("config"),
        "data_sha256": digest("data"),
        "seed": 17,
    }
    return RunInfo(
        run=RUN,
        created_at=stamp(START),
        project="fashion-classifier",
        plan=digest("plan"),
        mode="nightly",
        engine=engine,
        variant=variant,
        provider="github",
        lineage=Lineage(**{**known, **lineage}),
        links={"github": "https://git.example.org/vision/fashion-classifier/actions/runs/8123"},
    )


def outputs(*, variant: str = "cpu") -> dict[str, Any]:
    """The outputs of every stage of a run whose model was promoted."""
    gpu = variant != "cpu"
    built = build_outputs(gpu=gpu)
    return {
        "plan": plan_outputs(built, gpu=gpu),
        "build": built,
        "check": CheckOutputs(
            commands=(
                CommandResult(command="ruff check .", exit_code=0, seconds=0.4),
                CommandResult(command="pytest -q tests", exit_code=0, seconds=5.6),
            )
        ),
        "scan": scan_outputs(),
        "prepare": PrepareOutputs(
            data="/data",
            source_digest=digest("raw"),
            data_digest=digest("data"),
            files=70_004,
            bytes=31_422_080,
            cached=False,
        ),
        "verify": verify_outputs(gpu=gpu),
        "train": train_outputs(gpu=gpu),
        "evaluate": evaluate_outputs(),
        "publish": publish_outputs(),
        "promote": PromoteOutputs(alias="champion", from_="6", to="7"),
    }


def build_outputs(*, gpu: bool) -> BuildOutputs:
    """Three layers, of which the uppermost was built."""
    layers = {
        "base": (0.41e9, False, 0.2),
        "torch": (7.4e9 if gpu else 1.92e9, False, 0.4),
        "vision": (7.55e9 if gpu else 2.07e9, True, 92.1),
    }
    images = {
        name: BuiltImage(
            ref=f"registry.example.org/vision/{name}:{digest(name)[:16]}",
            digest=f"sha256:{digest(name + 'd')}",
            content_key=digest(name),
            built=built,
            bytes=int(size),
            seconds=seconds,
        )
        for name, (size, built, seconds) in layers.items()
    }
    return BuildOutputs(images=images, top="vision", sbom=(file("sbom/vision.cdx.json", 412_331),))


def plan_outputs(built: BuildOutputs, *, gpu: bool) -> PlanOutputs:
    """The plan that led to these images."""
    return PlanOutputs(
        images={
            name: PlannedImage(
                ref=one.ref,
                content_key=one.content_key,
                action="build" if one.built else "reuse",
                why="nobody has built it" if one.built else "it exists",
            )
            for name, one in built.images.items()
        },
        data_digest=digest("data"),
        trusted=True,
        runner="self-hosted, gpu" if gpu else "ubuntu-24.04",
        nothing_new=False,
    )


def evaluate_outputs() -> EvaluateOutputs:
    """A challenger that wins."""
    floor = "accuracy 0.9142 reaches the floor 0.85"
    interval, slice_interval = (0.0041, 0.0209), (-0.004, 0.046)
    return EvaluateOutputs(
        verdict="promote",
        champion=champion(),
        gates=(
            Gate(id="finite.accuracy", verdict="pass", value=0.9142, why="a finite number"),
            Gate(id="floor.accuracy", verdict="pass", value=0.9142, limit=0.85, why=floor),
            Gate(id="change.accuracy", verdict="pass", value=0.0124, limit=-0.005, interval=interval, why=WHY_PROMOTE),
            Gate(
                id="slice.class=shirt",
                verdict="pass",
                value=0.021,
                limit=-0.005,
                interval=slice_interval,
                why="812 rows",
            ),
        ),
        metrics={"accuracy": 0.9142, "loss": 0.24381, "calibration_error": 0.01934},
        why=WHY_PROMOTE,
    )


def publish_outputs() -> PublishOutputs:
    """Version 7 in the store."""
    return PublishOutputs(
        model=ModelRef(name="fashion-classifier", version="7"),
        manifest=ManifestRef(
            store="s3://models/vision",
            key=f"models/fashion-classifier/manifests/{digest('manifest')}.json",
            sha256=digest("manifest"),
        ),
        objects=ObjectCount(count=9, bytes=45_120_331, uploaded=6, reused=3),
    )


def file(path: str, size: int) -> FileRef:
    """A file that a record names."""
    return FileRef(path=path, bytes=size, sha256=digest(path))


def champion() -> Champion:
    """The reigning version."""
    return Champion(
        name="fashion-classifier",
        version="6",
        metrics={"accuracy": 0.9018, "loss": 0.27114},
        data_digest=digest("data"),
    )


def scan_outputs() -> ScanOutputs:
    """A scan that passed, with findings that the policy allows."""
    return ScanOutputs(
        verdict="passed",
        parts=(
            ScanPart(
                name="vulnerabilities",
                status="PASS",
                why="148 debian, 61 python packages judged by a database of 2026-11-21T18:20:11Z",
            ),
            ScanPart(name="vulnerabilities: conda-pkg", status="SKIP", why="4 packages; there are no advisories"),
            ScanPart(name="secrets", status="PASS", why="repository and all targets searched"),
            ScanPart(name="image configuration", status="PASS", why="1 image(s) judged"),
            ScanPart(name="Dockerfiles", status="SKIP", why="there is no Dockerfile in the repository"),
        ),
        findings={
            "CRITICAL": FindingCount(total=1, fixable=0, new_since_base=0, waived=1),
            "HIGH": FindingCount(total=4, fixable=0, new_since_base=1),
            "MEDIUM": FindingCount(total=31, fixable=6, new_since_base=2),
            "LOW": FindingCount(total=74, fixable=0, new_since_base=0),
        },
        db=DatabaseInfo(built_at="2026-11-21T18:20:11Z", age_hours=8.95, digest=digest("db")),
        waivers=("CVE-2026-1234",),
        reports=(file("scan/findings.json", 81_233), file("scan/findings.md", 9_120)),
    )


def not_scanned() -> ScanOutputs:
    """A local scan without a database."""
    why = "NOT SCANNED FOR VULNERABILITIES: the database could not be downloaded: connection refused"
    return replace(
        scan_outputs(),
        verdict="not-scanned",
        parts=(ScanPart(name="vulnerabilities", status="SKIP", why=why), *scan_outputs().parts[2:]),
        findings={},
        db=None,
    )


def verify_outputs(*, gpu: bool) -> VerifyOutputs:
    """A node that may train."""
    common = (
        HealthCheck(id="host.disk", status="PASS", value=212_441_120_768, limit=5_368_709_120, unit="bytes free"),
        HealthCheck(id="host.memory", status="PASS", value=33_120_440_320, limit=4_294_967_296, unit="bytes"),
        HealthCheck(id="host.shm", status="PASS", value=1_073_741_824, limit=1_073_741_824, unit="bytes"),
        HealthCheck(id="torch.import", status="PASS", value="2.9.1"),
        HealthCheck(id="numerics.exact.cpu", status="PASS", value=0, limit=0, unit="wrong elements"),
        HealthCheck(id="numerics.reference.cpu", status="PASS", value=0.0312, limit=1, unit="of the tolerance"),
    )
    if not gpu:
        skip = HealthCheck(id="host.kernel-log", status="SKIP", cause="the kernel's log may not be read here")
        return VerifyOutputs(verdict="cpu-only", checks=(*common, skip), devices=("cpu",))
    warn = HealthCheck(
        id="gpu.leftover.0",
        status="WARN",
        value=1_288_490_188,
        limit=858_993_459,
        unit="bytes",
        cause="NVIDIA H100 80GB HBM3: 1229 MiB are in use by processes 4711 before this job touches it",
        advice="Find out whose process it is, and end it.",
    )
    return VerifyOutputs(verdict="degraded", checks=(*common, warn), devices=(GPU,))


def train_outputs(*, gpu: bool) -> TrainOutputs:
    """A training that was preempted once."""
    return TrainOutputs(
        tracking=TrackingRef(
            uri="https://mlflow.example.org", experiment_id="3", run_id=digest("mlflow")[:32], points=1812
        ),
        attempts=(
            TrainAttempt(class_="preempted", exit_code=12, seconds=96.1),
            TrainAttempt(class_="ok", exit_code=0, seconds=143.2, resumed_from=240),
        ),
        retries=0,
        resumes=1,
        metrics={"train_loss": 0.21207, "val_loss": 0.24381, "val_accuracy": 0.9142, "lr": 1.2e-05},
        devices=(GPU,) if gpu else ("cpu",),
        checkpoint=file("train/checkpoints/step-600.pt", 44_871_003),
        model=(file("train/model/model.safetensors", 44_701_208), file("train/model/config.json", 211)),
        artifacts=(file("train/outputs/confusion.csv", 1_204), file("train/outputs/samples.png", 182_334)),
        seconds=239.3,
        peak_memory_bytes=1_934_221_312,
    )
