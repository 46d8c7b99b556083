"""The images of further builds of PyTorch: a job for each, a run of its own for each, and one count of all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlops_ci.commands.handover import collect as collect_all
from mlops_ci.commands.handover import pack as pack_job
from mlops_ci.commands.options import Options
from mlops_ci.commands.runs import runs
from mlops_ci.orchestrators.called import called_file, called_files
from mlops_ci.orchestrators.outcome import JobEnd, facts, outcome
from mlops_ci.orchestrators.spreading import matrix
from mlops_ci.records.record import ErrorInfo
from mlops_ci.reporting.data import ReportData
from mlops_ci.reporting.html import html
from mlops_ci.reporting.markdown import summary
from mlops_ci.run.run import HandoverError, open_run
from mlops_ci.run.variants import built, named
from support.rendered_github import PROFILES, workflows
from support.run_folder import a_record, make_run

BUILDS = ("cu126", "cu130")
JOBS = tuple(job for job in called_file("scan").jobs if job.name != "result")
DIGEST = {"images": {"base": {"digest": "sha256:1", "ref": "r"}}}
BROKEN = {
    "status": "failed",
    "exit_code": 10,
    "reason": "down",
    "error": ErrorInfo(class_="x", cause="the registry is down"),
}
CONFIG = '[project]\nname = "demo"\n\n[train]\ncommand = "true"\n'


def test_the_matrix_is_the_runs_own_build_and_each_further_one():
    assert json.loads(matrix(())) == {"include": [{"variant": ""}]}
    assert json.loads(matrix(BUILDS)) == {"include": [{"variant": name} for name in ("", *BUILDS)]}


def test_the_files_that_are_for_images_alone_spread_over_builds():
    spread = {(file.name, job.name) for file in called_files() for job in file.jobs if job.fans == "variant"}
    assert spread == {("build", "build"), ("scan", "build"), ("scan", "scan")}


@pytest.mark.parametrize("profile", PROFILES)
def test_each_cell_has_a_run_of_its_own_named_after_the_build(profile):
    files = workflows(profile)
    for name in ("build", "scan"):
        assert files[name]["jobs"]["plan"]["outputs"]["variants"] == "${{ steps.stages.outputs.variants }}"
        assert str(files[name]["env"]["MLOPS_CI_SPREADS"]).lower() == "true"
        for job in [one.name for one in called_file(name).jobs if one.fans]:
            body = files[name]["jobs"][job]
            assert body["strategy"]["fail-fast"] is False
            assert body["strategy"]["matrix"].startswith("${{ fromJSON(needs.plan.outputs.variants || ")
            run = "needs.plan.outputs.run-id"
            assert body["env"]["MLOPS_CI_RUN"] == (
                f"${{{{ matrix.variant && format('{{0}}-{{1}}', {run}, matrix.variant) || {run} }}}}"
            )
            assert body["env"]["MLOPS_CI_VARIANT"] == "${{ matrix.variant || inputs.variant }}"
            uploads = [step["with"]["name"] for step in body["steps"] if "upload-artifact" in step.get("uses", "")]
            assert all("format('{0}-', matrix.variant)" in one for one in uploads)
            assert body["outputs"]["exit-code"].startswith("${{ !matrix.variant && (")
    assert {name for name, one in files.items() if "MLOPS_CI_SPREADS" in one["env"]} == {"build", "scan"}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Go to the machine of a job, which has the repository and nothing of a run."""
    monkeypatch.setenv("MLOPS_CI_PROVIDER", "github")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "1")

    def go(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "mlops.toml").write_text(CONFIG)
        monkeypatch.chdir(folder)
        return folder / ".mlops"

    return go


@pytest.fixture
def planned(machine, tmp_path):
    """The run, planned for the images of two further builds and built for its own."""
    run = make_run(machine("plan"))
    run.write(a_record(run, "plan", outputs={"variants": list(BUILDS)}))
    for stage in ("build", "check", "scan"):
        run.write(a_record(run, stage, outputs=DIGEST if stage == "build" else {}))
    for job in ("plan", "build", "scan"):
        assert pack_job(Options(run=run.id), job, tmp_path / "artifacts" / job, file="scan") == 0
    return run


def hand_on(machine, tmp_path, run, name, job="build", **fields):
    """What the job of one further build left."""
    other = make_run(machine(f"{job}-{name}"), name=named(run.id, name), beside=run.id)
    other.write(a_record(other, "plan"))
    for stage in ("build", "check") if job == "build" else ("scan",):
        other.write(a_record(other, stage, **(fields or {"outputs": DIGEST if stage == "build" else {}})))
        if fields:
            break
    assert pack_job(Options(run=other.id), job, tmp_path / "artifacts" / f"{job}-{name}", file="scan") == 0


def together(machine, tmp_path, run):
    here = machine("result")
    assert collect_all(Options(run=run.id), tmp_path / "artifacts", (), file="scan") == 0
    return open_run(here / "runs", run.id)


