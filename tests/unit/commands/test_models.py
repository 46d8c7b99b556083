"""The commands on published models, as somebody calls them: the registry has no server here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mlops_ci import cli
from mlops_ci.stages.premises import Premises
from mlops_ci.stores.local import LocalStore
from support.published import MODEL, Published, age, published, run_id
from support.report_run import make_run

__all__ = ["published"]


@pytest.fixture
def call(published: Published, monkeypatch, capsys):
    """Call `mlops-ci` in the project: exit code, standard output, standard error."""
    monkeypatch.chdir(published.root)
    monkeypatch.setattr(Premises, "registry", published.premises.registry)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            cli.main(list(arguments))
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return run


@pytest.fixture
def two(published: Published) -> Published:
    for number in (1, 2):
        published.version(number)
    published.alias(champion="2", previous_champion="1")
    return published


def test_rollback_says_what_it_did_and_how_to_undo_it(two, call):
    code, out, err = call("rollback")
    assert code == 0
    assert out.splitlines() == [
        f"digits: restored: the champion is version 1 (run {run_id(1)}); it was version 2",
        "to undo this: mlops-ci rollback digits --to 2",
    ]
    assert "every file verified" in err
    code, out, _ = call("rollback", "digits")
    assert (code, out.splitlines()[0]) == (0, "digits: version 1 is the champion already; nothing was moved")
    assert "--to 2" in out
    assert two.client.moves == [("champion", "1")]


def test_rollback_from_a_version_that_is_not_the_champion_any_more_moves_nothing(two, call, monkeypatch, tmp_path):
    code, _, err = call("rollback", "--expected", "1")
    assert (code, two.client.moves) == (4, [])
    assert "the champion of 'digits' is version 2 now, not 1" in err
    # What a CI system hands over, and what it gets back.
    outputs = tmp_path / "outputs"
    words = {"MODEL": MODEL, "TO": "", "EXPECTED": "2"}
    for name, value in words.items():
        monkeypatch.setenv(f"MLOPS_CI_ROLLBACK_{name}", value)
    for name, value in {"MLOPS_CI_PROVIDER": "github", "GITHUB_OUTPUT": str(outputs), "MLOPS_CI_DRY_RUN": ""}.items():
        monkeypatch.setenv(name, value)
    for moved in ("true", "false"):
        code, _, err = call("rollback")
        assert code == 0, err
        assert outputs.read_text().splitlines()[-5] == moved
    assert two.client.moves == [("champion", "1")]


def test_a_dry_run_verifies_and_moves_nothing(two, call):
    code, out, _ = call("rollback", "--dry-run", "--json")
    found = json.loads(out)
    assert (code, found["to"], found["from"], found["moved"]) == (0, "1", "2", False)
    assert two.client.moves == []
    two.object_of(1).unlink()
    code, _, err = call("rollback", "--dry-run")
    assert (code, two.client.moves) == (4, [])
    assert "model/model.safetensors: missing" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["other"], 2, "has no champion"),
        (["--to", "9"], 2, "has no version 9"),
        (["--to", "champion"], 2, "a version is a number"),
        (["a'b"], 2, "names nothing that was published"),
    ],
)
def test_what_can_not_be_rolled_back(two, call, arguments, code, words):
    found, out, err = call("rollback", *arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert two.client.moves == []


def test_list_names_run_version_alias_size_and_date(two, call):
    two.version(3, register=False)
    code, out, _ = call("artifacts", "list", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {(row["version"], tuple(row["aliases"]), row["run"]) for row in rows} == {
        (None, (), run_id(3)),
        ("2", ("champion",), run_id(2)),
        ("1", ("previous_champion",), run_id(1)),
    }
    assert all(row["bytes"] == 902 and row["files"] == 2 and row["published_at"].startswith("20") for row in rows)
    _, out, _ = call("artifacts", "list", "digits")
    assert out.splitlines()[0].split() == [
        "model", "version", "aliases", "run", "verdict", "files", "size", "published", "manifest",
    ]  # fmt: skip
    assert call("artifacts", "list", "other")[1].startswith("nothing was published in ")


def test_list_goes_on_without_the_registry_and_says_that_it_did(two, call):
    two.connection.down = True
    code, out, err = call("artifacts", "list")
    assert code == 0
    assert out.splitlines()[1].split()[:3] == ["digits", "?", "?"]
    assert "could not be asked" in err


@pytest.mark.parametrize("name", ["digits@1", "digits@previous_champion", run_id(1), "manifest"])
def test_get_by_each_name_gives_the_same_files(two, call, tmp_path, name):
    name = two.client.models[MODEL]["1"]["mlops.manifest"] if name == "manifest" else name
    code, out, _ = call("artifacts", "get", name, "--to", str(tmp_path / "out"))
    assert (code, out.strip()) == (0, str(tmp_path / "out"))
    assert (tmp_path / "out/model/model.safetensors").read_bytes() == b"weights 1" * 100
    assert [path.name for path in tmp_path.iterdir() if path.name != "project"] == ["out"]


def test_get_again_changes_nothing_and_writes_over_nothing(two, call, tmp_path):
    target = str(tmp_path / "out")
    assert call("artifacts", "get", "digits@1", "--to", target)[0] == 0
    code, _, err = call("artifacts", "get", "digits@1", "--to", target)
    assert (code, "it was there already" in err) == (0, True)
    code, _, err = call("artifacts", "get", "digits@2", "--to", target)
    assert (code, "holds something else" in err) == (2, True)
    assert (tmp_path / "out/model/model.safetensors").read_bytes() == b"weights 1" * 100


def test_get_leaves_no_folder_when_a_file_is_damaged_and_goes_on_when_it_was_mended(two, call, tmp_path):
    path, right = two.object_of(1), two.object_of(1).read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"x" * len(right))
    assert call("artifacts", "get", "digits@1", "--to", str(tmp_path / "out"))[0] == 4
    assert not (tmp_path / "out").exists()
    path.write_bytes(right)
    assert call("artifacts", "get", "digits@1", "--to", str(tmp_path / "out"))[0] == 0
    assert {one.name for one in tmp_path.iterdir()} == {"out", "project"}


def test_get_a_part(two, call, tmp_path):
    two.version(4, **{"outputs/log.txt": b"long"})
    assert call("artifacts", "get", "digits@4", "--to", str(tmp_path / "out"), "--only", "model/")[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model"]
    assert call("artifacts", "get", "digits@4", "--to", str(tmp_path / "x"), "--only", "nothing/")[0] == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits", "names nothing that was published"),
        ("digits@7", "has no digits@7"),
        ("digits@best", "has no digits@best"),
        ("20200101-000000-000000", "has published nothing in"),
        ("../x@1", "can't be called"),
    ],
)
def test_a_name_of_nothing(two, call, name, words):
    code, _, err = call("artifacts", "get", name)
    assert (code, words in err) == (2, True), err


def test_verify_one_and_all(two, call):
    code, out, _ = call("artifacts", "verify")
    assert (code, out.count("✓"), "2 files, 902 B" in out) == (0, 2, True)
    two.object_of(2).unlink()
    assert call("artifacts", "verify", "digits@1")[0] == 0
    code, out, err = call("artifacts", "verify")
    assert (code, out.count("✓"), out.count("✗")) == (1, 1, 1)
    assert "model/model.safetensors: missing" in err


def test_verify_reads_what_bundles_share_once_and_tells_of_a_damaged_manifest(two, call, monkeypatch):
    read, hash_object = [], LocalStore.hash_object
    monkeypatch.setattr(LocalStore, "hash_object", lambda self, key: (read.append(key), hash_object(self, key))[1])
    assert call("artifacts", "verify")[0] == 0
    assert len(read) == len(set(read)) == 3
    two.store.put_bytes(two.client.models[MODEL]["1"]["mlops.manifest"], b"{}", only_if_absent=False)
    code, out, _ = call("artifacts", "verify", "--json")
    assert code == 1
    assert sorted(one["whole"] for one in json.loads(out)) == [False, True]


def test_gc_deletes_nothing_unless_it_is_told_to(two, call):
    two.store.put_bytes("objects/ab/" + "ab" * 32, b"left", only_if_absent=True)
    age(two.store, "objects/", 2 * 86400)
    code, out, _ = call("artifacts", "gc")
    assert (code, out.splitlines()[-1]) == (0, "1 may go, 4 B: nothing was deleted, --delete does it")
    assert call("artifacts", "gc", "--delete")[1].splitlines()[-1].startswith("deleted 1 objects, 4 B")
    assert call("artifacts", "gc", "--delete")[1].splitlines()[-1] == "nothing to delete"
    assert call("artifacts", "verify")[0] == 0


def test_gc_keeps_what_aliases_point_at(two, call):
    for number in (3, 4, 5):
        two.version(number)
    age(two.store, "", 9 * 86400)
    age(two.store, two.client.models[MODEL]["5"]["mlops.manifest"], 8 * 86400)
    code, out, _ = call("artifacts", "gc", "--delete", "--keep", "1", "--json")
    found = json.loads(out)
    assert (code, len(found["manifests"]), len(found["objects"])) == (0, 2, 2)
    _, out, _ = call("artifacts", "list", "--json")
    assert {row["version"] for row in json.loads(out)} == {"1", "2", "5"}
    assert call("artifacts", "verify")[0] == 0


def test_gc_with_keep_asks_the_registry_or_deletes_nothing(two, call):
    age(two.store, "", 9 * 86400)
    two.connection.down = True
    assert call("artifacts", "gc", "--delete", "--keep", "1")[0] == 10
    assert call("artifacts", "gc", "--delete")[0] == 0, "without --keep nobody has to be asked"
    assert len(list(two.store.list("models/"))) == 2


@pytest.mark.parametrize(("text", "words"), [("5m", "nothing younger than 1h"), ("soon", "expected seconds")])
def test_gc_takes_no_age_at_which_a_publish_may_still_run(published, call, text, words):
    code, _, err = call("artifacts", "gc", "--older-than", text)
    assert (code, words in err) == (2, True)


def test_compare_a_run_that_is_here_with_what_was_published(two, call, tmp_path):
    folder = make_run(two.root / ".mlops")
    two.version(3, **{"metrics.jsonl": b'{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n'})
    code, out, err = call("compare", folder.name, "digits@champion", "digits@3")
    assert (code, out.strip()) == (0, "comparison.html"), err
    page = (two.root / "comparison.html").read_text()
    for words in ("digits@champion = digits@2", "accuracy", "0.9142", "c3", "4 min 4 s"):
        assert words in page, words
    assert page.count("<svg") >= 3
    _, out, _ = call("compare", "latest", "digits@2", "--format", "markdown")
    assert "| accuracy | 0.9142 | 0.92 (+0.0058) |" in out
    code, out, _ = call("compare", "digits@1", "digits@2", "--format", "json", "--output", str(tmp_path / "x.json"))
    document = json.loads(Path(out.strip()).read_text())
    assert [side["version"] for side in document["sides"]] == ["1", "2"]


def test_compare_takes_intervals_from_kept_predictions(two, call):
    folder = make_run(two.root / ".mlops")
    other = folder.with_name("20261122-031510-4fe1c3")
    shutil.copytree(folder, other)
    run = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps({**run, "run": other.name}))
    for place, wrong in ((folder, 171), (other, 120)):
        record = json.loads((place / "records/evaluate.json").read_text())
        record["outputs"]["metrics"] = {"accuracy": (2000 - wrong) / 2000}
        (place / "records/evaluate.json").write_text(json.dumps(record))
        lines = [f"{n},1,{int(n >= wrong)},{'ab'[n % 2]}" for n in range(2000)]
        path = place / "evaluate/challenger/output/predictions.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["id,target,prediction,class", *lines]) + "\n")
    code, out, err = call("compare", folder.name, other.name, "--format", "json")
    assert code == 0, err
    document = json.loads(out)
    assert document["metrics"][0]["differences"][1]["value"] == pytest.approx(0.0255)
    low, high = document["metrics"][0]["differences"][1]["interval"]
    assert 0.015 < low < 0.0255 < high < 0.036
    assert [row["name"] for row in document["slices"]] == [f"accuracy where class is {one}" for one in "ab"]


def test_compare_needs_something_that_exists(two, call):
    assert call("compare", "digits@77")[0] == 2
    assert call("compare")[0] == 2
    assert call("compare", "digits@1", "--output", "/proc/nowhere/x.html")[0] == 3
