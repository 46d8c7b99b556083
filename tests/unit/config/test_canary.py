"""`[nightly] canary`: told when the file is read whether its numbers could be compared with the night's."""

from __future__ import annotations

import pytest

from mlops_ci.settings.units import Duration

TRAIN = '[train]\ncommand = "python train.py"\nparams = { rate = 0.1, epochs = 3 }\n'
NAMED = TRAIN + '[nightly]\ncanary = "next"\n'


def test_an_overlay_of_image_and_training_lies_on_top_of_the_nights(folder):
    text = NAMED + (
        '[mode.nightly.train]\nparams = { epochs = 30 }\n[mode.nightly.nightly]\nmax-age = "1d"\n'
        '[mode.next.image]\ntorch = "2.14"\n[mode.next.train]\nparams = { rate = 0.2 }\n'
    )
    night = folder.load(text, mode="nightly")
    canary = folder.load(text, mode="nightly+next")
    assert (night.tables.nightly.canary, night.tables.nightly.canary_timeout) == ("next", Duration(7200))
    assert night.tables.image.torch != "2.14"
    assert canary.tables.image.torch == "2.14"
    assert dict(canary.tables.train.params) == {"rate": 0.2, "epochs": 30}
    assert canary.tables.nightly.max_age == Duration(86400)
    assert canary.mode == "nightly+next"
    assert canary.sources["image.torch"].kind == "mode"


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("", "mlops.toml:5: [nightly] canary: there is no overlay [mode.next]; write what is to be tried into"),
        ('[mode.nxt.image]\ntorch = "2.14"\n', "there is no overlay [mode.next]; did you mean `nxt`?"),
        ('[mode.next.data]\npath = "more"\n', "mlops.toml:6: [mode.next.data]: the canary cannot have another [data]"),
        ("[mode.next.evaluate]\nfloor = 0.1\n", "the canary cannot have another [evaluate]: its numbers are compared"),
        ('[mode.next.prepare]\ncommand = "python p.py"\n', "the canary cannot have another [prepare]"),
        ('[mode.next.publish]\nmodel = "other"\n', "the canary cannot have another [publish]"),
        ('[mode.next.project]\nname = "other"\n', "the canary cannot have another [project]"),
    ],
)
def test_what_cannot_be_compared_is_told_with_its_line(folder, more, problem):
    (found,) = folder.problems(NAMED + more.replace("floor", 'metric = "a"\nfloor'))
    assert problem in found


def test_the_night_is_no_canary_of_itself(folder):
    (found,) = folder.problems(NAMED.replace("next", "nightly") + "[mode.nightly.train]\ngpus = 1\n")
    assert "[mode.nightly] is the night itself" in found


def test_an_overlay_that_is_wrong_on_top_of_the_night_is_told_by_day(folder):
    text = NAMED + '[mode.next.train]\ncommand = "python train.py {params.depth}"\n'
    (found,) = folder.problems(text)
    assert found.startswith("mlops.toml:7: [mode.next.train] command: ")
    folder.load(text + "[mode.nightly.train]\nparams = { depth = 2 }\n")


def test_of_several_modes_every_one_must_be_known(folder):
    (found,) = folder.problems(TRAIN + '[mode.next.image]\ntorch = "2.14"\n', mode="nightly+nxt")
    assert found.startswith("--mode nightly+nxt: unknown mode; did you mean `next`?")
