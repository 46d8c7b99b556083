"""What a wrong configuration is told: everything at once, each with its place, what was expected and what was meant."""

from __future__ import annotations

import pytest

from mlops_ci.settings.units import Duration

TRAIN = '[train]\ncommand = "python train.py"\n'


def test_everything_is_told_at_once_in_the_order_of_the_file(folder):
    error = folder.error(
        """\
[projct]
name = "x"
[train]
epoch = 3
retries = "3"
timeout = "soon"
params = { lr = [1] }
[image]
torch = 2.13
[check]
commands = [
  "ruff check .",
  3,
]
[evaluate]
floor = 0.9
"""
    )
    assert error.cause == "the configuration has 9 errors"
    assert list(error.details) == [
        "mlops.toml:1: [projct]: unknown table; did you mean [project]?",
        "mlops.toml:3: [train] command: is required (and the only setting that is)",
        "mlops.toml:4: [train] epoch: unknown key; parameters of your script belong in `params`",
        'mlops.toml:5: [train] retries: expected a whole number from 0 to 100, found the string "3"',
        f'mlops.toml:6: [train] timeout: expected {Duration.expected}, found the string "soon"',
        "mlops.toml:7: [train] params.lr: expected a string, a number, true or false, found the list [1]",
        'mlops.toml:9: [image] torch: expected a release such as "2.13" (in quotes), found the number 2.13',
        "mlops.toml:13: [check] commands[1]: expected a text that is not empty, found the number 3",
        "mlops.toml:16: [evaluate] floor: needs `metric`: the name of the metric that it speaks of",
    ]
    assert error.hint
    assert error.failure_class == "config"
    assert [(problem.file, problem.line) for problem in error.problems][:2] == [("mlops.toml", 1), ("mlops.toml", 3)]


def test_one_error_stands_in_the_cause(folder):
    error = folder.error(TRAIN + "sed = 1\n")
    assert error.cause == "mlops.toml:3: [train] sed: unknown key; did you mean `seed`?"
    assert error.details == ()


