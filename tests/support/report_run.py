"""Run directories as the pipeline leaves them, for the report's tests: realistic figures, made without a training."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_ci import pipeline
from mlops_ci.records.build import BuildOutputs, BuiltImage
from mlops_ci.records.check import CheckOutputs, CommandResult
from mlops_ci.records.codec import to_json
from mlops_ci.records.evaluate import Champion, EvaluateOutputs, Gate
from mlops_ci.records.plan import PlannedImage, PlanOutputs
from mlops_ci.records.prepare import PrepareOutputs
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.publish import ManifestRef, ModelRef, ObjectCount, PublishOutputs
from mlops_ci.records.record import ErrorInfo, FileRef, Record
from mlops_ci.records.scan import DatabaseInfo, FindingCount, ScanOutputs, ScanPart
from mlops_ci.records.train import TrackingRef, TrainAttempt, TrainOutputs
from mlops_ci.records.verify import HealthCheck, VerifyOutputs
from mlops_ci.run.clock import stamp
from mlops_ci.run.run import Lineage, RunInfo, create

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
    layers = {
        "base": (0.41e9, False, 0.2),
        "torch": (1.92e9 if not gpu else 7.4e9, False, 0.4),
        "vision": (2.07e9, True, 92.1),
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
    return {
        "plan": PlanOutputs(
            images={
                name: PlannedImage(
                    ref=one.ref,
                    content_key=one.content_key,
                    action="build" if one.built else "reuse",
                    why="nobody has built it" if one.built else "it exists",
                )
                for name, one in images.items()
            },
            data_digest=digest("data"),
            trusted=True,
            runner="self-hosted, gpu" if gpu else "ubuntu-24.04",
            nothing_new=False,
        ),
        "build": BuildOutputs(images=images, top="vision", sbom=(file("sbom/vision.cdx.json", 412_331),)),
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
        "evaluate": EvaluateOutputs(
            verdict="promote",
            champion=champion(),
            gates=(
                Gate(id="finite.accuracy", verdict="pass", value=0.9142, why="a finite number"),
                Gate(
                    id="floor.accuracy",
                    verdict="pass",
                    value=0.9142,
                    limit=0.85,
                    why="accuracy 0.9142 reaches the floor 0.85",
                ),
                Gate(
                    id="change.accuracy",
                    verdict="pass",
                    value=0.0124,
                    limit=-0.005,
                    interval=(0.0041, 0.0209),
                    why=WHY_PROMOTE,
                ),
                Gate(
                    id="slice.class=shirt",
                    verdict="pass",
                    value=0.021,
                    limit=-0.005,
                    interval=(-0.004, 0.046),
                    why="812 rows",
                ),
            ),
            metrics={"accuracy": 0.9142, "loss": 0.24381, "calibration_error": 0.01934},
            why=WHY_PROMOTE,
        ),
        "publish": PublishOutputs(
            model=ModelRef(name="fashion-classifier", version="7"),
            manifest=ManifestRef(
                store="s3://models/vision",
                key=f"models/fashion-classifier/manifests/{digest('manifest')}.json",
                sha256=digest("manifest"),
            ),
            objects=ObjectCount(count=9, bytes=45_120_331, uploaded=6, reused=3),
        ),
        "promote": PromoteOutputs(alias="champion", from_="6", to="7"),
    }


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
        metrics={"train_loss": 0.21207, "val_loss": 0.24381, "val_accuracy": 0.9142, "lr": 1.2e-05},
        devices=(GPU,) if gpu else ("cpu",),
        checkpoint=file("train/checkpoints/step-600.pt", 44_871_003),
        model=(file("train/model/model.safetensors", 44_701_208), file("train/model/config.json", 211)),
        artifacts=(file("train/outputs/confusion.csv", 1_204), file("train/outputs/samples.png", 182_334)),
        seconds=239.3,
        peak_memory_bytes=1_934_221_312,
    )


def metric_lines() -> list[dict[str, Any]]:
    """A loss that falls, a validation every 20 steps, a learning rate."""
    noise = random.Random(4)
    lines: list[dict[str, Any]] = []
    for step in range(600):
        time = START.timestamp() + 150 + step * 0.4
        fall = math.exp(-step / 140)
        loss = 0.19 + 2.1 * fall + noise.gauss(0, 0.03 + 0.09 * fall)
        lines.append(
            {"time": round(time, 3), "step": step + 1, "train_loss": loss, "lr": 3e-4 * (1 + math.cos(step / 191)) / 2}
        )
        if step % 20 == 19:
            lines.append(
                {"time": time, "step": step + 1, "val_loss": 0.235 + 1.9 * fall, "val_accuracy": 0.916 - 0.75 * fall}
            )
    return lines


def system_lines(seconds: int, *, gpus: int = 0, pause_at: int | None = None) -> list[dict[str, Any]]:
    """One sample a second, with a pause of a minute where an attempt ended."""
    noise = random.Random(9)
    lines = []
    for second in range(seconds):
        late = 60 if pause_at is not None and second >= pause_at else 0
        ramp = min(1.0, second / 12)
        lines.append(
            {
                "time": round(START.timestamp() + 140 + second + late, 3),
                "cpu_percent": None if second == 0 else round(ramp * (680 + noise.gauss(0, 40)), 1),
                "memory_bytes": int(0.3e9 + ramp * 1.55e9 + noise.gauss(0, 8e6)),
                "gpus": [
                    {
                        "index": index,
                        "utilization_percent": int(ramp * (91 - 4 * index + noise.gauss(0, 3))),
                        "memory_bytes": int(ramp * 41e9),
                        "power_watts": 612.5,
                        "temperature_c": 63,
                    }
                    for index in range(gpus)
                ],
            }
        )
    return lines


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    """A file with one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def make_run(root: Path, variant: str = "promoted") -> Path:
    """The directory of a run; `variant` is a key of `VARIANTS`."""
    plan: dict[str, Any] = {"info": info(), "outputs": outputs(), "changes": {}, "gpus": 0}
    VARIANTS[variant](plan)
    run = create(root / "runs", plan["info"])
    moment, dead = START, False
    for name in pipeline.NAMES[:-1]:
        found = plan["outputs"].get(name)
        if dead or (found is None and name not in plan["changes"]):
            continue
        begun, moment = moment, moment + timedelta(seconds=SECONDS[name])
        record = _record(plan["info"], name, begun, moment, found)
        record = replace(record, **plan["changes"].get(name, {}))
        run.write(record)
        dead = record.status == "failed"
    if run.record("train") is not None:
        write_lines(run.path("train", "job", "metrics.jsonl"), plan.get("metrics", metric_lines()))
        write_lines(run.path("train", "job", "system.jsonl"), system_lines(180, gpus=plan["gpus"], pause_at=90))
    if run.record("evaluate") is not None:
        for who in ("challenger", "champion"):
            write_lines(run.path("evaluate", who, "job", "system.jsonl"), system_lines(8, gpus=plan["gpus"]))
    return run.folder


