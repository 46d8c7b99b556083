"""`decay.yml` for GitLab: the champion on today's data, in the one job of a pipeline schedule of its own."""

from __future__ import annotations

from typing import Any

from mlops_ci.orchestrators.called import CalledFile
from mlops_ci.orchestrators.decay import COMMAND
from mlops_ci.orchestrators.gitlab import scripts
from mlops_ci.orchestrators.gitlab.document import Explained, Flow
from mlops_ci.orchestrators.gitlab.inputs import GitLabInput, use
from mlops_ci.orchestrators.gitlab.jobs import REGISTRY, TOKEN, named, shared


def decay_jobs(file: CalledFile, inputs: tuple[GitLabInput, ...]) -> dict[str, Explained]:
    """The job by its name."""
    (job,) = file.jobs
    common = shared(file, inputs)
    found: dict[str, Any] = {
        **common,
        "tags": use(f"runner-{job.machine}"),
        "timeout": f"{use('timeout')} minutes",
        "needs": Flow([]),
        "variables": {**common["variables"], **REGISTRY},
        "id_tokens": {TOKEN: Flow({"aud": use("aws-audience")})},
        "script": [
            Explained(
                "Also when it fails, as it does when the champion has decayed.", f"trap '{scripts.reports()}' EXIT"
            ),
            COMMAND,
        ],
        "artifacts": {
            "when": Explained("Of a champion that has decayed above all.", "always"),
            "expire_in": use("expire-in"),
            "paths": [f"{scripts.FOLDER}/"],
            "reports": {
                "junit": f"{scripts.FOLDER}/junit.xml",
                "metrics": f"{scripts.FOLDER}/metrics.txt",
                "annotations": f"{scripts.FOLDER}/annotations.json",
                "dotenv": scripts.OUTPUTS,
            },
        },
    }
    return {named(job.name): Explained(f"{job.summary[0].upper()}{job.summary[1:]}.", found)}