def expect(folder, text, *messages):
    assert [problem.split(": ", 1)[1] for problem in folder.problems(text)] == list(messages)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[train]\nnetwork = 1", "[train] network: expected true or false, found the number 1"),
        ("[train]\nseed = true", "[train] seed: expected a whole number from 0 to 4294967295, found true"),
        ("[train]\nseed = 1.0", "[train] seed: expected a whole number from 0 to 4294967295, found the number 1.0"),
        ("[train]\ncpus = 0", "[train] cpus: expected a number above 0, found the number 0"),
        ("[train]\nsecrets = 'A'", "[train] secrets: expected a list, each the name of an environment variable"),
        ("[train]\nmetrics = 3", "[train] metrics: expected a table, each value a string, found the number 3"),
        ("[train]\noutputs = {}", "[train] outputs: expected a text that is not empty, found the table {}"),
        (
            '[train]\ngpus = "atuo"',
            '[train] gpus: expected a whole number of at least 0 or "auto", found the string "atuo"; did you',
        ),
        ("[train]\ngpus = -1", '[train] gpus: expected a whole number of at least 0 or "auto", found the number -1'),
        ("[train]\ntimeout = 0", "[train] timeout: expected seconds as a positive number"),
        ("[train]\nmemory = 1.5", "[train] memory: expected bytes as a positive whole number"),
        ("[train]\nseed = 99999999999999999999", "[train] seed: the number is too large"),
        ('[train]\noutputs = "a\\u0000"', "[train] outputs: the text has a NUL character"),
        ("[train]\nparams.day = 2026-01-02", "[train] params.day: no setting is a date or time; write it in quotes"),
        ("[train]\nparams.x = nan", "[train] params.x: {PARAMETER}, found the number nan"),
        ("[train]\nparams.x.y = 1", "[train] params.x: {PARAMETER}, found the table { y = 1 }"),
        ("[train]\nparams.a.str = 1", "[train] params.a: {PARAMETER}, found the table { str = 1 }"),
        ('[train]\nparams."a b" = 1', '[train] params."a b": a parameter\'s name has letters'),
        ("[evaluate]\nfloor = inf", "[evaluate] floor: expected a number, found the number inf"),
        ('[evaluate]\ngoal = "Max"', '[evaluate] goal: expected "max" or "min", found the string "Max"; did'),
        ('[scan]\nfail-on = ["high"]', '[scan] fail-on[0]: expected "CRITICAL", "HIGH", "MEDIUM", "LOW"'),
        ('[project]\nname = "my model"', "[project] name: expected a name of letters, digits"),
        ('[tracking]\nuri = "mlflow:5000"', "[tracking] uri: expected an address that begins with http:// or https://"),
        ('[image]\nvariant = "cuda12"', '[image] variant: expected "auto", "cpu", or a CUDA variant such as "cu128"'),
        ('[image]\napt = ["a; rm -rf /"]', "[image] apt[0]: expected the name of a Debian package"),
        ('[data]\ndigest = "abc"', "[data] digest: expected a SHA-256 as 64 digits of 0-9a-f"),
        ('[data]\nsource = "gs://x"', "[data] source: expected an S3 prefix such as s3://bucket/prefix"),
        ("[verify]\nmin_gpus = 1", "[verify] min_gpus: unknown key; did you mean `min-gpus`?"),
        ("[verify]\nstore = 'x'", "[verify] store: unknown key; it belongs in [publish]"),
        (
            '[notify]\nslack = "https://hooks.example/services/T0/hunter22"',
            "[notify] slack: expected the name of an environment variable, found another text (not shown: it may be a",
        ),
        ('[notify]\nemail = "SMTP"', "[notify] email: needs `email-to`: who gets the mail"),
        ('[notify]\nemail-to = ["nobody"]', "[notify] email-to[0]: expected a mail address such as team@example.com"),
        ('[notify]\non = ["failures"]', '[notify] on[0]: expected "failure", "recovery"'),
        ('[notify]\nwebhook-key = "K"', "[notify] webhook-key: needs `webhook`"),
        ('[notify]\nwebhook = "W"\nwebhook-template = "n.json"', "[notify] webhook-template: there is no file n.json"),
        ("[runners]\nzzz = 1", "[runners] zzz: unknown key; this table has plan, cpu, gpu"),
        ("[zzz]\na = 1", "[zzz]: unknown table; there are [project], [image]"),
        (
            '[verify]\nonly = ["numerics.exact", "remp"]',
            "[verify] only[1]: there is no check `remp`; did you mean `remap`?",
        ),
        (
            '[verify]\nlimits = {"power.limits" = 1}',
            '[verify] limits."power.limits": there is no limit `power.limits`; did you mean `power.limit`?',
        ),
        (
            '[verify]\nsilence = {nvlink = "2026-02-30 no bridge"}',
            "[verify] silence.nvlink: 2026-02-30 is no day of the calendar",
        ),
        ('[verify]\nhistory = "gs://x"', "[verify] history: expected s3://bucket/prefix, or a folder"),
        ("verify = 3", "verify: expected a table, found the number 3"),
        ("[[verify]]\nbudget = 1", "verify: expected a table, found the list [{ budget = 1 }]"),
    ],
)
def test_types_and_names(folder, text, message):
    text = text.replace("[train]", TRAIN) if "[train]" in text else f"{text}\n{TRAIN}"
    (problem,) = folder.problems(text)
    assert problem.split(": ", 1)[1].startswith(
        message.replace("{PARAMETER}", "expected a string, a number, true or false")
    )


def test_a_key_outside_of_any_table(folder):
    assert folder.problems('command = "python train.py"\n') == [
        "mlops.toml: [train] command: is required (and the only setting that is)",
        (
            "mlops.toml:1: command: a key outside of any table; it belongs in [prepare] or [train] or [evaluate] or "
            "[deploy]"
        ),
    ]


def test_long_values_are_cut(folder):
    (problem,) = folder.problems(TRAIN + f'seed = "{"x" * 500}"\n')
    assert len(problem) < 200
    assert problem.endswith("…")


def test_passwords_are_not_told(folder):
    (problem,) = folder.problems(TRAIN + '[tracking]\nuri = "ftp://me:secret-word@host"\n')
    assert "secret-word" not in problem


