"""The schedule of the layer train: due times, overlap, what was missed. The runs themselves are stand-ins."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from mlops_train import cron, health, scheduler
from mlops_train.scheduler import Planned, Scheduler
from mlops_train.settings import Settings, Task
from mlops_train.stamps import Stamp, Stamps

NOW = datetime(2026, 11, 3, 1, 59, 30, tzinfo=UTC)


class StandIn:
    """A run that ends when it is told to."""

    def __init__(self, command: tuple[str, ...], *, log: Path | None) -> None:
        self.code: int | None = None
        self.log = log
        self.asked = False
        self.heard: list[int] = []

    def poll(self) -> int | None:
        return self.code

    def signal(self, number: int) -> None:
        self.asked, self.code = True, 9
        self.heard.append(number)


made: list[Planned] = []


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(scheduler, "Run", StandIn)
    yield
    while made:
        made.pop().let_go()


def planned(logs: Path | None, *, now: datetime = NOW, catch_up: bool = False) -> Planned:
    task = Task(name="train", command=("x",), schedule=cron.parse("0 3 * * *"), zone=ZoneInfo("Europe/Berlin"))
    made.append(Planned(task, Settings(tasks=(task,), logs=logs, catch_up=catch_up), now))
    return made[-1]


def test_it_starts_at_its_time_in_its_zone_and_keeps_the_exit_code(tmp_path: Path) -> None:
    one = planned(tmp_path)
    assert one.next == datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
    assert one.look(NOW) is None
    assert one.run is None
    one.look(NOW + timedelta(minutes=1))
    assert isinstance(one.run, StandIn)
    assert one.run.log == tmp_path / "train" / "2026-11-03T02-00-30Z.log"
    one.run.code = 7
    assert one.look(NOW + timedelta(minutes=2)) == 7
    stamp = Stamps(tmp_path, "train").read()
    assert (stamp.due, stamp.exit_code, stamp.missed) == ("2026-11-03T02:00:00+00:00", 7, 0)
    assert one.next == datetime(2026, 11, 4, 2, 0, tzinfo=UTC)


def test_a_run_that_goes_on_is_not_started_twice(tmp_path: Path) -> None:
    one = planned(tmp_path)
    one.look(NOW + timedelta(minutes=1))
    first = one.run
    one.look(NOW + timedelta(days=1, minutes=1))
    assert one.run is first
    stamp = Stamps(tmp_path, "train").read()
    assert (stamp.missed, stamp.why_missed) == (1, "the run before it goes on")


def test_two_containers_with_one_folder_run_it_once(tmp_path: Path) -> None:
    one, other = planned(tmp_path), planned(tmp_path)
    for each in (one, other):
        each.look(NOW + timedelta(minutes=1))
    assert one.run is not None
    assert other.run is None


def test_the_end_that_is_asked_for_while_a_run_is_being_started_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stamps(tmp_path, "train").write(Stamp(due="2020-01-01T00:00:00+00:00"))
    task = Task(name="train", command=("x",), schedule=cron.parse("0 3 * * *"))
    held = Scheduler(Settings(tasks=(task,), logs=tmp_path, catch_up=True), heartbeat=tmp_path / "beat")
    runs: list[StandIn] = []

    def start(command: tuple[str, ...], *, log: Path | None) -> StandIn:
        held._ask(signal.SIGTERM, None)
        runs.append(StandIn(command, log=log))
        return runs[-1]

    monkeypatch.setattr(scheduler, "Run", start)
    monkeypatch.setattr(scheduler.signal, "signal", lambda *_: None)
    assert held.run() == 9
    assert [one.heard for one in runs] == [[signal.SIGTERM]]


@pytest.mark.parametrize("catch_up", [True, False])
def test_what_was_missed_is_stamped_and_made_up_for_when_asked(tmp_path: Path, catch_up: bool) -> None:
    Stamps(tmp_path, "train").write(Stamp(due="2026-11-01T02:00:00+00:00"))
    later = NOW + timedelta(hours=5)
    one = planned(tmp_path, now=later, catch_up=catch_up)
    stamp = Stamps(tmp_path, "train").read()
    assert (stamp.missed, stamp.last_missed) == (1, "2026-11-03T02:00:00+00:00")
    one.look(later)
    assert (one.run is not None) == catch_up
    assert planned(tmp_path, now=later).next > later, "the same run is missed once"


def test_a_broken_stamp_is_none(tmp_path: Path) -> None:
    (tmp_path / "train.stamp.json").write_text("{")
    assert Stamps(tmp_path, "train").read() == Stamp()


def test_the_health_check_looks_at_the_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "heartbeat", lambda: tmp_path / "beat")
    assert health.check({}) == 0, "a command that runs now needs none"
    assert health.check({"MLOPS_SCHEDULE": "* * * * *"}) == 1
    (tmp_path / "beat").touch()
    assert health.check({"MLOPS_SCHEDULE": "* * * * *"}) == 0
    monkeypatch.setattr(health, "STALE", -1.0)
    assert health.check({"MLOPS_SCHEDULE": "* * * * *"}) == 1
