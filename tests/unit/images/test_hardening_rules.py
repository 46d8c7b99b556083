"""Each rule of hardening finds its own breach, and a good image breaks none."""

from dataclasses import replace
from typing import Any

import pytest

from mlops_ci.images.hardening import LABELS, Subject, breaches
from mlops_ci.images.look import Inventory

GOOD = Inventory(
    **dict.fromkeys(("setid", "caches", "host_keys", "private_keys", "drivers", "passwords"), ()),
    packages=(),
    bytes=1,
    bytecode=0,
    count=1,
    files={},
)
CONFIG: dict[str, Any] = {
    "User": "10001:10001",
    "Entrypoint": ["/usr/bin/tini", "-s", "-g", "--"],
    "Env": ["PATH=/bin", "MLOPS_JUPYTER_TOKEN_FILE=/run/secrets/x", "HF_HOME=/tmp"],
    "Labels": {**dict.fromkeys(LABELS, "x"), "org.opencontainers.image.base.digest": f"sha256:{'0' * 64}"},
}


def rules(config: dict[str, Any] | None = None, history: tuple[str, ...] = (), **inside: tuple[str, ...]) -> set[str]:
    subject = Subject(ref="r", config={**CONFIG, **(config or {})}, history=history, inside=replace(GOOD, **inside))
    return {breach.rule for breach in breaches(subject)}


def test_a_good_image_breaks_none() -> None:
    assert rules(history=("RUN pip install x", "ENV A=1")) == set()


@pytest.mark.parametrize("user", ["", "root", "0", "0:0", "mlops", "0:10001"])
def test_a_user_is_a_number_and_not_root(user: str) -> None:
    assert rules({"User": user}) == {"user"}


@pytest.mark.parametrize("entry", [None, [], ["python"], ["/bin/sh", "-c", "tini"]])
def test_an_init_comes_first(entry: list[str] | None) -> None:
    assert rules({"Entrypoint": entry}) == {"init"}


def test_labels_are_there_and_the_base_is_a_digest() -> None:
    assert rules({"Labels": None}) == {"labels"}
    assert rules({"Labels": {**CONFIG["Labels"], "org.opencontainers.image.base.digest": "latest"}}) == {"base"}


@pytest.mark.parametrize("variable", ["DB_PASSWORD=x", "API_KEY=x", "INDEX=https://a:b@mirror.invalid/simple"])
def test_no_secret_in_a_variable(variable: str) -> None:
    assert rules({"Env": [variable]}) == {"secrets"}


def test_no_secret_in_the_history() -> None:
    assert rules(history=("RUN curl https://user:hunter22@host.invalid/x",)) == {"secrets"}


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("setid", "set-id"),
        ("caches", "caches"),
        ("host_keys", "host-keys"),
        ("private_keys", "private-keys"),
        ("passwords", "passwords"),
        ("drivers", "driver"),
    ],
)
def test_what_must_not_be_in_it(field: str, rule: str) -> None:
    assert rules(**{field: ("/a",)}) == {rule}


def test_many_paths_are_counted() -> None:
    found = breaches(Subject(ref="r", config=CONFIG, history=(), inside=replace(GOOD, setid=tuple("abcdefg"))))
    assert found[0].found.endswith("a, b, c, d, e and 2 more")
