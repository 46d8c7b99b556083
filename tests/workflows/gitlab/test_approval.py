"""A promotion that waits for a person, with servers as a site has them, and the manual job that says yes."""

from __future__ import annotations

import re
from pathlib import Path

from mlflow import MlflowClient

from support.project import CONFIG

from .conftest import Site


def test_a_person_approves_and_the_champion_moves(site: Site, mlflow_server: str, tmp_path: Path) -> None:
    name = f"approved-{tmp_path.name}".replace("_", "-")
    config = (
        CONFIG.replace("seconds = 3.0", "seconds = 0.1").replace('name = "mean"', f'name = "{name}"')
        + f'\n[publish]\napproval = true\nstore = "{tmp_path / "store"}"\n[tracking]\nuri = "{mlflow_server}"\n'
    )
    done = site.run(tmp_path, "--manual", "mlops-approve", config=config)
    assert done.exit_code == 0, done.output[-8000:]
    assert done.jobs["mlops-approve"] == 0
    # The last job has seen what promote itself left.
    assert done.records()["promote"]["status"] == "waiting"
    assert done.outputs("mlops-result")["MLOPS_RESULT_RESULT"] == "passed"
    champion = MlflowClient(tracking_uri=mlflow_server).get_model_version_by_alias(name, "champion")
    assert str(champion.version) == "1"
    page = done.artifacts("mlops-approve") / ".mlops" / "gitlab" / "report.html"
    assert re.search(r"is now the champion, approved by \S+", page.read_text())
