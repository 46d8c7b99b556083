"""A pull request may not approve itself: what decides what may pass comes from the commit that it is based on."""

from __future__ import annotations

import hashlib

import pytest

from mlops_ci.config.declared import tables
from mlops_ci.config.errors import ConfigError
from mlops_ci.config.guard import Base, guarded_keys
from mlops_ci.settings.governance import GUARDED

TRAIN = '[train]\ncommand = "python train.py"\n'
COMMIT = "1a2b3c4d5e6f" + "0" * 28
AT = "mlops.toml at 1a2b3c4d5e6f"


def based_on(text: str | bytes | None, **files: str) -> Base:
    def read(path):
        if path.name == "mlops.toml":
            return text.encode() if isinstance(text, str) else text
        found = files.get(path.name.replace(".", "_"))
        return None if found is None else found.encode()

    return Base(commit=COMMIT, read=read)


def said(settings) -> list[tuple[str, str, str, str, bool]]:
    return [(one.key, one.before, one.after, one.where, one.in_force) for one in settings.governance.changes]


def test_the_bases_values_hold_and_the_changes_are_told(folder):
    base = TRAIN + '[scan]\nfail-on = ["CRITICAL", "HIGH"]\n[evaluate]\nmetric = "accuracy"\nfloor = 0.9\n'
    head = (
        TRAIN.replace("train.py", "other.py")
        + "[scan]\nfail-on = []\nsecrets = false\n[evaluate]\n"
        + ('command = "python evaluate.py"\nmetric = "loss"\n')
    )
    settings = folder.load(head, base=based_on(base))
    assert settings.tables.scan.fail_on == ("CRITICAL", "HIGH")
    assert settings.tables.scan.secrets is True
    assert (settings.tables.evaluate.metric, settings.tables.evaluate.floor) == ("accuracy", 0.9)
    # What decides nothing is the change's own.
    assert settings.tables.train.command == "python other.py"
    assert settings.tables.evaluate.command == "python evaluate.py"
    assert said(settings) == [
        ("evaluate.metric", '"accuracy"', '"loss"', "mlops.toml:8", False),
        ("evaluate.floor", "0.9", "not set", "mlops.toml", False),
        ("scan.fail-on", '["CRITICAL", "HIGH"]', "[]", "mlops.toml:4", False),
        ("scan.secrets", "true", "false", "mlops.toml:5", False),
    ]
    assert (settings.sources["scan.fail-on"].kind, settings.sources["scan.fail-on"].where) == ("base", f"{AT}:4")
    assert settings.governance.base == COMMIT


def test_without_a_change_nothing_is_told(folder):
    text = TRAIN + '[scan]\nfail-on = ["HIGH"]\n'
    settings = folder.load(text, base=based_on(text))
    assert settings.tables == folder.load(text).tables
    assert (said(settings), settings.governance.notice) == ([], "")


def test_the_overlay_of_the_mode_is_the_bases(folder):
    base = TRAIN + "[mode.pr.scan]\nfixable-only = false\n[mode.nightly.scan]\nsecrets = false\n"
    head = TRAIN + "[mode.pr.scan]\nsecrets = false\n[mode.pr.train]\nretries = 1\n"
    settings = folder.load(head, base=based_on(base), mode="pr")
    assert (settings.tables.scan.fixable_only, settings.tables.scan.secrets) == (False, True)
    assert settings.tables.train.retries == 1
    assert [key for key, *_ in said(settings)] == ["scan.fixable-only", "scan.secrets"]


def test_what_is_set_from_outside_holds_and_is_told(folder):
    settings = folder.load(
        TRAIN, base=based_on(TRAIN), sets=["scan.fail-on=[]"], environ={"MLOPS_CI_SCAN__SECRETS": "false"}
    )
    assert settings.tables.scan.fail_on == ()
    assert said(settings) == [
        ("scan.fail-on", '["CRITICAL"]', "[]", "--set scan.fail-on", True),
        ("scan.secrets", "true", "false", "MLOPS_CI_SCAN__SECRETS", True),
    ]


