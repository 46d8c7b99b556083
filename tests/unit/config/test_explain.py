"""The effective configuration as `plan` prints it."""

from __future__ import annotations

import tomllib

from mlops_ci.config.explain import NOT_SET, effective

CONFIG = """\
[train]
command = "python train.py"
params = { epochs = 20, api_token = "abcdefgh", tokenizer = "bert", max_tokens = 512 }
memory = "8g"
[mirrors]
index = "https://me:hunter22@mirror.example/simple"
[mode.pr.train]
params = { epochs = 1 }
"""


def lines(folder, **options):
    # The first table that has a setting of that name.
    found = [(line.text.split(" = ")[0].strip(), line) for line in effective(folder.load(CONFIG, **options))]
    return dict(reversed(found))


def test_changed_values_have_their_source_and_stand_out(folder):
    shown = lines(folder, mode="pr", environ={"MLOPS_CI_TRAIN__RETRIES": "1"}, sets=["train.stall=90"])
    for key, value, source in (
        ("params.epochs", "1", "mode pr, mlops.toml:8"),
        ("memory", '"8g"', "mlops.toml:4"),
        ("retries", "1", "MLOPS_CI_TRAIN__RETRIES"),
        ("stall", '"90s"', "--set train.stall"),
    ):
        assert shown[key].text.split(" = ")[1].split("#")[0].strip() == value
        assert shown[key].text.endswith(f"# {source}")
        assert not shown[key].dim


def test_a_setting_with_a_flag_of_its_own_names_the_flag(folder):
    shown = lines(folder, sets=["image.variant=cu128"], flags={"--variant": "image.variant=cpu"})
    assert shown["variant"].text.split() == ["variant", "=", '"cpu"', "#", "--variant"]


def test_defaults_are_dim(folder):
    shown = lines(folder)
    assert shown["seed"].dim
    assert shown["seed"].text.endswith("# default")
    assert NOT_SET in shown["metric"].text
    assert shown["[scan]"].dim
    assert not shown["[train]"].dim


def test_secrets_are_hidden(folder):
    text = "\n".join(line.text for line in effective(folder.load(CONFIG)))
    assert "abcdefgh" not in text
    assert "hunter22" not in text
    assert "https://me:***@mirror.example/simple" in text
    assert '"bert"' in text
    assert "512" in text


def test_every_setting_is_there_and_what_is_set_is_toml(folder):
    text = "\n".join(line.text for line in effective(folder.load(CONFIG)) if NOT_SET not in line.text).replace(
        "= ***", '= "***"'
    )
    tree = tomllib.loads(text)
    assert tree["train"]["params"]["epochs"] == 20
    assert tree["train"]["timeout"] == "1d"
    assert list(tree) == list(folder.load(CONFIG).effective)