def _record(info: RunInfo, stage: str, begun: datetime, ended: datetime, found: Any) -> Record:
    return Record(
        run=info.run,
        stage=stage,
        attempt=1,
        status="passed",
        exit_code=0,
        reason="",
        started_at=stamp(begun),
        finished_at=stamp(ended),
        seconds=SECONDS[stage],
        fingerprint=digest(stage),
        version="0.1.0",
        provider=info.provider,
        engine=info.engine,
        variant=info.variant,
        host="runner-17",
        outputs=to_json(found) if found is not None else {},
    )


def _promoted(plan: dict[str, Any]) -> None:
    plan["changes"]["train"] = {
        "attempt": 2,
        "warnings": ("2 of 1814 metric points were not accepted by the tracking server",),
    }


def _first(plan: dict[str, Any]) -> None:
    why = "the first model, there is no champion yet; its floor holds"
    plan["outputs"]["evaluate"] = replace(
        plan["outputs"]["evaluate"], champion=None, gates=plan["outputs"]["evaluate"].gates[:2], why=why
    )
    plan["outputs"]["publish"] = replace(
        plan["outputs"]["publish"], model=ModelRef(name="fashion-classifier", version="1")
    )
    plan["outputs"]["promote"] = PromoteOutputs(alias="champion", from_=None, to="1")


