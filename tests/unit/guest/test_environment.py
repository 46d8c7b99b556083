"""The environment of a job."""

from dataclasses import replace
from pathlib import Path

from mlops_ci.guest import environment
from mlops_ci.guest.task import Paths, Task


def task(tmp_path, **more):
    paths = Paths(
        job=tmp_path / "job",
        work=tmp_path / "work",
        output=tmp_path / "work/outputs",
        tmp=tmp_path / "tmp",
        checkpoints=tmp_path / "c",
    )
    return Task(run="r-1", stage="train", kind="command", paths=paths, **more)


def made(tmp_path, inherited=None, **more):
    return environment.job_environment(task(tmp_path, **more), inherited or {}, tmp_path / "tmp/tmp")


def test_ours_win_over_the_tasks_and_these_over_what_is_inherited(tmp_path):
    variables = made(
        tmp_path,
        {"A": "inherited", "B": "inherited", "MLOPS_RUN_ID": "old", "HOME": "/root"},
        environment={"B": "task", "MLOPS_RUN_ID": "forged"},
    )
    assert (variables["A"], variables["B"], variables["MLOPS_RUN_ID"]) == ("inherited", "task", "r-1")
    assert variables["HOME"] == str(tmp_path / "tmp/home")


def test_a_folder_that_this_job_does_not_have_is_not_inherited(tmp_path):
    variables = made(tmp_path, {"MLOPS_DATA_DIR": "/another/runs/data"})
    assert "MLOPS_DATA_DIR" not in variables
    assert variables["MLOPS_CHECKPOINT_DIR"] == str(tmp_path / "c")


def test_python_finds_the_sdk_first_and_the_users_own_after_it(tmp_path):
    root = str(Path(environment.__file__).parents[2])
    assert made(tmp_path, {"PYTHONPATH": "/mine"})["PYTHONPATH"] == f"{root}:/mine"
    assert made(tmp_path)["PYTHONPATH"] == root
    tracked = made(tmp_path, {"PYTHONPATH": "/mine"}, environment={"MLFLOW_RUN_ID": "r"})
    assert tracked["PYTHONPATH"] == f"{root}/mlops_ci/guest/site:{root}:/mine"


def test_the_hash_seed_is_one_that_python_takes(tmp_path):
    assert made(tmp_path, seed=2**40 + 3)["PYTHONHASHSEED"] == "3"
    assert made(tmp_path, seed=-1)["PYTHONHASHSEED"] == str(2**32 - 1)


def test_all_places_to_write_are_created_below_the_tasks_own(tmp_path):
    environment.prepare_folders(task(tmp_path))
    for name, value in made(tmp_path).items():
        if name in environment.WRITABLE or name == "TMPDIR":
            assert Path(value).is_dir()
            assert Path(value).is_relative_to(tmp_path / "tmp")


def test_links_of_runs_that_are_gone_are_removed(tmp_path, monkeypatch):
    links = tmp_path / "links"
    links.mkdir()
    monkeypatch.setattr(environment, "LINKS", links)
    deep = tmp_path / ("d" * 100)
    (links / "mlops-tmp-gone").symlink_to(tmp_path / "gone")
    (links / "mlops-tmp-used").symlink_to(tmp_path)
    (links / "another-gone").symlink_to(tmp_path / "gone")
    environment.prepare_folders(task(deep))
    link = environment.short_tmpdir(task(deep))
    assert link.resolve() == deep / "tmp" / "tmp"
    assert environment.short_tmpdir(task(deep)) == link
    assert sorted(path.name for path in links.iterdir()) == sorted([link.name, "another-gone", "mlops-tmp-used"])


def test_a_foreign_file_of_the_links_name_is_left_alone(tmp_path):
    place = tmp_path / "link"
    place.write_text("x")
    environment.remove_link(place)
    assert place.read_text() == "x"


def test_packages_over_the_image_come_before_its_own_and_after_the_sdk(tmp_path):
    paths = replace(task(tmp_path).paths, extra=Path("/mlops/extra"))
    one = replace(task(tmp_path), paths=paths)
    variables = environment.job_environment(one, {"PYTHONPATH": "/mine", "PATH": "/usr/bin"}, tmp_path / "tmp/tmp")
    root = str(Path(environment.__file__).parents[2])
    assert variables["PYTHONPATH"] == f"{root}:/mlops/extra:/mine"
    assert variables["PATH"].startswith("/mlops/extra/bin:")
    assert variables["PATH"].endswith("/usr/bin")
