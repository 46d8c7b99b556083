"""What a configuration means: where it is found, which layer wins, and where each value came from."""

from __future__ import annotations

import json

import pytest

from mlops_ci.settings.settings import Source
from mlops_ci.settings.units import Duration, Size

TRAIN = '[train]\ncommand = "python train.py"\n'


def test_the_smallest_file_gives_all_defaults(folder):
    settings = folder.load(TRAIN)
    assert settings.tables.train.command == "python train.py"
    assert settings.tables.train.timeout == Duration(86400)
    assert settings.tables.scan.fail_on == ("CRITICAL",)
    assert settings.root == folder.root
    assert settings.file == folder.root / "mlops.toml"
    assert settings.sources["train.command"] == Source(kind="file", where="mlops.toml:2")
    assert settings.sources["train.timeout"] == Source(kind="default", where="default")


def test_values_are_typed(folder):
    text = TRAIN + (
        'memory = "8g"\ntimeout = "2h"\ngpus = 2\nstart-from = "champion"\ncpus = 4\nallow-pickle = ["a.pt"]\n'
        'params = { lr = 0.1, epochs = 3, name = "x", amp = true, deep = 1.0 }\n'
    )
    train = folder.load(text).tables.train
    assert (train.memory, train.timeout, train.gpus, train.start_from) == (Size(8 << 30), Duration(7200), 2, "champion")
    assert isinstance(train.memory, Size)
    assert isinstance(train.timeout, Duration)
    assert isinstance(train.cpus, float)
    assert train.allow_pickle == ("a.pt",)
    assert {name: type(value) for name, value in train.params.items()} == {
        "lr": float, "epochs": int, "name": str, "amp": bool, "deep": float
    }  # fmt: skip


def test_the_effective_tree_is_plain_json_with_every_key(folder):
    settings = folder.load(TRAIN + 'shm = "2g"\nparams = { lr = 0.1 }\n')
    assert json.loads(json.dumps(settings.effective)) == settings.effective
    assert settings.effective["train"]["shm"] == 2 << 30
    assert settings.effective["train"]["timeout"] == 86400.0
    assert settings.effective["evaluate"]["metric"] is None
    assert set(settings.effective["train"]) > {"start-from", "allow-pickle", "params"}


def test_two_ways_to_write_one_thing_are_equal(folder):
    plain = folder.load(TRAIN + 'timeout = "2h"\nmemory = "1g"\nparams = { a = 1 }\n').effective
    assert folder.load(TRAIN + "timeout = 7200\nmemory = 1073741824\n[train.params]\na = 1\n").effective == plain


# Where it is found


def test_it_is_found_upwards(folder):
    folder.write(TRAIN)
    inner = folder.root / "a" / "b"
    inner.mkdir(parents=True)
    settings = folder.load(cwd=inner)
    assert settings.root == folder.root
    assert settings.sources["train.command"].where == f"{folder.root}/mlops.toml:2"
    assert folder.load(cwd=inner.parent).sources["train.command"].where == "../mlops.toml:2"


def test_it_is_not_looked_for_above_the_repository(folder):
    (folder.root.parent / "mlops.toml").write_text(TRAIN)
    error = folder.error()
    assert "there is none in" in error.cause
    assert "`mlops-ci init`" in error.hint


def test_without_a_repository_only_this_folder_counts(tmp_path, folder):
    folder.write(TRAIN)
    (folder.root / ".git").rmdir()
    inner = folder.root / "a"
    inner.mkdir()
    assert folder.load().name == "digits"
    assert "there is none in" in folder.error(cwd=inner).cause


def test_the_nearest_one_counts(folder):
    folder.write(TRAIN)
    folder.write('[train]\ncommand = "python other.py"\n', "part/mlops.toml")
    assert folder.load(cwd=folder.root / "part").tables.train.command == "python other.py"