def _kept(plan: dict[str, Any]) -> None:
    why = "worse than the champion by 0.031, beyond the margin of 0.005: accuracy 0.8708 against 0.9018 (version 6)"
    gates = list(plan["outputs"]["evaluate"].gates[:3])
    gates[2] = Gate(id="change.accuracy", verdict="fail", value=-0.031, limit=-0.005, why=why)
    plan["outputs"]["evaluate"] = replace(
        plan["outputs"]["evaluate"],
        verdict="keep",
        gates=tuple(gates),
        why=why,
        metrics={"accuracy": 0.8708, "loss": 0.3512},
    )
    plan["outputs"]["promote"] = PromoteOutputs(alias="champion", from_="6", to="6")
    plan["changes"]["promote"] = {"reason": f"keep: {why}"}


def _waiting(plan: dict[str, Any]) -> None:
    why = "shirt is worse by 0.041 (interval -0.079 to -0.003), more than the margin of 0.005"
    gates = (
        *plan["outputs"]["evaluate"].gates[:3],
        Gate(id="slice.class=shirt", verdict="review", value=-0.041, why=why),
    )
    plan["outputs"]["evaluate"] = replace(plan["outputs"]["evaluate"], verdict="review", gates=gates, why=why)
    plan["outputs"]["promote"] = PromoteOutputs(alias="champion", from_="6", to="6")
    plan["changes"]["promote"] = {"status": "waiting", "reason": f"a human must approve: `mlops-ci approve {RUN}`"}


def _failed(plan: dict[str, Any]) -> None:
    plan["outputs"]["train"] = None
    plan["metrics"] = [
        {**line, **({"train_loss": math.nan} if line["step"] > 300 and "train_loss" in line else {})}
        for line in metric_lines()
        if line["step"] <= 340
    ]
    trace = (
        "Traceback (most recent call last):",
        '  File "train.py", line 81, in <module>',
        "    main()",
        '  File "train.py", line 64, in main',
        '    raise FloatingPointError("loss is nan at step 301")',
        "FloatingPointError: loss is nan at step 301",
    )
    plan["changes"]["train"] = {
        "status": "failed",
        "exit_code": 20,
        "reason": "python train.py ended with exit code 1: FloatingPointError: loss is nan at step 301",
        "error": ErrorInfo(
            class_="user-code",
            cause="python train.py ended with exit code 1: FloatingPointError: loss is nan at step 301",
            hint="a lower learning rate or gradient clipping may help; the log's last lines follow",
        ),
        "warnings": ("\n".join(trace),),
    }


def _rejected(plan: dict[str, Any]) -> None:
    why = "accuracy 0.7214 is below the floor 0.85"
    gates = (
        plan["outputs"]["evaluate"].gates[0],
        Gate(id="floor.accuracy", verdict="fail", value=0.7214, limit=0.85, why=why),
    )
    plan["outputs"]["evaluate"] = replace(
        plan["outputs"]["evaluate"], verdict="reject", gates=gates, why=why, metrics={"accuracy": 0.7214, "loss": 0.812}
    )
    hint = "train longer or better, or lower the floor in [evaluate]; nothing was published"
    plan["changes"]["evaluate"] = {
        "status": "failed",
        "exit_code": 1,
        "reason": why,
        "error": ErrorInfo(class_="rejected", cause=why, hint=hint),
    }


def _findings(plan: dict[str, Any]) -> None:
    scan = plan["outputs"]["scan"]
    failing = ScanPart(name="vulnerabilities", status="FAIL", why="2 not allowed; 148 debian packages judged")
    plan["outputs"]["scan"] = replace(scan, verdict="findings", parts=(failing, *scan.parts[1:]))
    cause = "the scan found what the policy does not allow: vulnerabilities"
    plan["changes"]["scan"] = {
        "status": "failed",
        "exit_code": 1,
        "reason": cause,
        "error": ErrorInfo(class_="findings", cause=cause, hint="update the package, or change [scan]"),
    }


