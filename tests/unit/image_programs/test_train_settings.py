"""What the program of the layer train makes of its environment."""

from pathlib import Path

import pytest
from mlops_train import advice, settings
from mlops_train.settings import SettingsError, read


def test_a_command_alone_runs_now_and_keeps_nothing() -> None:
    found = read(["python", "train.py"], {})
    assert not found.scheduled
    assert found.tasks[0].command == ("python", "train.py")
    assert found.logs is None


def test_a_schedule_has_a_zone(tmp_path: Path) -> None:
    environ = {"MLOPS_SCHEDULE": "0 2 * * *", "MLOPS_TIMEZONE": "Europe/Berlin", "MLOPS_LOGS": str(tmp_path / "new")}
    found = read(["--", "train"], environ)
    assert found.scheduled
    assert found.tasks[0].zone.key == "Europe/Berlin"
    assert found.tasks[0].command == ("train",)
    assert found.logs == tmp_path / "new"


def test_a_crontab_file_has_zones_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "crontab"
    file.write_text("# nightly\n0 2 * * * python a.py > x\nCRON_TZ=Asia/Tokyo\n\n*/5 * * * 1-5 b 'c d'\n")
    tasks = read([], {"MLOPS_CRONTAB": str(file), "TZ": "Europe/Paris"}).tasks
    assert [(task.name, task.zone.key) for task in tasks] == [("line-2", "Europe/Paris"), ("line-5", "Asia/Tokyo")]
    assert tasks[0].command == ("/bin/sh", "-c", "python a.py > x")


@pytest.mark.parametrize(
    ("arguments", "environ", "text"),
    [
        ([], {}, "give a command"),
        (["a"], {"MLOPS_SCHEDULE": "0 25 * * *"}, "hour"),
        (["a"], {"MLOPS_SCHEDULE": "0 2 * *"}, "five fields"),
        (["a"], {"MLOPS_SCHEDULE": "0 2 * * *", "MLOPS_TIMEZONE": "Middle/Earth"}, "no time zone"),
        (["a"], {"MLOPS_SCHEDULE": "0 2 * * *", "MLOPS_CRONTAB": "/x"}, "use one of them"),
        (["a"], {"MLOPS_CRONTAB": "/x"}, "give no other one"),
        ([], {"MLOPS_CRONTAB": "/no/such"}, "cannot be read"),
        (["a"], {"MLOPS_MAX_RUNS": "0"}, "MLOPS_MAX_RUNS"),
        (["a"], {"MLOPS_CATCH_UP": "twice"}, "MLOPS_CATCH_UP"),
        (["a"], {"MLOPS_LOGS": "/proc/nowhere"}, "cannot be made"),
        (["sh", "x"], {"MLOPS_TORCHRUN": "2"}, "torchrun starts"),
        (["python", "x"], {"MLOPS_TORCHRUN": "many"}, "gpu, cpu or auto"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], environ: dict[str, str], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        read(arguments, environ)


@pytest.mark.parametrize(("line", "text"), [("0 2 * * *", ":1: "), ("nonsense", ":1: "), ("# nothing", "no task")])
def test_a_broken_crontab_names_its_line(tmp_path: Path, line: str, text: str) -> None:
    file = tmp_path / "crontab"
    file.write_text(line + "\n")
    with pytest.raises(SettingsError, match=text):
        read([], {"MLOPS_CRONTAB": str(file)})


def test_torchrun_starts_python() -> None:
    start = ("torchrun", "--standalone", "--local-addr=127.0.0.1", "--nproc-per-node=2")
    assert settings.torchrun(("python", "a.py", "-x"), "2") == (*start, "a.py", "-x")
    assert settings.torchrun(("python3", "-m", "a.b"), "2") == (*start, "--module", "a.b")
    assert settings.torchrun(("a.py",), "2") == (*start, "a.py")
    assert settings.torchrun(("sh",), "") == ("sh",)


def test_little_shared_memory_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "ENOUGH", 1 << 62)
    (line,) = advice.lines({}, tmp_path)
    assert "--shm-size=8g" in line
    assert list(advice.lines({"MLOPS_SHM_ADVICE": "off"}, tmp_path)) == []
    monkeypatch.setattr(advice, "ENOUGH", 1)
    assert list(advice.lines({}, tmp_path)) == []