def test_pyproject_has_it_too(folder):
    folder.write(
        '[project]\nname = "x"\n\n[tool.mlops-ci.train]\ncommand = "python train.py"\n\n'
        "[tool.mlops-ci.mode.pr.train]\nseed = 2\n",
        "pyproject.toml",
    )
    settings = folder.load(mode="pr")
    assert settings.sources["train.command"].where == "pyproject.toml:5"
    assert settings.sources["train.seed"] == Source(kind="mode", where="pyproject.toml:8")
    assert settings.file.name == "pyproject.toml"


def test_errors_in_pyproject_name_the_whole_table(folder):
    folder.write('[tool.mlops-ci.train]\ncomand = "x"\n[tool.mlops-ci.mode.pr.train]\nsed = 1\n', "pyproject.toml")
    assert folder.problems() == [
        "pyproject.toml:1: [tool.mlops-ci.train] command: is required (and the only setting that is)",
        "pyproject.toml:2: [tool.mlops-ci.train] comand: unknown key; did you mean `command`?",
        "pyproject.toml:4: [tool.mlops-ci.mode.pr.train] sed: unknown key; did you mean `seed`?",
    ]


def test_both_forms_in_one_folder_are_an_error(folder):
    folder.write(TRAIN)
    folder.write('[tool.mlops-ci.train]\ncommand = "x"\n', "pyproject.toml")
    error = folder.error()
    assert "[tool.mlops-ci]" in error.cause
    assert "both" in error.cause
    assert "keep one" in error.hint


def test_another_pyproject_is_no_business_of_ours(folder):
    folder.write(TRAIN)
    for text in ("[project]\nname = 'x'\n", "this is [no toml", "tool = 3\n"):
        folder.write(text, "pyproject.toml")
        assert folder.load().name == "digits"


def test_a_broken_pyproject_that_names_us_is_told(folder):
    folder.write("[tool.mlops-ci.train]\ncommand = \n", "pyproject.toml")
    assert folder.error().cause.startswith("pyproject.toml:2: not valid TOML")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[project]\nname = 'x'\n", "pyproject.toml: has no table [tool.mlops-ci]"),
        ("[tool]\nmlops-ci = 3\n", "pyproject.toml: [tool.mlops-ci] must be a table"),
    ],
)
def test_a_named_pyproject_needs_our_table(folder, text, cause):
    path = folder.write(text, "pyproject.toml")
    assert folder.error(config=path).cause == cause


def test_a_named_file_is_taken_and_its_folder_is_the_root(folder):
    folder.write(TRAIN, "ci/other.toml")
    settings = folder.load(config="ci/other.toml")
    assert settings.root == folder.root / "ci"
    assert settings.sources["train.command"].where == "ci/other.toml:2"


# Layers


LAYERED = (
    TRAIN + "seed = 1\nretries = 1\nparams = { epochs = 20, lr = 0.1 }\n[mode.pr.train]\nseed = 2\nparams.epochs = 1\n"
)


def test_a_mode_overlays_key_by_key(folder):
    settings = folder.load(LAYERED, mode="pr")
    assert settings.tables.train.seed == 2
    assert settings.tables.train.retries == 1
    assert settings.tables.train.params == {"epochs": 1, "lr": 0.1}
    assert settings.mode == "pr"
    assert settings.sources["train.params.epochs"] == Source(kind="mode", where="mlops.toml:8")
    assert settings.sources["train.params.lr"] == Source(kind="file", where="mlops.toml:5")


def test_without_the_mode_there_is_no_overlay(folder):
    assert folder.load(LAYERED).tables.train.seed == 1


@pytest.mark.parametrize("mode", ["pr", "main", "nightly"])
def test_the_modes_of_the_workflows_need_no_overlay(folder, mode):
    assert folder.load(TRAIN, mode=mode).tables.train.seed == 0


def test_an_unknown_mode_lists_the_known(folder):
    assert folder.problems(LAYERED + "[mode.weekly.train]\nseed = 3\n", mode="wekly") == [
        "--mode wekly: unknown mode; did you mean `weekly`? there are pr, main, nightly, weekly"
    ]


