"""Which files a build sees: the rules of `.dockerignore`, as the Dockerfile reference has them."""

from pathlib import Path

import pytest

from mlops_ci.images.build_context import IgnoreRules, context_files, ignore_text

CASES = [
    (["*.md"], "README.md", True),
    (["*.md"], "docs/README.md", False),
    (["**/*.md"], "docs/README.md", True),
    (["**/*.md"], "README.md", True),
    (["docs"], "docs/a/b.txt", True),
    (["/docs/"], "docs/a", True),
    (["docs", "!docs/keep.txt"], "docs/keep.txt", False),
    (["docs", "!docs/keep.txt"], "docs/other.txt", True),
    (["*", "!src"], "src/a.py", False),
    (["*", "!src"], "setup.py", True),
    (["temp?"], "temp1", True),
    (["temp?"], "temp12", False),
    (["a/**/z"], "a/z", True),
    (["a/**/z"], "a/b/c/z", True),
    (["[ab].txt"], "b.txt", True),
    (["# comment", "", "  x  "], "x", True),
    (["a+b.(c)"], "a+b.(c)", True),
]


@pytest.mark.parametrize(("lines", "path", "ignored"), CASES)
def test_rules(lines: list[str], path: str, ignored: bool) -> None:
    assert IgnoreRules(tuple(lines)).ignores(path) is ignored


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.py", "src/b.py", "src/deep/c.py", "data/big.bin", ".git/HEAD", ".mlops/runs/x", "src/.mlops"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "linked").symlink_to("src")
    return tmp_path


def seen(root: Path, lines: list[str], copies: list[str] | None) -> list[str]:
    return [file.path for file in context_files(root, IgnoreRules(tuple(lines)), copies)]


def test_the_history_and_our_own_folder_are_never_seen(tree: Path) -> None:
    assert seen(tree, [], None) == ["a.py", "linked", "data/big.bin", "src/.mlops", "src/b.py", "src/deep/c.py"]


@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        (["a.py"], ["a.py"]),
        (["src"], ["src/.mlops", "src/b.py", "src/deep/c.py"]),
        (["/src/*.py"], ["src/b.py"]),
        (["s*"], ["src/.mlops", "src/b.py", "src/deep/c.py"]),
        ([], []),
        (["./"], ["a.py", "linked", "src/.mlops", "src/b.py", "src/deep/c.py"]),
    ],
)
def test_only_what_is_copied_counts(tree: Path, copies: list[str], expected: list[str]) -> None:
    assert seen(tree, ["data"], copies) == expected


def test_exceptions_below_an_ignored_folder(tree: Path) -> None:
    assert seen(tree, ["*", "!src/deep"], None) == ["src/deep/c.py"]


def test_the_ignore_file_beside_the_dockerfile_wins(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("root")
    assert ignore_text(tmp_path, tmp_path / "Dockerfile") == "root\n.git\n.mlops\n"
    (tmp_path / "Dockerfile.dockerignore").write_text("own\n")
    assert ignore_text(tmp_path, tmp_path / "Dockerfile") == "own\n.git\n.mlops\n"
    assert ignore_text(tmp_path / "other", tmp_path / "X") == ".git\n.mlops\n"