def test_a_broken_table_breeds_no_other_errors(folder):
    text = 'train = 3\n[evaluate]\ncommand = "e.py {params.lr} {data}"\nfloor = 1.0\nmetric = 2\n[data]\npath = 3\n'
    assert [problem.split(": ")[1] for problem in folder.problems(text)] == [
        "train",
        "[evaluate] metric",
        "[data] path",
    ]


# Commands


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("x {params.lr}", "`{params.lr}`: there is no parameter `lr`; [train] params has epochs, batch-size"),
        ("x {params.epoch}", "`{params.epoch}`: there is no parameter `epoch`; did you mean `{params.epochs}`?"),
        ("x {params.batch_size}", "`{params.batch_size}`: there is no parameter `batch_size`; did you mean"),
        ("x {param.epochs}", "unknown placeholder `{param.epochs}`; did you mean `{params.epochs}`?"),
        ("x {epochs}", "unknown placeholder `{epochs}`; did you mean `{params.epochs}`?"),
        ("x {dta}", "unknown placeholder `{dta}`; did you mean `{data}`?"),
        ("x {Seed}", "unknown placeholder `{Seed}`; did you mean `{seed}`?"),
        ("x {data}", "`{data}` is not there for this command: [data] names no path, source or fetch"),
        ("x {champion}", "`{champion}` is not there for this command: only a training with start-from"),
        ("x {model}", "`{model}` is not there for this command: it has {output} {checkpoints} {seed}"),
        ("x 'y", "the command can't be split into words: no closing quotation"),
        ("''", None),
        ("#", None),
    ],
)
def test_training_commands(folder, command, message):
    text = f'[train]\ncommand = "{command}"\nparams = {{ epochs = 1, batch-size = 2 }}\n'
    if message is None:
        folder.load(text)
    else:
        (problem,) = folder.problems(text)
        assert problem.startswith(f"mlops.toml:2: [train] command: {message}")


@pytest.mark.parametrize(
    "command",
    [
        "python train.py --data {data} --out {output} --ckpt {checkpoints} --seed {seed} --lr {params.lr}",
        'python train.py --json {\\"lr\\": 1} {} {0} {{x}} ${HOME}',
        "awk {print}",
    ],
)
def test_good_commands(folder, command):
    folder.load(f'[train]\ncommand = "{command}"\nparams.lr = 0.1\n[data]\npath = "data"\n')


def test_the_champion_is_there_when_training_starts_from_it(folder):
    folder.load('[train]\ncommand = "x {champion}"\nstart-from = "champion"\n')


def test_prepared_data_is_data(folder):
    folder.load(
        '[train]\ncommand = "x {data}"\n[prepare]\ncommand = "p {output}"\n[evaluate]\ncommand = "e {data} {model}"\n'
    )
    assert "[data] names no path" in folder.problems(TRAIN + '[prepare]\ncommand = "p {data}"\n')[0]


def test_each_command_has_its_own_placeholders(folder):
    text = TRAIN + (
        '[check]\ncommands = ["a", "pytest {output}"]\n[data]\nfetch = "f {data}"\n'
        '[evaluate]\ncommand = "e {checkpoints}"\nmetric = "m"\n'
    )
    assert [problem.split(":")[1] for problem in folder.problems(text)] == ["4", "6", "8"]


# Sense


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("loss", "exactly one group"),
        ("(a)(b)", "exactly one group"),
        ("((", "not valid"),
        ("(?P<epoch>\\d+) (x) (y)", "exactly one group"),
    ],
)
def test_bad_expressions(folder, pattern, message):
    (problem,) = folder.problems(TRAIN + f"metrics.loss = '{pattern}'\n")
    assert problem.startswith("mlops.toml:3: [train] metrics.loss: ")
    assert message in problem


@pytest.mark.parametrize(
    "pattern", ["loss: ([\\d.]+)", "(?P<epoch>\\d+) (x)", "(?P<step>\\d+) (?P<epoch>\\d+) (?P<value>x)", "[[a](x)"]
)
def test_good_expressions(folder, pattern):
    folder.load(TRAIN + f"metrics.'val/loss' = '{pattern}'\n")


