"""An organisation's policy bounds the settings whatever layer they come from; with another digest it is none."""

from __future__ import annotations

import hashlib
import tomllib

import pytest

from mlops_ci.config.bounds import Bound, boundable, direction_of, laxer, tightened
from mlops_ci.config.declared import tables
from mlops_ci.config.errors import ConfigError
from mlops_ci.config.explain import effective
from mlops_ci.config.policy import read_policy
from mlops_ci.config.policy_source import PolicyUnreachableError, PolicyUnreadableError, Reference, policy_at
from mlops_ci.web import Answer, ServiceRefusedError, ServiceUnreachableError

TRAIN = '[train]\ncommand = "python train.py"\n'
POLICY = """\
[scan]
fail-on = ["CRITICAL", "HIGH"]
fixable-only = false
db-max-age = "24h"

[mirrors]
images = ["registry.corp.example/*"]

[engine]
allowed = ["docker"]
"""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def under(folder, text: str = POLICY, config: str = TRAIN, **options):
    """The settings under that policy, which the machine names."""
    path = folder.root.parent / "policy.toml"
    path.write_text(text)
    machine = {"MLOPS_CI_POLICY": str(path), "MLOPS_CI_POLICY_SHA256": digest(text)}
    return folder.load(config, environ={**machine, **options.pop("environ", {})}, governed=True, **options)


def problems(folder, *arguments, **options) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        under(folder, *arguments, **options)
    assert caught.value.exit_code == 2
    return [str(one) for one in caught.value.problems]


def test_what_nobody_set_is_as_strict_as_the_policy(folder):
    settings = under(folder)
    scan = settings.tables.scan
    assert (scan.fail_on, scan.fixable_only, scan.db_max_age) == (("CRITICAL", "HIGH"), False, 86400)
    assert settings.effective["scan"]["fail-on"] == ["CRITICAL", "HIGH"]
    assert {key for key, one in settings.sources.items() if one.kind == "policy"} == {
        "scan.fail-on",
        "scan.fixable-only",
        "scan.db-max-age",
    }
    assert settings.governance.engines == ("docker",)
    (policy,) = settings.governance.policies
    assert policy.sha256 == digest(POLICY)


def test_an_organisation_can_demand_a_signature_of_its_own_key(folder):
    demand = '[signing]\nrequired = "verify"\npublic-key = "env://ORG_KEY"\n'
    found = under(folder, demand).tables.signing
    assert (found.required, found.public_key) == ("verify", "env://ORG_KEY")
    always = under(folder, demand, TRAIN + '[signing]\nrequired = "always"\n').tables.signing
    assert (always.required, always.public_key) == ("always", "env://ORG_KEY")
    own = '[signing]\nrequired = "never"\npublic-key = "cosign.pub"\n'
    said = problems(folder, demand, TRAIN + own)
    assert len(said) == 2
    assert all("policy" in one for one in said)
    unset = problems(folder, '[signing]\nidentity = ["https://github.com/org/*"]\n')
    assert "is not set; the policy demands" in unset[0], "unset is nobody in particular"


def test_a_repository_may_be_stricter(folder):
    own = '[scan]\nfail-on = ["CRITICAL", "HIGH", "MEDIUM"]\nfixable-only = false\ndb-max-age = "2h"\n'
    settings = under(folder, config=TRAIN + own)
    assert settings.tables.scan.fail_on == ("CRITICAL", "HIGH", "MEDIUM")
    assert settings.sources["scan.db-max-age"].where == "mlops.toml:6"


