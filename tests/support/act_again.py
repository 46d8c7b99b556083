"""Failed jobs of a workflow run once more: jobs that had passed are not run, and what they handed on is still there.

act runs a workflow only as a whole. So the called file gets, in place of each job that had passed, one that does
nothing and has the outputs which that job had: what a server does.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from mlops_ci.commands.outputs import of_run
from mlops_ci.run.collect import collect
from support.act import BUNDLE, RELEASE
from support.project import commit


def without_what_passed(bundle: Path, file: str, folder: Path, passed: tuple[str, ...], artifacts: Path) -> Path:
    """The bundle for the next attempt of this called file, of which the jobs `passed` left these artifacts."""
    copy = folder / BUNDLE
    subprocess.run(["git", "clone", "-q", str(bundle), str(copy)], check=True)
    path = copy / ".github" / "workflows" / f"{file}.yml"
    yaml = YAML(typ="safe")
    workflow = yaml.load(path.read_text())
    run, _ = collect(artifacts, folder / "collected")
    outputs = of_run(run, 0)
    for name in passed:
        workflow["jobs"][name] = _done(workflow["jobs"][name], outputs)
    yaml.dump(workflow, path)
    commit(copy, "the next attempt")
    subprocess.run(["git", "-C", str(copy), "tag", "--force", RELEASE], check=True, capture_output=True)
    return copy


def _done(job: dict[str, Any], outputs: dict[str, str]) -> dict[str, Any]:
    return {
        "needs": job.get("needs", []),
        "runs-on": "ubuntu-latest",
        "permissions": {},
        "outputs": {name: outputs.get(name, "") for name in job["outputs"]},
        "steps": [{"run": "true"}],
    }