def test_an_overlay_may_replace_a_list(folder):
    text = TRAIN + '[check]\ncommands = ["a", "b"]\n[mode.pr.check]\ncommands = ["c"]\n'
    assert folder.load(text, mode="pr").tables.check.commands == ("c",)


def test_overlays_are_checked_before_their_night_comes(folder):
    assert folder.problems(LAYERED + '[mode.nightly.train]\nseed = "x"\nstore = "/"\n[mode.nightly]\nchek = {}\n') == [
        'mlops.toml:10: [mode.nightly.train] seed: expected a whole number from 0 to 4294967295, found the string "x"',
        "mlops.toml:11: [mode.nightly.train] store: unknown key; it belongs in [publish]",
        "mlops.toml:13: [mode.nightly.chek]: unknown table; did you mean [check]?",
    ]


def test_an_overlay_that_was_not_asked_for_need_not_be_complete(folder):
    text = "[mode.pr.train]\nseed = 2\n"
    assert folder.load(text, environ={"MLOPS_CI_TRAIN__COMMAND": "python x.py"}).tables.train.seed == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mode = 3\n" + TRAIN, "mlops.toml:1: mode: expected tables such as [mode.pr.train]"),
        ("mode.pr = 3\n" + TRAIN, "mlops.toml:1: [mode] pr: expected a table of tables"),
    ],
)
def test_modes_are_tables(folder, text, problem):
    assert folder.problems(text) == [problem]


def test_the_environment_wins_over_the_file_and_set_over_all(folder):
    environ = {"MLOPS_CI_TRAIN__SEED": "3", "MLOPS_CI_TRAIN__RETRIES": "4", "MLOPS_CI_TRAIN__PARAMS__EPOCHS": "5"}
    settings = folder.load(LAYERED, mode="pr", environ=environ, sets=["train.retries=6", "train.params.new=7"])
    train = settings.tables.train
    assert (train.seed, train.retries, train.params) == (3, 6, {"epochs": 5, "lr": 0.1, "new": 7})
    assert settings.sources["train.seed"] == Source(kind="environment", where="MLOPS_CI_TRAIN__SEED")
    assert settings.sources["train.retries"] == Source(kind="set", where="--set train.retries")
    assert settings.sources["train.params.epochs"].kind == "environment"
    assert settings.sources["train.params.new"].kind == "set"


def test_the_last_set_wins(folder):
    assert folder.load(TRAIN, sets=["train.seed=1", "train.seed=2"]).tables.train.seed == 2


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("TRAIN__START_FROM", "champion", ("train", "start_from"), "champion"),
        ("TRAIN__TIMEOUT", "2h", ("train", "timeout"), Duration(7200)),
        ("TRAIN__TIMEOUT", "90", ("train", "timeout"), Duration(90)),
        ("TRAIN__NETWORK", "false", ("train", "network"), False),
        ("TRAIN__COMMAND", "python train.py --lr 0.1", ("train", "command"), "python train.py --lr 0.1"),
        ("TRAIN__COMMAND", '"python x.py"', ("train", "command"), "python x.py"),
        ("TRAIN__COMMAND", "true", ("train", "command"), "true"),
        ("IMAGE__TORCH", "2.11", ("image", "torch"), "2.11"),
        ("SCAN__FAIL_ON", '["HIGH"]', ("scan", "fail_on"), ("HIGH",)),
        ("TRAIN__PARAMS", '{ lr = 0.5, name = "x" }', ("train", "params"), {"lr": 0.5, "name": "x"}),
        ("TRAIN__PARAMS__LR", "1e-3", ("train", "params"), {"lr": 1e-3}),
        ("TRAIN__PARAMS__DAY", "2026-01-02", ("train", "params"), {"day": "2026-01-02"}),
        ("TRAIN__PARAMS__TEXT", "a\nb = 1", ("train", "params"), {"text": "a\nb = 1"}),
        ("MIRRORS__IMAGES", '{"debian:x" = "y"}', ("mirrors", "images"), {"debian:x": "y"}),
        ("MIRRORS__IMAGES__DEBIAN", "5", ("mirrors", "images"), {"debian": "5"}),
        ("DATA__DIGEST", "1" * 64, ("data", "digest"), "1" * 64),
    ],
)
def test_values_from_the_environment(folder, name, text, path, value):
    settings = folder.load(TRAIN, environ={f"MLOPS_CI_{name}": text})
    found = getattr(getattr(settings.tables, path[0]), path[1])
    assert found == value
    assert type(found) is type(value) or isinstance(value, dict)


