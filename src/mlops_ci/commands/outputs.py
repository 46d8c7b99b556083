"""The outputs that later jobs of a CI system read: digests and names, never a secret, within its limits."""

from __future__ import annotations

import json
from typing import Any

from mlops_ci import pipeline
from mlops_ci.orchestrators import fanning, spreading
from mlops_ci.orchestrators.beside import NAME as CANARY
from mlops_ci.orchestrators.database_job import NAME as DATABASE
from mlops_ci.orchestrators.jobs import jobs_of
from mlops_ci.redaction import Redactor
from mlops_ci.run.run import Run

# A job's outputs may have 1 MiB in all at GitHub, and a GitLab dotenv report 5 KiB: what is longer is left out there.
LARGEST = 256 * 1024
CUT_FIRST = ("metrics", "stages", "images", "left_out")


def of_run(run: Run, exit_code: int) -> dict[str, str]:
    """What is known after some stages."""
    records = run.records()
    found = {"run-id": run.id, "exit-code": str(exit_code), "result": "failed" if exit_code else "passed"}
    if "plan" in records and records["plan"].outputs:
        found |= _of_plan(dict(records["plan"].outputs))
    if "build" in records and (images := records["build"].outputs.get("images")):
        found["images"] = json.dumps({name: image["digest"] for name, image in images.items()})
    if "publish" in records and (model := records["publish"].outputs.get("model")):
        found["model-version"] = str(model["version"])
    if "promote" in records:
        moved = records["promote"].outputs
        found["waiting"] = str(records["promote"].status == "waiting").lower()
        found["promoted"] = str(bool(moved) and moved["to"] != moved["from"]).lower()
    if "deploy" in records and records["deploy"].status == "passed":
        found["deployed"] = str(records["deploy"].outputs.get("image", {}).get("pinned", ""))
    if "report" in records:
        found["report"] = str(run.path("report", "index.html"))
    return found


def _of_plan(plan: dict[str, Any]) -> dict[str, str]:
    """Trust, the jobs to run, the labels of their machines, and the two matrices that it makes."""
    left_out, runners = plan.get("left_out", {}), plan.get("runners", {})
    jobs = [job.name for job in jobs_of(pipeline.NAMES) if not set(job.stages) <= set(left_out)]
    # A file that has such a job runs it wherever it scans.
    jobs += [DATABASE] if "scan" in jobs else []
    jobs += [CANARY] if plan.get(CANARY) else []
    return {
        "trusted": str(plan["trusted"]).lower(),
        "jobs": json.dumps(jobs),
        "runners": json.dumps(runners),
        **({"nodes": fanning.matrix(plan.get("nodes"), tuple(runners["gpu"]))} if "gpu" in runners else {}),
        "variants": spreading.matrix(plan.get("variants", ())),
        **{f"runner-{name}": json.dumps(labels) for name, labels in runners.items()},
    }


def result_json(facts: dict[str, Any], redactor: Redactor) -> str:
    """The facts on one line. A text in which a secret stands becomes null: a CI system drops a masked output whole."""
    clean = _without_secrets(facts, redactor)
    for name in CUT_FIRST:
        text = json.dumps(clean, ensure_ascii=True)
        if len(text) <= LARGEST:
            return text
        clean[name] = None
        clean["cut"] = [*clean.get("cut", []), name]
    return json.dumps(clean, ensure_ascii=True)


def _without_secrets(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(one, redactor) for key, one in value.items() if redactor.clean(key) == key}
    if isinstance(value, list | tuple):
        return [_without_secrets(one, redactor) for one in value]
    return None if isinstance(value, str) and redactor.clean(value) != value else value
