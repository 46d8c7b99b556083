"""The project's own `ci.yml`, executed: its job calls the `train.yml` of the same commit.

In the place of the example lies a smaller model; the example itself is trained by other tests.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from support import act
from support.oci_server import OciServer
from support.sick_node import MODEST, PLAIN

PLACE = Path("examples", "digits")
SMALL = act.ROOT / "examples" / "first" / "train.py"
MACHINE = "ubuntu-24.04"


def test_it_trains_with_what_users_call(
    tmp_path: Path, program: Path, bundle: Path, shared_cache: Path, database: OciServer
) -> None:
    here = tmp_path / "repository"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(bundle), str(here)], check=True)
    (here / PLACE).mkdir(parents=True)
    shutil.copy(SMALL, here / PLACE / "train.py")
    (here / PLACE / "mlops.toml").write_text(MODEST)
    act.commit(here, "a small model")
    remote = f"https://github.com/{act.BUNDLE}.git"
    subprocess.run(["git", "-C", str(here), "remote", "set-url", "origin", remote], check=True)
    machine = {
        "MLOPS_CI_CACHE": str(shared_cache),
        "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
        "MLOPS_CI_VERIFY__LEVEL": "static",
        **PLAIN,
    }
    done = act.act(
        program,
        here,
        bundle,
        tmp_path / "act",
        environment=machine,
        workflow="ci.yml",
        job="quickstart",
        labels=(MACHINE,),
    )
    assert done.exit_code == 0, done.log[-8000:]
    facts = done.facts("train")
    assert (facts["result"], facts["verdict"], facts["node"]) == ("passed", "promote", "cpu-only")
    assert facts["left_out"]["publish"] == "dry run: nothing is published"
    ran = {name for name, word in facts["jobs"].items() if word == "passed"}
    assert ran >= {"plan", "build", "scan", "train", "evaluate"}
