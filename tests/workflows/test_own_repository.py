"""The project's own `ci.yml`, executed: its job calls the `train.yml` of the same commit on the example of the docs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from support import act
from support.oci_server import OciServer

DIGITS = Path("examples", "digits")
MACHINE = "ubuntu-24.04"


def test_it_trains_the_example_with_what_users_call(
    tmp_path: Path, program: Path, bundle: Path, shared_cache: Path, database: OciServer
) -> None:
    here = tmp_path / "repository"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(bundle), str(here)], check=True)
    shutil.copytree(act.ROOT / DIGITS, here / DIGITS)
    act.commit(here, "the example")
    remote = f"https://github.com/{act.BUNDLE}.git"
    subprocess.run(["git", "-C", str(here), "remote", "set-url", "origin", remote], check=True)
    done = act.act(
        program,
        here,
        bundle,
        tmp_path / "act",
        environment={
            "MLOPS_CI_CACHE": str(shared_cache),
            "MLOPS_CI_MIRRORS__TRIVY_DB": database.trivy_repository,
            "MLOPS_CI_SCAN__SECRETS": "false",
            "MLOPS_CI_VERIFY__LEVEL": "static",
        },
        workflow="ci.yml",
        job="quickstart",
        labels=(MACHINE,),
    )
    assert done.exit_code == 0, done.log[-8000:]
    facts = done.facts("train")
    assert (facts["result"], facts["verdict"]) == ("passed", "promote")
    assert facts["metrics"]["accuracy"] >= 0.95
    assert facts["left_out"]["publish"] == "dry run: nothing is published"
    assert facts["jobs"] == {
        **dict.fromkeys(("plan", "build", "scan", "prepare", "train", "evaluate"), "passed"),
        **dict.fromkeys(("publish", "promote"), "left out"),
    }
