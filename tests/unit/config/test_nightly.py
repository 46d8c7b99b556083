"""The table [nightly]: a schedule and a time zone are checked when the file is read, not in the night."""

from __future__ import annotations

import pytest

from mlops_ci.settings.units import Duration

TRAIN = '[train]\ncommand = "python train.py"\n[nightly]\n'


def test_the_defaults_and_what_is_set(folder):
    found = folder.load(TRAIN + 'schedule = "30 2 * * mon-fri"\ntimezone = "Europe/Berlin"\nmax-age = "3d"\n').tables
    assert (found.nightly.schedule, found.nightly.timezone) == ("30 2 * * mon-fri", "Europe/Berlin")
    assert found.nightly.max_age == Duration(3 * 86400)
    assert found.nightly.ping_url == "MLOPS_CI_PING_URL"
    assert folder.load(TRAIN).tables.nightly.schedule is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('schedule = "0 25 * * *"', "mlops.toml:4: [nightly] schedule: hour: `25` is not in 0-23"),
        ('schedule = "0 2 * *"', "this has 4"),
        ('schedule = "0 2 31 2 *"', "it would never run"),
        ('timezone = "Europe/Berln"', "did you mean `Europe/Berlin`?"),
        ('timezone = "../../etc/passwd"', "IANA"),
        ('timezone = "XYZZY/0"', "IANA"),
        ('max-age = "soon"', "expected seconds"),
        ('ping-url = "https://hc.example/uuid"', "the name of an environment variable"),
        ("decay-margin = -0.1", "at least 0"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(folder, line, message):
    (problem,) = folder.problems(TRAIN + line + "\n")
    assert problem.startswith("mlops.toml:4: [nightly] ")
    assert message in problem


def test_an_overlay_is_checked_before_its_night(folder):
    text = '[train]\ncommand = "python train.py"\n[mode.weekly.nightly]\nschedule = "0 6 * * 9"\n'
    assert folder.problems(text) == ["mlops.toml:4: [mode.weekly.nightly] schedule: day of the week: `9` is not in 0-7"]
