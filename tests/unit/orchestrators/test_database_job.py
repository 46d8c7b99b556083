"""The job that fetches the vulnerability database: the only one with the login, and what scanning needs."""

from __future__ import annotations

import json
import re

import pytest

from mlops_ci.orchestrators.called import called_file, called_files
from mlops_ci.orchestrators.database_job import fetching, is_fetched
from mlops_ci.orchestrators.github.profile import load_profile
from mlops_ci.orchestrators.github.render import render
from mlops_ci.orchestrators.gitlab.profile import load_profile as load_gitlab_profile
from mlops_ci.orchestrators.gitlab.render import render as render_gitlab
from mlops_ci.orchestrators.outcome import JobEnd, outcome
from mlops_ci.orchestrators.together import files_of, together
from support.read_yaml import read_documents
from support.rendered_github import parsed, secrets_in

LOGIN = {"database-username", "database-password"}
SCANNING = ("train", "scan", "verify", "nightly")
# Of what goes on with a run nothing is scanned but the image that serves it.
TAKING = (*SCANNING, "publish")


@pytest.fixture(params=['database = "job"\n', 'database = "job"\nimages = "one-job"\n'], ids=["jobs", "one-job"])
def profile(request, tmp_path) -> str:
    path = tmp_path / "site.toml"
    path.write_text(request.param)
    return str(path)


def test_every_file_that_scans_has_the_job_and_no_other_file():
    files = {file.name: fetching(file, "job") for file in called_files()}
    assert tuple(sorted(name for name, file in files.items() if is_fetched(file))) == tuple(sorted(TAKING))
    assert fetching(called_file("train"), "scan") == called_file("train")
    train = files["train"]
    assert train.job("scan").needs == ("plan", "build", "database")
    assert {job.name for job in train.jobs if "database" in job.needs} == {"scan", "deploy", "result"}
    assert together(train, "one-job").job("train").needs == ("plan", "database")
    assert [is_fetched(file) for file in files_of({"MLOPS_CI_DATABASE": "job"})] == list(
        map(is_fetched, files.values())
    )


def test_the_login_is_in_its_one_step_for_own_code_and_nowhere_else(profile):
    for path, text in render(load_profile(profile)).items():
        name = path.rpartition("/")[2].removesuffix(".yml")
        jobs = parsed(text).get("jobs", {})
        assert ("database" in jobs) == (name in (*TAKING, "rescan"))
        assert {job for job, body in jobs.items() if secrets_in(body) & LOGIN} == ({"database"} & set(jobs))
        if name not in TAKING:
            continue
        body = jobs["database"]
        assert body["permissions"] == {"contents": "read"}
        holding = [step for step in body["steps"] if secrets_in(step)]
        assert [step["run"] for step in holding] == ["mlops-ci database fetch .mlops/database"]
        assert all(
            value.startswith("${{ needs.plan.outputs.trusted == 'true' && ") for value in holding[0]["env"].values()
        )
        asked = "database" if name in SCANNING else "deploy"
        assert f"contains(fromJSON(needs.plan.outputs.jobs || '[]'), '{asked}')" in body["if"]


def test_who_scans_takes_it_before_and_sees_no_secret(profile):
    for name in SCANNING:
        jobs = parsed(render(load_profile(profile))[f".github/workflows/{name}.yml"])["jobs"]
        (scanning,) = [body for body in jobs.values() if "mlops-ci run scan --only" in json.dumps(body)]
        run = [step.get("run", step["name"]) for step in scanning["steps"]]
        assert run.index("mlops-ci database take .mlops/database") < run.index("mlops-ci run scan --only")
        pattern = f"database-${{{{ inputs.artifact-prefix }}}}{name}-*"
        assert [step["with"]["path"] for step in scanning["steps"] if step.get("with", {}).get("pattern") == pattern]
        (step,) = [step for step in scanning["steps"] if step.get("run") == "mlops-ci run scan --only"]
        assert not secrets_in(step)
        assert "steps.take.outputs.exit-code" in scanning["outputs"]["exit-code"]
        others = [body for key, body in jobs.items() if body is not scanning and not key.startswith("deploy")]
        assert not [body for body in others if "database take" in json.dumps(body)]


