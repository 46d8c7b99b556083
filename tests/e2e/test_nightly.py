"""Nights one after the other: the first trains, the second has nothing to do, new data trains, age forces."""

from __future__ import annotations

import json
import random
import secrets
import struct
from datetime import timedelta
from html import unescape

import pytest

from mlops_ci import pipeline
from mlops_ci.run.clock import parse, stamp
from support.cli import call, newest_run, records
from support.project import CONFIG, TRAIN, make_project

WORK = pipeline.NAMES[1:-1]
QUICK = {
    "MLOPS_CI_ENGINE": "host",
    "MLOPS_CI_TRAIN__PARAMS__SECONDS": "0.1",
    "MLOPS_CI_VERIFY__LEVEL": "static",
    "DOCKER_HOST": "unix:///nonexistent.sock",
}

# A training that goes on from the champion's weight, where there is a champion.
GOES_ON = TRAIN.replace(
    "found = resume()",
    """before = os.path.join(os.environ["MLOPS_CHAMPION_DIR"], "model.safetensors")
if os.path.exists(before):
    state["weight"] = struct.unpack("<d", open(before, "rb").read()[-8:])[0]
    print("from the champion:", state["weight"], flush=True)
found = resume()""",
)

OVERLAYS = """
[mode.next.image]
layer = "torch"
[mode.next.train.params]
rate = 0.45

[mode.broken.train]
command = 'python -c "raise SystemExit(3)"'
"""


@pytest.fixture
def repository(tmp_path):
    """The data is no part of the code: it comes from elsewhere, every day."""
    return make_project(
        tmp_path / "project",
        config=CONFIG.replace("gpus = 0\n", 'gpus = 0\nstart-from = "champion"\n') + OVERLAYS,
        files={".gitignore": ".mlops/\ndata/\n", "train.py": GOES_ON},
    )


def night(repository, settings, **more):
    done = call(repository, "run", "--mode", "nightly", environment={**settings, **more})
    return done, records(repository)


def status(repository, settings, mode="nightly"):
    done = call(repository, "nightly", "status", "--max-delay", "1d", "--mode", mode, "--json", environment=settings)
    return done.exit_code, json.loads(done.stdout)


def test_nights_one_after_the_other(repository, scanned, mlflow_server):
    tracking = {"MLOPS_CI_TRACKING__URI": mlflow_server, "MLOPS_CI_PROJECT__NAME": f"nights-{secrets.token_hex(4)}"}
    settings = {**QUICK, **scanned, **tracking}
    done, first = night(repository, settings)
    assert done.exit_code == 0, done.said
    assert first["plan"]["outputs"]["freshness"]["why"] == "no earlier successful run is known"
    assert first["promote"]["outputs"]["to"] == "1"
    trained = first["plan"]["run"]
    assert "there is no champion yet" in done.said
    assert "from the champion" not in log_of(newest_run(repository))

    done, idle = night(repository, settings, MLOPS_CI_NIGHTLY__CANARY="next")
    assert done.exit_code == 0, done.said
    assert idle["plan"]["run"] != trained
    assert {name: idle[name]["status"] for name in WORK} == dict.fromkeys(WORK, "skipped")
    reason = idle["train"]["reason"]
    assert trained in reason
    assert all(part in reason for part in ("data", "code", "image", "base image", "settings"))
    assert "SKIPPED: nothing was trained" in done.said
    assert "canary" not in idle, "without news there is nothing to try"
    assert trained in (newest_run(repository) / "report" / "summary.md").read_text()
    code, found = status(repository, settings)
    assert (code, found["state"], found["ended"]["result"], found["succeeded"]["run"]) == (
        0,
        "on time",
        "skipped",
        trained,
    )

    # The champion on data that it was not made for.
    (repository / "data" / "numbers.txt").write_text("100 200 300\n")
    decayed = call(repository, "nightly", "decay", environment=settings)
    assert decayed.exit_code == 1, decayed.said
    found = records(repository)
    assert found["evaluate"]["error"]["class"] == "decayed"
    assert "closeness of version 1 is worse" in found["evaluate"]["reason"]
    assert found["train"]["status"] == "skipped"
    assert "publish" not in found
    assert status(repository, settings, "weekly")[1]["state"] == "failed"
    assert status(repository, settings)[1]["ended"]["result"] == "skipped", "it is another schedule"

    done = call(repository, "run", "--mode", "nightly", environment={**settings, "MLOPS_CI_NIGHTLY__CANARY": "next"})
    assert done.exit_code == 0, done.said
    night_folder, new = with_canary(repository)
    assert new["plan"]["outputs"]["freshness"]["changed"] == ["data"]
    assert new["publish"]["outputs"]["model"]["version"] == "2"
    model = (repository / ".mlops" / "runs" / trained / "train" / "model" / "model.safetensors").read_bytes()
    assert f"from the champion: {struct.unpack('<d', model[-8:])[0]}\n" in log_of(night_folder), "its very weight"
    assert status(repository, settings)[1]["succeeded"]["run"] == new["plan"]["run"]
    beside_it_ran_a_canary(repository, settings, night_folder, new)


def log_of(folder):
    """What the training of a run printed."""
    return (folder / "logs" / "train.log").read_text()


def with_canary(repository):
    """The newest night: the newest run of all is its canary."""
    folders = sorted((repository / ".mlops" / "runs").iterdir())
    night_folder = folders[-2]
    return night_folder, {one.stem: json.loads(one.read_text()) for one in (night_folder / "records").glob("*.json")}