@pytest.mark.parametrize(
    ("base", "why"),
    [
        (None, "the base commit 1a2b3c4d5e6f has no mlops.toml: its guarded settings are the defaults"),
        ("[scan\n", f"{AT}:1: not valid TOML"),
        (b"\xff\xfe", f"{AT}: is UTF-16"),
        (TRAIN + "[scan]\nfail-on = 3\n", f"{AT}:4: [scan] fail-on: expected a list"),
    ],
)
def test_where_the_base_says_nothing_the_defaults_hold(folder, base, why):
    head = TRAIN + "[scan]\nfail-on = []\nsecrets = false\n"
    settings = folder.load(head, base=based_on(base))
    assert (settings.tables.scan.fail_on, settings.tables.scan.secrets) == (("CRITICAL",), True)
    assert settings.governance.notice.startswith(why)
    assert len(said(settings)) == 2


def test_a_base_that_is_wrong_elsewhere_still_guards(folder):
    base = TRAIN + "epochs = 3\n[scan]\nfail-on = ['HIGH']\n[nonsense]\nx = 1\n"
    settings = folder.load(TRAIN, base=based_on(base))
    assert settings.tables.scan.fail_on == ("HIGH",)


def test_a_change_that_is_wrong_is_told_although_it_does_not_hold_yet(folder):
    found = folder.problems(TRAIN + "[scan]\nfail-on = 3\nsecret = true\n", base=based_on(TRAIN))
    assert [one.split(":")[1] for one in found] == ["4", "5"]


def test_a_change_beyond_the_policy_is_told_before_it_is_merged(folder):
    policy = "[scan]\nsecrets = true\n[mirrors]\nindex = ['https://i.example/*']\n"
    digest = hashlib.sha256(policy.encode()).hexdigest()
    named = f'[policy]\nsource = "policy.toml"\nsha256 = "{digest}"\n[mirrors]\nindex = "https://i.example/simple"\n'
    base = based_on(TRAIN + named, policy_toml=policy)
    folder.write("[scan]\nsecrets = false\n", "policy.toml")
    with pytest.raises(ConfigError) as caught:
        folder.load(f"{TRAIN}{named}[scan]\nsecrets = false\n", base=base, governed=True)
    (problem,) = caught.value.problems
    assert str(problem).startswith("mlops.toml:9: [scan] secrets: false is laxer than the policy")


def test_the_policy_is_the_bases_also_when_the_change_names_another(folder):
    policy = "[scan]\nfail-on = ['HIGH']\n"
    digest = hashlib.sha256(policy.encode()).hexdigest()
    base = based_on(f'{TRAIN}[policy]\nsource = "policy.toml"\nsha256 = "{digest}"\n', policy_toml=policy)
    settings = folder.load(TRAIN, base=base, governed=True)
    assert settings.tables.scan.fail_on == ("CRITICAL", "HIGH")
    assert [key for key, *_ in said(settings)] == ["policy.source", "policy.sha256"]


def test_a_table_that_is_none_is_told(folder):
    (problem,) = folder.problems("scan = 3\n" + TRAIN, base=based_on(TRAIN))
    assert problem.startswith("mlops.toml:1:")


def test_passwords_in_what_changed_are_hidden(folder):
    head = f'{TRAIN}[policy]\nsource = "https://me:hunter22@policy.example/p.toml"\nsha256 = "{"0" * 64}"\n'
    settings = folder.load(head, base=based_on(TRAIN))
    assert "hunter22" not in str(said(settings))
    assert "policy.example" in str(said(settings))


def test_what_is_guarded_are_settings_that_there_are():
    for name, keys in GUARDED.items():
        assert set(keys or ()) <= set(tables()[name].fields), name
    assert ("scan", "fail-on") in guarded_keys()
    assert ("evaluate", "command") not in guarded_keys()