def test_the_daily_look_at_what_was_built_has_the_job_too(profile):
    text = render(load_profile(profile))[".github/workflows/rescan.yml"]
    file = parsed(text)
    assert set(file["on"]["workflow_call"]["secrets"]) >= LOGIN
    assert file["env"]["MLOPS_CI_DATABASE"] == "job"
    database, rescan = file["jobs"]["database"], file["jobs"]["rescan"]
    assert (database["permissions"], rescan["permissions"]) == (
        {"contents": "read"},
        {"contents": "read", "packages": "read"},
    )
    assert rescan["needs"] == ["database"]
    assert "needs" not in database
    assert database["if"] == rescan["if"], "never for code of a fork"
    holding = [step for step in database["steps"] if secrets_in(step)]
    assert [(step["run"], secrets_in(step)) for step in holding] == [("mlops-ci database fetch .mlops/database", LOGIN)]
    assert not secrets_in(rescan) & LOGIN
    run = [step.get("run", "") for step in rescan["steps"]]
    assert run.index("mlops-ci database take .mlops/database") < run.index("mlops-ci rescan")
    (kept,) = [step["with"]["name"] for step in database["steps"] if "upload-artifact" in step.get("uses", "")]
    (fetched,) = [step["with"]["pattern"] for step in rescan["steps"] if "download-artifact" in step.get("uses", "")]
    assert kept.startswith(fetched.removesuffix("*"))
    assert "steps.take.outputs.exit-code" in rescan["outputs"]["exit-code"]


def test_the_daily_look_on_an_older_artifact_service_downloads_it_itself(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text('extends = "enterprise"\ndatabase = "job"\n')
    job = parsed(render(load_profile(str(path)))[".github/workflows/rescan.yml"])["jobs"]["rescan"]
    said = [step["name"] for step in job["steps"]]
    assert said.index("Download the vulnerability database") < said.index("Lay it where the scan finds it")


def test_the_daily_look_at_gitlab_has_it_too(profile):
    text = render_gitlab(load_gitlab_profile(profile))["ci/gitlab/rescan.yml"]
    found = {re.sub(r".*]]", "", key): job for key, job in read_documents(text)[1].items()}
    assert set(found) == {"database", "rescan"}
    assert found["database"]["rules"] == found["rescan"]["rules"]
    assert found["database"]["environment"]["name"] == "mlops-database"
    assert "environment" not in found["rescan"]
    assert found["rescan"]["needs"] == ["$[[ inputs.job-prefix ]]database"]
    assert found["rescan"]["script"][1:] == ["mlops-ci database take .mlops/database", "mlops-ci rescan"]


@pytest.mark.parametrize(
    ("handover", "downloads", "place"),
    [("artifact", [], ".mlops/handover/incoming"), ("store", [{"path": ".mlops/database"}], ".mlops/database")],
)
def test_an_older_artifact_service_gives_all_or_nothing(tmp_path, handover, downloads, place):
    path = tmp_path / "site.toml"
    path.write_text(f'extends = "enterprise"\ndatabase = "job"\nhandover = "{handover}"\n')
    scan = parsed(render(load_profile(str(path)))[".github/workflows/scan.yml"])["jobs"]["scan"]
    run = [step.get("run", "") for step in scan["steps"]]
    before = scan["steps"][: run.index(f"mlops-ci database take {place}")]
    named = [step["with"] for step in before if step["name"] == "Download the vulnerability database"]
    assert named == downloads
    assert [step for step in before if "download-artifact" in step.get("uses", "")]


def test_at_gitlab_its_variables_have_a_scope_of_their_own(profile):
    for name in SCANNING:
        text = render_gitlab(load_gitlab_profile(profile))[f"ci/gitlab/{name}.yml"]
        found = {re.sub(r".*]]", "", key): job for key, job in read_documents(text)[1].items()}
        job = found["database"]
        assert job["environment"] == {"name": "mlops-database", "action": "access"}
        assert job["script"] == ["mlops-ci database fetch .mlops/database"]
        assert job["artifacts"]["paths"] == [".mlops/database/"]
        readers = {key for key, one in found.items() if any("database" in str(need) for need in one.get("needs", []))}
        takers = {
            key for key, one in found.items() if "mlops-ci database take .mlops/database" in one.get("script", [])
        }
        assert readers == takers
        # Where a person approves, what is approved is deployed.
        assert takers == ({"scan", "train"} & takers) | ({"deploy", "approve"} & set(found))


@pytest.mark.parametrize(
    ("end", "word", "code"),
    [
        (JobEnd(result="success"), "passed", 0),
        (JobEnd(result="failure", outputs={"exit-code": "4"}), "failed", 4),
        (JobEnd(result="failure"), "failed", 10),
        (JobEnd(result="cancelled"), "was cancelled", 143),
        (JobEnd(result="skipped"), "left out", 0),
    ],
)
def test_it_leaves_no_record_and_is_counted_by_its_end(end, word, code):
    job = fetching(called_file("scan"), "job").job("database")
    found = outcome((job,), {"database": end}, {}, {})
    assert (found.jobs, found.exit_code) == ({"database": word}, code)
    assert found.worth_a_retry == (code == 10)
    assert outcome((job,), {}, {}, {}).jobs == {}, "where nobody tells ends, what it fetched is the scan's business"