def beside_it_ran_a_canary(repository, settings, night_folder, new):
    canary, own = new["canary"], records(repository)
    assert (canary["status"], canary["exit_code"], canary["run"]) == ("passed", 0, night_folder.name)
    assert canary["outputs"]["cell"] == own["plan"]["run"] == newest_run(repository).name
    assert {one["key"]: one["after"] for one in canary["outputs"]["changed"]} == {
        "image.layer": '"torch"',
        "train.params.rate": "0.45",
    }
    assert (
        canary["outputs"]["content_key"]
        != new["build"]["outputs"]["images"][new["build"]["outputs"]["top"]]["content_key"]
    )
    assert canary["outputs"]["metrics"] == own["evaluate"]["outputs"]["metrics"]
    assert canary["outputs"]["night"] == new["evaluate"]["outputs"]["metrics"]
    assert (own["publish"]["status"], own["promote"]["status"]) == ("skipped", "skipped")
    for page in ("summary.md", "index.html"):
        said = unescape((night_folder / "report" / page).read_text())
        assert "[mode.next]" in said
        assert canary["outputs"]["cell"] in said
    shown = call(repository, "show", environment=settings)
    assert night_folder.name in shown.stdout, "the newest run is the night's own"

    broken = call(repository, "nightly", "canary", "--set", "nightly.canary=broken", environment=settings)
    assert broken.exit_code == 20, broken.said
    told = json.loads((night_folder / "records" / "canary.json").read_text())
    assert (told["status"], told["outputs"]["stage"], told["attempt"]) == ("failed", "train", 2)
    assert told["error"]["class"] in unescape((night_folder / "report" / "summary.md").read_text()), "its page is new"
    assert status(repository, settings)[1]["ended"]["result"] == "passed", "the night is as it was"


def test_age_and_force_run_a_night_without_news(repository):
    """Only plan decides, so only plan is run; the stamp is what a whole night has left."""
    settings = QUICK
    first = call(repository, "run", "plan", "--mode", "nightly", environment=settings)
    assert first.exit_code == 0, first.said
    leave_success(repository)

    def planned(*arguments, **more):
        done = call(repository, "run", "plan", "--mode", "nightly", *arguments, environment={**settings, **more})
        assert done.exit_code == 0, done.said
        return records(repository)["plan"]["outputs"]

    young = planned("--set", "nightly.max-age=30d")
    assert set(young["left_out"]) == set(WORK), young["freshness"]["why"]
    old = planned("--set", "nightly.max-age=1d")
    assert (set(old["left_out"]), old["nothing_new"]) == ({"deploy"}, True)
    assert "forced by age" in old["freshness"]["why"]
    forced = planned("--set", "nightly.max-age=29d", MLOPS_CI_ALWAYS="true")
    assert set(forced["left_out"]) == {"deploy"}
    assert "MLOPS_CI_ALWAYS" in forced["freshness"]["why"]


def leave_success(repository):
    """The stamp of a night, two days ago, that was made from what this plan has found."""
    plan = records(repository)["plan"]
    at = stamp(parse(plan["started_at"]) - timedelta(days=2))
    ended = {"schema": "mlops-ci/nightly-ended/1", "run": plan["run"], "started_at": at, "at": at}
    ended |= {"result": "passed", "exit_code": 0, "parts": plan["outputs"]["freshness"]["parts"]}
    path = repository / ".mlops" / "store" / "nightly" / "mean" / "nightly" / "succeeded.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(ended))


def table(mean: float) -> str:
    """Rows of a table, the same each time."""
    noise = random.Random(7)
    return "x,label\n" + "".join(f"{noise.gauss(mean, 1):.4f},{number % 3}\n" for number in range(400))


def looked_at(repository, settings, drift):
    """A night that ends after the data."""
    words = ["run", "plan", "build", "prepare", "report", "--only", "--mode", "nightly"]
    done = call(repository, *words, environment={**settings, "MLOPS_CI_NIGHTLY__DRIFT": drift})
    return done, records(repository)


def test_data_that_has_shifted_is_shown_and_stops_the_night_only_when_asked(repository):
    (repository / "data" / "table.csv").write_text(table(0.0))
    done, first = looked_at(repository, QUICK, "report")
    assert done.exit_code == 0, done.said
    assert first["prepare"]["outputs"]["drift"]["verdict"] == "unknown"
    assert "is the first" in first["prepare"]["outputs"]["drift"]["why"]
    reference = first["plan"]["run"]

    (repository / "data" / "table.csv").write_text(table(1.0))
    done, gated = looked_at(repository, QUICK, "gate")
    assert done.exit_code == 1, done.said
    assert gated["prepare"]["error"]["class"] == "drifted"
    assert gated["prepare"]["outputs"]["drift"]["verdict"] == "shifted"
    assert "the data has shifted" in (newest_run(repository) / "report" / "summary.md").read_text()

    done, shown = looked_at(repository, QUICK, "report")
    assert done.exit_code == 0, done.said
    drift = shown["prepare"]["outputs"]["drift"]
    assert (drift["verdict"], drift["reference"]) == ("shifted", reference), "a night that failed is no reference"
    assert {test["column"] for test in drift["tests"]} == {"x"}
    assert "Data drift:" in (newest_run(repository) / "report" / "index.html").read_text()
    (kept,) = (repository / ".mlops" / "store").rglob("nightly/*/nightly/profile.json")
    assert json.loads(kept.read_text())["run"] == shown["plan"]["run"], "what was accepted is the new reference"