def ended(found, **results):
    ends = {job.name: JobEnd(result=results.get(job.name, "success")) for job in JOBS}
    return outcome(JOBS, ends, found.records(), {}, (), built(found))


def all_of(machine, tmp_path, run, *names):
    for name in names:
        for job in ("build", "scan"):
            hand_on(machine, tmp_path, run, name, job)


def test_all_are_made_and_the_last_job_knows_them(planned, machine, tmp_path, capsys):
    all_of(machine, tmp_path, planned, *BUILDS)
    found = together(machine, tmp_path, planned)
    result = ended(found)
    assert (result.result, result.jobs) == ("passed", {"plan": "passed", "build": "passed", "scan": "passed"})
    told = facts(result, {}, found.records(), variants=built(found))["variants"]
    well = {"result": "passed", "exit_code": 0, "reason": "", "images": {"base": "sha256:1"}}
    assert told == dict.fromkeys(BUILDS, well)
    data = ReportData.read(found.folder)
    for name in BUILDS:
        assert f"| {name} | passed |" in summary(data)
        assert name in html(data)
    assert found.record("build").variant == "cpu", "the run's own build is what it was planned for"
    capsys.readouterr()
    assert runs(Options()) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.partition("  images for ")[2] for line in listed if "images for" in line] == [
        f"{name} of {planned.id}" for name in reversed(BUILDS)
    ]


def test_one_that_fails_is_the_pipelines_failure_and_says_which(planned, machine, tmp_path):
    all_of(machine, tmp_path, planned, "cu126")
    hand_on(machine, tmp_path, planned, "cu130", **BROKEN)
    found = together(machine, tmp_path, planned)
    result = ended(found, build="failure", scan="skipped")
    assert (result.result, result.exit_code, result.worth_a_retry) == ("failed", 10, True)
    assert result.reason == "build failed: cu130: the registry is down"
    told = facts(result, {}, found.records(), variants=built(found))["variants"]
    assert (told["cu126"]["result"], told["cu130"]["result"], told["cu130"]["exit_code"]) == ("passed", "failed", 10)
    assert "| cu130 | failed | the registry is down |" in summary(ReportData.read(found.folder))


@pytest.mark.parametrize(
    ("end", "code", "words"), [("success", 2, "has it expired?"), ("failure", 10, "has left no record")]
)
def test_one_whose_job_left_nothing_is_missed(planned, machine, tmp_path, end, code, words):
    all_of(machine, tmp_path, planned, "cu126")
    result = ended(together(machine, tmp_path, planned), build=end)
    assert (result.result, result.exit_code) == ("failed", code)
    assert "cu130" in result.reason
    assert words in result.reason


def test_the_scan_of_one_goes_on_with_its_own_images(planned, machine, tmp_path, capsys):
    hand_on(machine, tmp_path, planned, "cu126")
    here = machine("scan-cell")
    name = named(planned.id, "cu126")
    assert collect_all(Options(run=name), tmp_path / "artifacts", ("scan",), file="scan") == 0
    assert capsys.readouterr().out.strip() == name
    found = open_run(here / "runs", name)
    assert (found.info.beside, set(found.records())) == (planned.id, {"plan", "build"})


def test_who_names_no_run_gets_the_planned_one(planned, machine, tmp_path, capsys):
    """As the file that comments on a pull request does."""
    hand_on(machine, tmp_path, planned, "cu126")
    machine("comment")
    assert collect_all(Options(), tmp_path / "artifacts", (), file="scan") == 0
    assert capsys.readouterr().out.strip() == planned.id


def test_the_first_job_of_one_begins_with_what_was_planned(planned, machine, tmp_path, capsys):
    machine("build-cell")
    assert collect_all(Options(run=named(planned.id, "cu126")), tmp_path / "artifacts", ("build",), file="scan") == 0
    assert capsys.readouterr().out.strip() == planned.id


def test_a_job_that_ended_before_its_run_began_hands_on_nothing(planned, machine, tmp_path, capsys):
    machine("cell")
    name = named(planned.id, "cu126")
    collect_all(Options(run=name), tmp_path / "artifacts", ("build",), file="scan")
    assert pack_job(Options(run=name), "build", tmp_path / "more", file="scan") == 0
    assert not (tmp_path / "more").exists()
    assert "nothing is handed on" in capsys.readouterr().err


def test_the_name_of_a_run_leads_nowhere(planned, machine, tmp_path):
    hand_on(machine, tmp_path, planned, "cu126")
    (path,) = (tmp_path / "artifacts" / "build-cu126").glob("*/handover.json")
    path.write_text(path.read_text().replace("-cu126", "-../.."))
    with pytest.raises(HandoverError, match="is no run"):
        collect_all(Options(run=f"{planned.id}-../.."), tmp_path / "artifacts", (), file="scan")