def _not_scanned(plan: dict[str, Any]) -> None:
    plan["info"] = replace(info(engine="host"), provider="local", links={}, mode=None)
    plan["outputs"]["scan"] = not_scanned()
    plan["changes"]["scan"] = {
        "status": "skipped",
        "reason": not_scanned().parts[0].why,
        "warnings": ("NOT SCANNED FOR VULNERABILITIES",),
    }


def _gpu(plan: dict[str, Any]) -> None:
    plan.update(info=info(variant="cu128"), outputs=outputs(variant="cu128"), gpus=2)


def _dirty(plan: dict[str, Any]) -> None:
    plan["info"] = info(dirty=True, diff_sha256=digest("diff"))


def _built_only(plan: dict[str, Any]) -> None:
    plan["outputs"] = {name: found for name, found in plan["outputs"].items() if name in ("plan", "build", "check")}


# What a user's code, a branch name or a server's answer may bring along.
HOSTILE = (
    "<script>alert(1)</script> | `x` **b** [l](javascript:alert(2)) ![i](x) </details></pre> "
    "@octocat #12 \x1b[31m\u202e $m$ &amp;"
)


def _hostile(plan: dict[str, Any]) -> None:
    found, word = plan["outputs"], HOSTILE
    plan["info"] = replace(
        info(branch=word, commit=word),
        project=word,
        mode=word,
        links={word: "javascript:alert(1)", "x": f"https://x/{word}"},
    )
    plan["metrics"] = [{"time": 1.0, "step": step, word: 1.0 / step, f"{word} loss": 2.0} for step in range(1, 9)]
    images = {word: replace(found["build"].images["vision"], ref=word, content_key=word, digest=word)}
    found["build"] = replace(found["build"], images=images, top=word, sbom=(file(word, 3),))
    found["check"] = CheckOutputs(commands=(CommandResult(command=word, exit_code=0, seconds=1.0),))
    found["plan"] = replace(found["plan"], runner=word)
    part = ScanPart(name=word, status="FAIL", why=word)
    found["scan"] = replace(
        found["scan"], parts=(part,), findings={word: FindingCount(total=1)}, waivers=(word,), reports=(file(word, 3),)
    )
    check = HealthCheck(id=word, status="WARN", value=word, limit=word, unit=word, cause=word, advice=word)
    found["verify"] = VerifyOutputs(verdict="degraded", checks=(check, replace(check, status="PASS")), devices=(word,))
    found["train"] = replace(
        found["train"],
        tracking=TrackingRef(uri=word, experiment_id=word, run_id=word, points=1),
        attempts=(TrainAttempt(class_=word, exit_code=20, seconds=1.0),) * 2,
        checkpoint=file(word, 3),
        model=(file(word, 3),),
    )
    found["evaluate"] = EvaluateOutputs(
        verdict="review",
        champion=Champion(name=word, version=word, metrics={word: 0.5}, data_digest=word),
        gates=(Gate(id=f"change.{word}", verdict="review", value=0.1, why=word),),
        metrics={word: 0.6},
        why=word,
    )
    found["publish"] = replace(
        found["publish"],
        model=ModelRef(name=word, version=word),
        manifest=ManifestRef(store=word, key=word, sha256=word),
        signature=word,
    )
    found["promote"] = PromoteOutputs(alias=word, from_=word, to=f"{word}2", approved_by=word)
    error = ErrorInfo(class_=word, cause=f"{word}\n{word}", hint=word)
    for stage in pipeline.NAMES:
        plan["changes"][stage] = {"reason": word, "host": word, "version": word, "warnings": (word,)}
    plan["changes"]["promote"] |= {"status": "failed", "exit_code": 10, "error": error}


VARIANTS: Mapping[str, Callable[[dict[str, Any]], None]] = {
    "promoted": _promoted,
    "first": _first,
    "kept": _kept,
    "waiting": _waiting,
    "failed": _failed,
    "rejected": _rejected,
    "findings": _findings,
    "not-scanned": _not_scanned,
    "gpu": _gpu,
    "dirty": _dirty,
    "built-only": _built_only,
    "hostile": _hostile,
}
