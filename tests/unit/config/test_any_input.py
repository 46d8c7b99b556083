"""No input whatever makes loading raise anything but `ConfigError`."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_ci.config.declared import tables
from mlops_ci.config.errors import ConfigError
from mlops_ci.config.explain import effective
from mlops_ci.config.keys import dotted
from mlops_ci.config.load import load
from mlops_ci.config.toml_text import written

# A busy machine must not fail a test that looks for tracebacks.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100)

TABLES = st.sampled_from([*tables(), "mode", "trian", ""])
KEYS = st.sampled_from([*{key for table in tables().values() for key in table.fields}, "nothing", "a b", "start_from"])
WORDS = st.one_of(
    st.sampled_from(
        [
            "python train.py",
            "{params.x} {data} {dta} {",
            "s3://b/p",
            "2h",
            "8g",
            "auto",
            "cpu",
            "((",
            "..",
            "/",
            "'",
            "max",
            "pr",
            "\0",
        ]
    ),
    st.text(max_size=10),
)
SCALARS = st.one_of(
    WORDS, st.booleans(), st.integers(), st.floats(), st.sampled_from([0, 1, -1, 2**63, 10**30, math.inf, math.nan])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=5,
)
TREES = st.dictionaries(TABLES, st.one_of(st.dictionaries(KEYS, VALUES, max_size=5), VALUES), max_size=5)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = tmp_path_factory.mktemp("any")
    (made / ".git").mkdir()
    return made


def outcome(root, content: bytes, **options) -> None:
    (root / "mlops.toml").write_bytes(content)
    with contextlib.suppress(ConfigError):
        loaded = load(None, cwd=root, **{"mode": None, "environ": {}, "sets": (), **options})
        assert effective(loaded)


def document(tree) -> str:
    return "\n".join(written({name: value})[2:-2] for name, value in tree.items())


@PATIENT
@given(st.binary(max_size=200))
def test_any_bytes(root, content):
    outcome(root, content)


@PATIENT
@given(st.text(alphabet="[]train=.\"'{}#\n\r\t 1command\\é\ufeff", max_size=80))
def test_any_text(root, text):
    outcome(root, text.encode())


@PATIENT
@given(TREES)
def test_any_document(root, tree):
    outcome(root, document(tree).encode("utf-8", "replace"))


@PATIENT
@given(
    TREES,
    st.dictionaries(KEYS, VALUES, max_size=3),
    st.one_of(st.none(), st.sampled_from(["pr", "weekly"]), st.text(max_size=5)),
    st.dictionaries(
        st.builds(lambda table, key: f"MLOPS_CI_{table}__{key}".upper().replace("-", "_"), TABLES, KEYS),
        st.text(max_size=10),
    ),
    st.lists(
        st.one_of(st.text(max_size=20), st.builds(lambda t, k, v: f"{t}.{k}={v}", TABLES, KEYS, st.text(max_size=8))),
        max_size=4,
    ),
)
def test_any_combination_of_sources(root, tree, overlay, mode, environ, sets):
    tree = {"train": {"command": "x"}, **tree, "mode": {"pr": {"train": overlay}}}
    outcome(root, document(tree).encode("utf-8", "replace"), mode=mode, environ=environ, sets=sets)


@pytest.mark.parametrize(
    "text",
    [
        "\udc80",
        "[" * 5000,
        "{a=" * 100 + "1" + "}" * 100,
        "9" * 5000,
        "0x" + "f" * 5000,
        "1e999",
        "\n\n",
        "#",
        '"',
        "'''",
    ],
)
def test_odd_values_from_outside(root, text):
    content = b'[train]\ncommand = "x"\n'
    for key in ("train.command", "train.seed", "train.params", "train.params.x", "check.commands", "nothing.x"):
        outcome(root, content, sets=[f"{key}={text}"])
        outcome(root, content, environ={f"MLOPS_CI_{key.upper().replace('.', '__')}": text})
        outcome(root, content, sets=[f"train.{text}=1", f"{text}=1"], mode=text)


def test_dotted_keys_are_read_back(root):
    assert dotted(("a", 'b "c"', "d\n")) == 'a."b \\"c\\""."d\\n"'