def test_everything_that_is_laxer_is_told_at_once_with_its_place_and_the_policys(folder):
    own = '[scan]\nfail-on = ["HIGH"]\n[mirrors.images]\n"debian:bookworm-slim" = "elsewhere.example/debian"\n'
    found = problems(
        folder,
        config=TRAIN + own,
        environ={"MLOPS_CI_SCAN__DB_MAX_AGE": "2d"},
        sets=["scan.fixable-only=true"],
    )
    policy = folder.root.parent / "policy.toml"
    than = "is laxer than the policy, which demands"
    image = 'images."debian:bookworm-slim": "elsewhere.example/debian"'
    assert found == [
        f'mlops.toml:4: [scan] fail-on: ["HIGH"] {than} at least ["CRITICAL", "HIGH"] ({policy}:2)',
        f'mlops.toml:6: [mirrors] {image} {than} one of ["registry.corp.example/*"] ({policy}:7)',
        f"--set scan.fixable-only: [scan] fixable-only: true {than} false ({policy}:3)",
        f'MLOPS_CI_SCAN__DB_MAX_AGE: [scan] db-max-age: "2d" {than} at most "1d" ({policy}:4)',
    ]


def test_an_overlay_that_is_not_asked_for_is_bound_too(folder):
    found = problems(folder, config=TRAIN + "[mode.nightly.scan]\nfixable-only = true\n")
    assert len(found) == 1
    assert found[0].startswith("mlops.toml:4: [mode.nightly.scan] fixable-only: true is laxer than the policy")


def test_a_wrong_value_is_told_once(folder):
    found = problems(folder, config=TRAIN + '[scan]\nfail-on = ["BAD"]\n')
    assert len(found) == 1
    assert "expected" in found[0]


def test_two_policies_hold_both(folder):
    own = '[scan]\nfail-on = ["CRITICAL", "MEDIUM"]\n'
    folder.write(own, "own.toml")
    named = f'[policy]\nsource = "own.toml"\nsha256 = "{digest(own)}"\n'
    settings = under(folder, config=TRAIN + named)
    assert set(settings.tables.scan.fail_on) == {"CRITICAL", "HIGH", "MEDIUM"}
    assert len(settings.governance.policies) == 2
    assert settings.governance.bounds["scan.fail-on"].count("at least") == 2


def test_no_setting_replaces_the_policy_of_the_machine(folder):
    lax = "[scan]\nsecrets = false\n"
    folder.write(lax, "lax.toml")
    settings = under(folder, sets=["policy.source=lax.toml", f"policy.sha256={digest(lax)}"])
    assert settings.tables.scan.fail_on == ("CRITICAL", "HIGH")


def test_plan_shows_what_is_bound_and_by_whom(folder):
    shown = "\n".join(line.text for line in effective(under(folder, config=TRAIN + '[scan]\ndb-max-age = "2h"\n')))
    (fail_on,) = [line for line in shown.splitlines() if line.strip().startswith("fail-on") and "CRITICAL" in line]
    assert "# policy, " in fail_on
    (age,) = [line for line in shown.splitlines() if line.strip().startswith("db-max-age")]
    assert "# mlops.toml:4; policy: at most" in age


def test_without_being_governed_nothing_is_asked(folder):
    environ = {"MLOPS_CI_POLICY": "nowhere.toml", "MLOPS_CI_POLICY_SHA256": "0" * 64}
    assert folder.load(TRAIN, environ=environ).governance.policies == ()


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"MLOPS_CI_POLICY": "policy.toml"}, "MLOPS_CI_POLICY: a policy needs MLOPS_CI_POLICY and"),
        ({"MLOPS_CI_POLICY_SHA256": "0" * 64}, "MLOPS_CI_POLICY_SHA256: a policy needs"),
        ({"MLOPS_CI_POLICY": "policy.toml", "MLOPS_CI_POLICY_SHA256": "abc"}, "MLOPS_CI_POLICY: a policy needs"),
    ],
)
def test_a_policy_is_named_with_its_digest(folder, environ, message):
    with pytest.raises(ConfigError) as caught:
        folder.load(TRAIN, environ=environ, governed=True)
    assert str(caught.value.problems[0]).startswith(message)


@pytest.mark.parametrize(("given", "missing"), [("source", "sha256"), ("sha256", "source")])
def test_so_is_that_of_the_file(folder, given, missing):
    value = {"source": "policy.toml", "sha256": "0" * 64}[given]
    (problem,) = folder.problems(f'{TRAIN}[policy]\n{given} = "{value}"\n')
    about = "a policy is named together with the digest of the file"
    assert problem == f"mlops.toml:4: [policy] {given}: needs `{missing}`: {about}"


