"""Run directories as the pipeline leaves them, for the report's tests: realistic figures, made without a training."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_ci import pipeline
from mlops_ci.records.check import CheckOutputs, CommandResult
from mlops_ci.records.codec import to_json
from mlops_ci.records.evaluate import Champion, EvaluateOutputs, Gate
from mlops_ci.records.promote import PromoteOutputs
from mlops_ci.records.publish import ManifestRef, ModelRef
from mlops_ci.records.record import ErrorInfo, Record
from mlops_ci.records.scan import FindingCount, ScanPart
from mlops_ci.records.train import TrackingRef, TrainAttempt
from mlops_ci.records.verify import HealthCheck, VerifyOutputs
from mlops_ci.run.clock import stamp
from mlops_ci.run.run import RunInfo, create
from support.report_outputs import RUN, SECONDS, START, digest, file, info, not_scanned, outputs

# What a job in CI says of how to repeat it: longer than a line of the terminal's page.
AGAIN = (
    "# in a checkout of the repository:",
    f"git fetch origin {'c' * 40} && git checkout --detach {'c' * 40}",
    "gh run download 17 --repo org/fashion --dir .mlops/handover",
    f"mlops-ci handover collect .mlops/handover --run {RUN}",
    f"mlops-ci run train --run {RUN} --only --engine docker --mode pr --set 'train.params.note=\"new\" for @me'",
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
            again=AGAIN,
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
    error = ErrorInfo(class_=word, cause=f"{word}\n{word}", hint=word, again=(word, word))
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