@pytest.mark.parametrize("outputs", ["/tmp/x", "../x", "a/../../x", ".", "./", "a/.."])
def test_outputs_stay_inside(folder, outputs):
    (problem,) = folder.problems(TRAIN + f'outputs = "{outputs}"\n')
    assert "[train] outputs: must be a folder below the working directory" in problem


@pytest.mark.parametrize("outputs", ["outputs", "a/b", "./out", "..data"])
def test_outputs_inside(folder, outputs):
    assert folder.load(TRAIN + f'outputs = "{outputs}"\n').tables.train.outputs == outputs


def test_the_data_has_one_origin(folder):
    assert folder.problems(TRAIN + '[data]\npath = "a"\nsource = "s3://b/c"\nfetch = "f {output}"\n') == [
        "mlops.toml:5: [data] source: the data has one origin: keep either `path` or `source`",
        "mlops.toml:6: [data] fetch: the data has one origin: keep either `path` or `fetch`",
    ]


def test_a_fingerprint_of_the_command_needs_one(folder):
    assert "needs `fetch`" in folder.problems(TRAIN + '[data]\npath = "a"\nfingerprint = "command"\n')[0]


@pytest.mark.parametrize("key", ["requirements", "dockerfile"])
def test_named_files_exist(folder, key):
    folder.write("", "requirements.txt")
    folder.write("", "Dockerfile")
    (folder.root / "folder").mkdir()
    (problem,) = folder.problems(TRAIN + f'[image]\n{key} = "nothing.here"\n')
    assert problem == f"mlops.toml:4: [image] {key}: there is no file nothing.here in {folder.root}"
    (problem,) = folder.problems(TRAIN + f'[image]\n{key} = "requirement.txt"\n')
    assert problem.endswith("did you mean `requirements.txt`?")
    (problem,) = folder.problems(TRAIN + f'[image]\n{key} = "folder"\n')
    assert problem.endswith("folder is a folder, not a file")
    (problem,) = folder.problems(TRAIN + f'[image]\n{key} = "{"x" * 5000}"\n')
    assert "there is no file" in problem
    folder.load(TRAIN + '[image]\nrequirements = "requirements.txt"\ndockerfile = "Dockerfile"\n')


def test_files_are_looked_for_beside_the_configuration(folder):
    folder.write("", "part/requirements.txt")
    path = folder.write(TRAIN + '[image]\nrequirements = "requirements.txt"\n', "part/mlops.toml")
    folder.load(config=path)


@pytest.mark.parametrize("rule", ["floor = 0.9", "margin = 0.1", 'slices = ["a"]'])
def test_a_rule_needs_a_metric(folder, rule):
    (problem,) = folder.problems(TRAIN + f"[evaluate]\n{rule}\n")
    assert "needs `metric`" in problem
    folder.load(TRAIN + f'[evaluate]\n{rule}\nmetric = "accuracy"\n')


@pytest.mark.parametrize("store", ["http://x", "s3://", "s3:///x"])
def test_bad_stores(folder, store):
    (problem,) = folder.problems(TRAIN + f'[publish]\nstore = "{store}"\n')
    assert problem == "mlops.toml:4: [publish] store: expected s3://bucket/prefix, or a folder"


@pytest.mark.parametrize("store", ["s3://bucket", "s3://bucket/a/b", "/srv/models", "models"])
def test_good_stores(folder, store):
    folder.load(TRAIN + f'[publish]\nstore = "{store}"\n')


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("nodes = 2\n", '[train] nodes: several nodes need [train] rendezvous = "host:port", an address of node 0'),
        ("node = 1\n", "[train] node: there is no node 1 of 1: they count from 0"),
        (
            'nodes = 2\nrendezvous = "node-0"\n',
            '[train] rendezvous: expected a host and a port, such as `node-0:29400`, found the string "node-0"',
        ),
        ("processes = 0\n", "[train] processes: "),
    ],
)
def test_nodes_and_processes(folder, lines, message):
    (problem,) = folder.problems(TRAIN + lines)
    assert message in problem


def test_nodes_that_make_sense(folder):
    settings = folder.load(TRAIN + 'nodes = 2\nnode = 1\nrendezvous = "node-0:29400"\nprocesses = 4\n')
    assert settings.tables.train.rendezvous == "node-0:29400"