def test_a_file_with_another_digest_is_no_policy(folder):
    folder.write(POLICY, "policy.toml")
    with pytest.raises(PolicyUnreadableError, match=r"the policy policy\.toml has the digest") as caught:
        folder.load(f'{TRAIN}[policy]\nsource = "policy.toml"\nsha256 = "{"0" * 64}"\n', governed=True)
    assert caught.value.exit_code == 4


def test_a_file_that_is_not_there_is_no_policy(folder):
    with pytest.raises(PolicyUnreadableError, match="cannot be read: No such file") as caught:
        folder.load(f'{TRAIN}[policy]\nsource = "policy.toml"\nsha256 = "{"0" * 64}"\n', governed=True)
    assert caught.value.exit_code == 4


class Served:
    """Answers once for each call: text, or an error."""

    def __init__(self, answer):
        self.answer = answer

    def ask(self, method, url, *, headers):
        if isinstance(self.answer, Exception):
            raise self.answer
        return Answer(status=200, headers={}, body=self.answer.encode())


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (ServiceUnreachableError("x did not answer in time"), PolicyUnreachableError, 10),
        (ServiceRefusedError("x knows no such thing", status=404), PolicyUnreadableError, 4),
        ("[scan]\nsecrets = false\n", PolicyUnreadableError, 4),
    ],
)
def test_an_address_that_gives_no_policy_ends_everything(tmp_path, answer, error, code):
    reference = Reference(source=f"https://policy.example/{code}/{error.__name__}", sha256=digest(POLICY))
    with pytest.raises(error) as caught:
        policy_at(reference, root=tmp_path, web=Served(answer))
    assert caught.value.exit_code == code


def test_an_address_is_asked_once_in_a_process(tmp_path):
    reference = Reference(source="https://user:hunter22@policy.example/p.toml", sha256=digest(POLICY))
    policy = policy_at(reference, root=tmp_path, web=Served(POLICY))
    assert policy == policy_at(reference, root=tmp_path, web=Served(ServiceUnreachableError("down")))
    assert "hunter22" not in policy.source


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[scan]\nfail-onn = ['HIGH']\n",
            "p.toml:2: [scan] fail-onn: there is no such setting; did you mean `fail-on`?",
        ),
        ("[scan]\noffline = true\n", "p.toml:2: [scan] offline: a policy does not bound this setting; of this table"),
        ("[scann]\nsecrets = true\n", "p.toml:2: [scann] secrets: no table that a policy bounds; did you mean `scan`?"),
        ("[notify]\nslack = 'X'\n", "p.toml:2: [notify] slack: no table that a policy bounds"),
        ("[scan]\nfail-on = 'HIGH'\n", "p.toml:2: [scan] fail-on: expected a list"),
        ("[scan]\ndb-max-age = 'long'\n", "p.toml:2: [scan] db-max-age: expected seconds"),
        ("[scan]\nsecrets = 1\n", "p.toml:2: [scan] secrets: expected true or false"),
        ("[mirrors]\nindex = 'https://x'\n", "p.toml:2: [mirrors] index: expected a list of what is allowed"),
        ("[mirrors.images]\na = 'b'\n", "p.toml:2: [mirrors] images.a: expected one value for the whole setting"),
        ("[engine]\nallowed = ['podman']\n", "p.toml:2: [engine] allowed: expected a list of docker, host, inside"),
        ("scan = 1\n", "p.toml:1: scan: there is no such setting"),
    ],
)
def test_a_wrong_policy_is_told_with_its_line(text, problem):
    with pytest.raises(ConfigError) as caught:
        read_policy(text.encode(), source="p.toml", sha256="")
    assert str(caught.value.problems[0]).startswith(problem)