def test_the_file_spells_the_names_in_free_tables(folder):
    text = TRAIN + "params = { Batch-Size = 8, lr = 1 }\n"
    settings = folder.load(text, environ={"MLOPS_CI_TRAIN__PARAMS__BATCH_SIZE": "16"})
    assert settings.tables.train.params == {"Batch-Size": 16, "lr": 1}


def test_an_empty_variable_is_not_set(folder):
    assert folder.load(TRAIN, environ={"MLOPS_CI_TRAIN__COMMAND": ""}).tables.train.command == "python train.py"


def test_the_tools_own_switches_are_left_alone(folder):
    environ = {"MLOPS_CI_PROVIDER": "local", "MLOPS_CI_ANYTHING": "x", "MLOPS_CI_TRAIN": "x", "OTHER__THING": "x"}
    assert folder.load(TRAIN, environ=environ).tables.train.seed == 0


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MLOPS_CI_TRAIN__COMAND", "did you mean `MLOPS_CI_TRAIN__COMMAND`?"),
        ("MLOPS_CI_TRIAN__COMMAND", "did you mean `MLOPS_CI_TRAIN__COMMAND`?"),
        ("MLOPS_CI_XYZ__ABC", "names are MLOPS_CI_<TABLE>__<KEY>"),
        ("MLOPS_CI_TRAIN__SEED__X", "did you mean `MLOPS_CI_TRAIN__SEED`?"),
        ("MLOPS_CI_TRAIN__PARAMS__", "did you mean `MLOPS_CI_TRAIN__PARAMS`?"),
        ("MLOPS_CI___", "names are MLOPS_CI_<TABLE>__<KEY>"),
    ],
)
def test_a_variable_that_is_no_setting(folder, name, hint):
    assert folder.problems(TRAIN, environ={name: "x"}) == [f"{name}: no setting has this name; {hint}"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("train.seed", "--set train.seed: expected table.key=value"),
        ("seed=1", "--set seed: `seed` is no key; expected table.key=value, a name with other characters in quotes"),
        ("=1", "--set : `` is no key; expected table.key=value, a name with other characters in quotes"),
        ("train.sed=1", "--set train.sed: [train] sed: unknown key; did you mean `seed`?"),
        ("trian.seed=1", "--set trian.seed: [trian]: unknown table; did you mean [train]?"),
        (
            "train.seed=x",
            '--set train.seed: [train] seed: expected a whole number from 0 to 4294967295, found the string "x"',
        ),
        (
            "train.outputs=",
            '--set train.outputs: [train] outputs: expected a text that is not empty, found the string ""',
        ),
        ("mode.pr.train.seed=1", "--set mode.pr.train.seed: [mode]: unknown table; there are [project]"),
    ],
)
def test_bad_sets(folder, given, problem):
    (found,) = folder.problems(TRAIN, sets=[given])
    assert found.startswith(problem)


def test_set_takes_quoted_names(folder):
    settings = folder.load(TRAIN, sets=['mirrors.images."debian:bookworm-slim"=mirror/debian'])
    assert settings.tables.mirrors.images == {"debian:bookworm-slim": "mirror/debian"}
    assert settings.sources['mirrors.images."debian:bookworm-slim"'].kind == "set"


def test_a_command_from_outside_is_enough(folder):
    assert folder.load("", sets=["train.command=python x.py"]).tables.train.command == "python x.py"
