"""Who still has to be told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from mlops_ci.errors import InfrastructureError
from mlops_ci.notifying.channels import Opened
from mlops_ci.notifying.event import Event, Line
from mlops_ci.notifying.memory import Remembered
from mlops_ci.notifying.tell import Teller
from mlops_ci.redaction import Redactor
from mlops_ci.settings.notify import NotifySettings
from mlops_ci.settings.units import Duration

DAY = "2026-01-{:02d}T03:00:00.000Z"


@dataclass
class Kept:
    """A memory in a dictionary; `broken` refuses."""

    files: dict[str, Remembered] = field(default_factory=dict)
    broken: bool = False
    asked: int = 0

    def read(self, key):
        self.asked += 1
        if self.broken:
            raise InfrastructureError("no store", hint="later")
        return self.files.get(key, Remembered())

    def write(self, key, remembered):
        if self.broken:
            raise OSError("s3://user:hunter22@bucket")
        self.files[key] = remembered


@dataclass
class Listener:
    """A channel that notes what it is told, or fails."""

    name: str = "slack"
    heard: list[Event] = field(default_factory=list)
    fails: Exception | None = None

    def message(self, event):
        return {}

    def send(self, event):
        if self.fails is not None:
            raise self.fails
        self.heard.append(event)

    @property
    def kinds(self):
        found = [one.kind for one in self.heard]
        self.heard.clear()
        return found


@pytest.fixture
def memory():
    return Kept()


def event(kind, day, **more):
    ends = ("failure", "missed-run") if kind == "recovery" else ()
    values = {"title": "t", "at": DAY.format(day), "run": f"run-{day}", "ends": ends, **more}
    return Event(kind=kind, line=Line(project="digits", branch="main"), **values)


def tell(memory, *listeners, events, problems=None, **settings):
    opened = Opened(channels=listeners, problems=problems or {})
    teller = Teller(settings=NotifySettings(**settings), opened=opened, memory=memory, redactor=Redactor({"hunter22"}))
    teller.tell(events)
    return teller


def test_the_same_failure_within_the_time_is_not_told_again(memory):
    one = Listener()
    for day in (1, 2, 4):
        tell(memory, one, events=[event("failure", day, cause=f"nan at {day}")], repeat=Duration(86400 + 1))
    assert [heard.at for heard in one.heard] == [DAY.format(1), DAY.format(4)]
    assert one.heard[1].facts["still so"] == f"3 times since {DAY.format(1)}"


def test_another_cause_is_told_at_once(memory):
    one = Listener()
    tell(memory, one, events=[event("failure", 1, cause="nan")])
    tell(memory, one, events=[event("failure", 1, cause="out of memory", run="later")])
    assert one.kinds == ["failure", "failure"]


def test_a_recovery_is_told_once_and_only_to_who_knew(memory):
    knew, new = Listener("slack"), Listener("teams")
    tell(memory, knew, events=[event("failure", 1)])
    assert knew.kinds == ["failure"]
    tell(memory, knew, new, events=[event("recovery", 2)])
    assert (knew.heard[0].facts["before that"], new.kinds) == (f"once, since {DAY.format(1)}", [])
    assert knew.kinds == ["recovery"]
    tell(memory, knew, new, events=[event("recovery", 3)])
    assert knew.kinds == []


def test_a_failure_after_a_recovery_is_new(memory):
    one = Listener()
    for kind, day in (("failure", 1), ("recovery", 2), ("failure", 2)):
        tell(memory, one, events=[event(kind, day, run=f"{kind}{day}")])
    assert one.kinds == ["failure", "recovery", "failure"]


def test_who_does_not_want_recoveries_still_hears_the_next_failure(memory):
    one = Listener()
    for kind, run in (("failure", "a"), ("recovery", "b"), ("failure", "c")):
        tell(memory, one, events=[event(kind, 1, run=run)], on=("failure",))
    assert one.kinds == ["failure", "failure"]


def test_a_recovery_that_could_not_be_told_is_told_by_the_next_good_run(memory):
    one = Listener()
    tell(memory, one, events=[event("failure", 1)])
    one.fails = InfrastructureError("down")
    tell(memory, one, events=[event("recovery", 2)])
    one.fails = None
    tell(memory, one, events=[event("recovery", 3)])
    assert one.kinds == ["failure", "recovery"]


def test_another_branch_recovers_nothing(memory):
    one = Listener()
    tell(memory, one, events=[event("failure", 1)])
    elsewhere = replace(event("recovery", 2), line=Line(project="digits", branch="feature"))
    tell(memory, one, events=[elsewhere])
    assert one.kinds == ["failure"]


def test_one_that_fails_keeps_nobody_else_from_hearing(memory):
    good = Listener("teams")
    bad = Listener("slack", fails=ValueError("https://hooks.example/hunter22"))
    told = tell(memory, bad, good, events=[event("failure", 1)])
    assert good.kinds == ["failure"]
    assert told.warnings == ["notifications: slack was not told of failure: ValueError"]
    bad.fails = None
    tell(memory, bad, good, events=[event("failure", 1)])
    assert (bad.kinds, good.kinds) == (["failure"], [])


def test_without_memory_trouble_is_told_and_recovery_is_not(memory):
    memory.broken = True
    one = Listener()
    told = tell(memory, one, events=[event("failure", 1), event("recovery", 2)])
    assert one.kinds == ["failure"]
    assert memory.asked == 1
    assert told.warnings == [
        "notifications: what was told before is not known, so this may be told again: no store (later)"
    ]


def test_what_cannot_be_written_down_shows_no_secret(memory):
    class ReadOnly(Kept):
        def write(self, key, remembered):
            raise OSError("s3://user:hunter22@bucket")

    told = tell(ReadOnly(), Listener(), events=[event("failure", 1)])
    assert told.warnings == ["notifications: what was told could not be written down, so it may be told again: OSError"]


def test_a_channel_that_hangs_is_left_behind(memory):
    import threading

    released = threading.Event()

    class Hanging(Listener):
        def send(self, event):
            released.wait(30)

    told = tell(memory, Hanging(), events=[event("failure", 1)], timeout=Duration(0.02))
    released.set()
    assert told.warnings == ["notifications: slack was not told of failure: it did not answer in time"]


def test_test_messages_are_always_sent_and_leave_nothing(memory):
    one = Listener()
    for _ in range(2):
        tell(memory, one, events=[event("test", 1)], on=())
    assert one.kinds == ["test", "test"]
    assert memory.files == {}


def test_a_problem_is_a_warning_without_its_secret(memory):
    told = tell(memory, events=[event("failure", 1)], problems={"slack": "hunter22 is wrong"})
    assert told.warnings == ["notifications: slack was not told: *** is wrong"]