# Key, what the policy says, what is strict enough, what is laxer, and what a setting that nobody set becomes.
@pytest.mark.parametrize(
    ("key", "limit", "strict", "lax", "unset"),
    [
        ("scan.fail-on", '["HIGH"]', ('["CRITICAL", "HIGH"]',), ('["CRITICAL"]', "[]"), ["CRITICAL", "HIGH"]),
        ("scan.fixable-only", "false", ("false",), ("true",), False),
        ("scan.secrets", "true", ("true",), ("false",), True),
        ("scan.db-max-age", '"1h"', ('"1h"', "60"), ('"2h"',), "1h"),
        ("verify.fail-on", '"degraded"', ('"degraded"',), ('"unhealthy"',), "degraded"),
        ("verify.min-gpus", "2", ("2", "8"), ("1",), 2),
        ("train.allow-pickle", '["a.pkl"]', ("[]", '["a.pkl"]'), ('["b.pkl"]',), None),
        ("train.network", "false", ("false",), ("true",), False),
        ("mirrors.index", '["https://i.example/*"]', ('"https://i.example/simple"',), ('"https://j.example/"',), None),
        (
            "mirrors.apt",
            '["https://i.example"]',
            ('"https://i.example"',),
            ('"https://j.example"',),
            "https://i.example",
        ),
        ("publish.approval", "true", ("true",), ("false",), True),
    ],
)
def test_each_direction(folder, key, limit, strict, lax, unset):
    table, _, name = key.partition(".")
    text = f"[{table}]\n{name} = {limit}\n"

    def with_value(value: str) -> str:
        line = f"{name} = {value}\n"
        return TRAIN + line if table == "train" else f"{TRAIN}[{table}]\n{line}"

    for value in strict:
        found = under(folder, text, with_value(value)).effective[table][name]
        assert found == folder.load(with_value(value)).effective[table][name]
    for value in lax:
        (problem,) = problems(folder, text, with_value(value))
        assert f"[{table}] {name}: {value}" in problem
        assert "is laxer than the policy" in problem
    (bound,) = read_policy(text.encode(), source="p", sha256="").bounds
    before = getattr(getattr(folder.load(TRAIN).tables, table), name.replace("-", "_"))
    if laxer(bound, before, goal="max") is not None:
        assert tightened(bound, before) == unset


def test_a_setting_that_must_be_set_and_is_not(folder):
    (problem,) = problems(folder, '[mirrors]\nindex = ["https://i.example/*"]\n')
    assert problem.startswith("mlops.toml: [mirrors] index: is not set; the policy demands one of")


@pytest.mark.parametrize(("goal", "good", "bad"), [("max", 0.96, 0.9), ("min", 0.9, 0.96)])
def test_a_floor_is_better_as_the_goal_says(folder, goal, good, bad):
    text = "[evaluate]\nfloor = 0.95\n"
    config = f'{TRAIN}[evaluate]\nmetric = "x"\ngoal = "{goal}"\n'
    assert under(folder, text, config).tables.evaluate.floor == 0.95
    assert under(folder, text, f"{config}floor = {good}\n").tables.evaluate.floor == good
    (problem,) = problems(folder, text, f"{config}floor = {bad}\n")
    assert "demands at least as good as 0.95" in problem


def test_a_demand_that_makes_no_sense_alone_is_told_at_the_policy(folder):
    (problem,) = problems(folder, "[evaluate]\nfloor = 0.95\n")
    assert "policy.toml:2: [evaluate] floor: needs `metric`" in problem


def test_every_direction_that_is_declared_is_one_that_is_known():
    found = {direction_of((name, key)) for name, keys in boundable().items() for key in keys}
    for direction in found:
        bound = Bound(key=("scan", "fail-on"), direction=direction, limit=(), raw=[], where="p:1")
        assert bound.in_words.endswith("(p:1)")
    assert {"policy", "notify", "project", "runners"} & set(boundable()) == set()
    assert set(boundable()) <= set(tables())


def test_the_example_of_the_docs_is_a_policy(docs_policy):
    policy = read_policy(docs_policy.encode(), source="policy.toml", sha256="")
    tree = tomllib.loads(docs_policy)
    assert len(policy.bounds) == sum(len(table) for name, table in tree.items() if name != "engine")
    assert policy.engines is not None


def test_the_docs_name_every_setting_that_a_policy_can_bound(docs_page):
    missing = [f"{name}.{key}" for name, keys in boundable().items() for key in keys if f"`{key}`" not in docs_page]
    assert missing == []
