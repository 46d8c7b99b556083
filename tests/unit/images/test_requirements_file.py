"""The user's requirements file."""

from pathlib import Path

import pytest

from mlops_ci.images import requirements_file
from mlops_ci.images.requirements_file import RequirementsFile, RequirementsFileError


def read(root: Path, text: str) -> RequirementsFile:
    (root / "requirements.txt").write_text(text)
    return requirements_file.read("requirements.txt", root=root, torch="2.13.0+cpu", where="mlops.toml:3")


def test_included_files_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "dev.txt").write_text("-c limits.txt\npytest\n")
    (tmp_path / "more" / "limits.txt").write_text("pytest<9\n-r ../requirements.txt\n")
    found = read(tmp_path, "numpy\n-r more/dev.txt  # comment\n--constraint=more/limits.txt\n")
    assert found.main == "requirements.txt"
    assert set(found.files) == {"requirements.txt", "more/dev.txt", "more/limits.txt"}
    assert found.names == {"numpy", "pytest"}


@pytest.mark.parametrize(
    "line",
    [
        "torch",
        "torch>=2.10",
        "torch==2.13.0",
        "torch==2.13.0+cpu",
        "scikit-learn[all]==1.5 ; python_version > '3.8'",
        "numpy==2.0 \\\n    --hash=sha256:00",
        "--extra-index-url https://example.invalid/simple",
        "git+https://example.invalid/x.git",
        "x @ https://example.invalid/x.whl",
        "",
        "# comment",
    ],
)
def test_accepted(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, line + "\n").files == ("requirements.txt",)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("torch==2.9.0", "asks for another PyTorch than the layer below has (2.13.0+cpu)"),
        ("torch<2.13", "asks for another PyTorch"),
        ("torch @ https://example.invalid/torch.whl", "asks for another PyTorch"),
        ("-e .", "local package"),
        ("./mypackage", "local package"),
        ("mypackage @ file:///x", "local package"),
        ("not a requirement!", "is no requirement"),
        ("-r missing.txt", "missing.txt cannot be read: No such file"),
        ("-r ../outside.txt", "outside the project"),
    ],
)
def test_refused_with_file_and_line(tmp_path: Path, line: str, text: str) -> None:
    with pytest.raises(RequirementsFileError) as caught:
        read(tmp_path, f"# first\n\n{line}\n")
    assert caught.value.exit_code == 2
    assert caught.value.cause.startswith("requirements.txt:3: ")
    assert text in caught.value.cause


def test_a_missing_file_is_traced_to_the_setting(tmp_path: Path) -> None:
    with pytest.raises(RequirementsFileError, match=r"mlops\.toml:3: the requirements file x\.txt cannot be read"):
        requirements_file.read("x.txt", root=tmp_path, torch="2.13.0", where="mlops.toml:3")
