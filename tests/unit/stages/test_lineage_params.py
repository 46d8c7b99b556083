from __future__ import annotations

import math
from types import SimpleNamespace

from mlops_ci.files import canonical_json
from mlops_ci.redaction import MASK, Redactor
from mlops_ci.stages.lineage import facts, tracking_tags
from support.report_outputs import build_outputs, info


def session(params):
    """What the lineage asks of a session."""
    redactor = Redactor()
    redactor.add("hidden-by-value")
    run = SimpleNamespace(id="r", info=info(), outputs=lambda *_: build_outputs(gpu=False), record=lambda _: None)
    train = SimpleNamespace(seed=3, params=params)
    return SimpleNamespace(
        run=run,
        engine=SimpleNamespace(name="host"),
        variant="cpu",
        settings=SimpleNamespace(tables=SimpleNamespace(train=train)),
        console=SimpleNamespace(redactor=redactor),
    )


def test_the_lineage_has_the_parameters_without_secrets_and_as_json():
    params = {"epochs": 3, "name": "x hidden-by-value", "api_key": "plain", "limit": math.inf}
    found = facts(session(params))
    assert found["params"] == {"epochs": 3, "name": f"x {MASK}", "api_key": MASK, "limit": None}
    canonical_json(found)


def test_parameters_are_no_tags_of_a_version():
    assert not [name for name in tracking_tags(session({"epochs": 3})) if "params" in name]
