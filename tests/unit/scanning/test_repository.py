import pytest

from mlops_ci.scanning import repository
from mlops_ci.scanning.repository import named_like_dockerfile


@pytest.mark.parametrize(
    "path",
    [
        "Dockerfile",
        "dockerfile",
        "a/b/Dockerfile.gpu",
        "gpu.Dockerfile",
        "gpu.dockerfile",
        "Containerfile",
        "x.containerfile",
        "Dockerfile-old",
        "my_Dockerfile",
    ],
)
def test_whatever_may_be_a_dockerfile_is_judged(path):
    assert named_like_dockerfile(path)


@pytest.mark.parametrize("path", ["train.py", "Dockerfile.d/notes.txt", "docker-compose.yml", "docs/docker.md"])
def test_no_other_file_loads_the_rules(path):
    assert not named_like_dockerfile(path)


@pytest.mark.parametrize(
    ("secrets", "dockerfiles", "options"),
    [
        (True, False, ["--scanners", "secret"]),
        (True, True, ["--scanners", "secret,misconfig", "--misconfig-scanners", "dockerfile"]),
        (False, True, ["--scanners", "misconfig", "--misconfig-scanners", "dockerfile"]),
    ],
)
def test_only_what_is_there_is_looked_for(secrets, dockerfiles, options):
    assert repository._scanners(secrets=secrets, dockerfiles=dockerfiles) == options


@pytest.mark.parametrize(
    ("wanted", "found", "missing"),
    [
        ("secret", set(), "secret"),
        ("secret,misconfig", {"secret"}, "misconfiguration"),
        ("secret,misconfig", {"misconfiguration"}, "secret"),
        ("misconfig", {"secret"}, "misconfiguration"),
    ],
)
def test_a_scan_that_did_not_find_what_was_planted_is_broken(wanted, found, missing):
    with pytest.raises(repository.ScannerBrokenError, match=f"the planted {missing}"):
        repository._prove(found, wanted=wanted)


def test_a_scan_that_found_them_has_looked():
    repository._prove({"secret", "misconfiguration"}, wanted="secret,misconfig")
    repository._prove({"secret"}, wanted="secret")
