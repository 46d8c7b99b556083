"""Waivers and VEX documents as they are read: all that is wrong at once, and of a pull request those of its base."""

from __future__ import annotations

import json

import pytest

from mlops_ci.config.errors import ConfigError
from mlops_ci.config.guard import Base
from mlops_ci.config.waivers import read_waivers

TRAIN = '[train]\ncommand = "python train.py"\n'
GOOD = '[[waiver]]\nid = "CVE-2099-1"\npackage = "openssl"\nreason = "r"\nowner = "team"\nexpires = 2099-01-31\n'
OPENVEX = json.dumps({"@context": "https://openvex.dev/ns/v0.2.0", "statements": []})


def read(text):
    return read_waivers(text.encode(), "waivers.toml")


def wrong(text):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.exit_code == 2
    return list(map(str, caught.value.problems))


def test_an_entry_is_read_with_its_line():
    (one,) = read("# why\n" + GOOD)
    assert (one.id, one.package, one.owner, one.expires, one.line) == ("CVE-2099-1", "openssl", "team", "2099-01-31", 2)


def test_a_day_may_be_a_text_and_the_owner_may_be_missing():
    (one,) = read(GOOD.replace("2099-01-31", '"2099-01-31"').replace('owner = "team"\n', ""))
    assert (one.expires, one.owner) == ("2099-01-31", "")


def test_all_typos_are_told_at_once_with_line_and_near_miss():
    text = (
        '[[waver]]\nid = "x"\n'
        '[[waiver]]\nid = "CVE-2099-1"\npackge = "openssl"\nreason = ""\nexpires = "soon"\n'
        '[[waiver]]\nid = "CVE-2099-2"\npackage = "a"\npath = "b"\nreason = 3\n'
    )
    assert wrong(text) == [
        "waivers.toml:1: unknown table; did you mean [[waiver]]?",
        "waivers.toml:3: says either `package` (of a vulnerability or licence) or `path` (of anything else)",
        "waivers.toml:5: unknown key; did you mean `package`?",
        'waivers.toml:6: `reason`: expected a text that is not empty, found the string ""',
        'waivers.toml:7: `expires`: expected a day such as 2026-12-31, found the string "soon"',
        "waivers.toml:8: `expires` is missing",
        "waivers.toml:8: says either `package` (of a vulnerability or licence) or `path` (of anything else)",
        "waivers.toml:12: `reason`: expected a text that is not empty, found the number 3",
    ]


@pytest.mark.parametrize("text", ["waiver = 3\n", "waiver = [1]\n", "[waiver]\nid = 'x'\n", "not toml"])
def test_another_shape_is_told(text):
    assert wrong(text)


def test_one_finding_is_waived_once():
    assert wrong(GOOD + GOOD) == ["waivers.toml:7: CVE-2099-1 in openssl is waived twice, first on line 1"]


def test_the_errors_stand_beside_those_of_the_configuration(folder):
    folder.write(GOOD.replace("package", "pakage"), "waivers.toml")
    error = folder.error(TRAIN + "[scan]\nsecret = true\n", governed=True)
    assert [one.file for one in error.problems] == ["mlops.toml", "waivers.toml", "waivers.toml"]


def test_a_command_that_only_looks_does_not_read_them(folder):
    folder.write("not toml", "waivers.toml")
    assert folder.load(TRAIN).exceptions.waivers == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no such file"),
        ("<html>", "no JSON"),
        ("{}", "neither OpenVEX"),
        ('{"bomFormat": "CycloneDX"}', "neither OpenVEX"),
    ],
)
def test_what_is_no_vex_document_is_told(folder, text, problem):
    if text is not None:
        folder.write(text, "vex.json")
    error = folder.error(f'{TRAIN}[scan]\nvex = ["vex.json"]\n', governed=True)
    assert problem in str(error.problems[0])


def test_a_vex_document_lies_in_the_repository(folder):
    assert "lies beside" in str(folder.error(f'{TRAIN}[scan]\nvex = ["../x.json"]\n', governed=True))


class TestPullRequest:
    """What a change says of itself holds after the merge."""

    def load(self, folder, base, head=TRAIN):
        files = {"mlops.toml": TRAIN, **base}
        read = lambda path: files[path.name].encode() if path.name in files else None  # noqa: E731
        return folder.load(head, governed=True, base=Base(commit="1a2b3c4d5e6f" + "0" * 28, read=read))

    def test_its_own_waiver_does_not_hold_yet_and_is_told(self, folder):
        folder.write(GOOD, "waivers.toml")
        settings = self.load(folder, {})
        assert settings.exceptions.waivers == ()
        (change,) = settings.governance.changes
        assert (change.key, change.before, change.after) == (
            "waivers.toml",
            "-",
            "CVE-2099-1 in openssl until 2099-01-31",
        )
        assert not change.in_force

    def test_the_bases_waiver_holds_although_it_was_removed(self, folder):
        settings = self.load(folder, {"waivers.toml": GOOD})
        assert [one.id for one in settings.exceptions.waivers] == ["CVE-2099-1"]

    def test_its_own_waivers_must_be_good(self, folder):
        folder.write("[[waver]]\n", "waivers.toml")
        with pytest.raises(ConfigError, match="did you mean"):
            self.load(folder, {"waivers.toml": GOOD})

    def test_a_broken_base_lets_nothing_pass(self, folder):
        settings = self.load(folder, {"waivers.toml": "[[waver]]\n"})
        assert settings.exceptions.waivers == ()
        assert "it lets nothing pass" in settings.governance.notice

    def test_a_vex_document_of_its_own_does_not_hold_yet(self, folder):
        folder.write(OPENVEX, "vex.json")
        settings = self.load(folder, {}, f'{TRAIN}[scan]\nvex = ["vex.json"]\n')
        assert settings.exceptions.vex == ()
        assert [one.key for one in settings.governance.changes] == ["scan.vex", "vex.json"]

    def test_the_bases_text_of_a_vex_document_counts(self, folder):
        named = f'{TRAIN}[scan]\nvex = ["vex.json"]\n'
        folder.write(OPENVEX.replace("[]", '[{"status": "not_affected"}]'), "vex.json")
        settings = self.load(folder, {"mlops.toml": named, "vex.json": OPENVEX}, named)
        assert [one.text for one in settings.exceptions.vex] == [OPENVEX]
