"""The zipapp, and the rules that what is in it must keep."""

import ast
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pytest

import mlops_ci.guest
from mlops_ci.guest import bundle

ROOT = Path(mlops_ci.guest.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
ALSO = {"torch", "pynvml"}


def test_equal_sources_give_equal_bytes(tmp_path):
    first = bundle.build(tmp_path / "one" / "guest.pyz")
    second = bundle.build(tmp_path / "two.pyz")
    assert first.read_bytes() == second.read_bytes()
    stamp = first.stat().st_mtime_ns
    assert bundle.build(first) == first
    assert first.stat().st_mtime_ns == stamp


def test_it_is_small_and_holds_only_the_guest():
    data = bundle.content()
    assert len(data) < 300_000
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert names == sorted(names)
    assert {name for name in names if not name.startswith("mlops_ci/guest/")} == {"__main__.py", "mlops_ci/__init__.py"}
    assert "mlops_ci/guest/vendor/pynvml.py" in names


def test_a_changed_source_changes_the_digest(monkeypatch):
    before = hashlib.sha256(bundle.content()).hexdigest()
    monkeypatch.setattr(bundle, "MAIN", bundle.MAIN + "\n")
    assert hashlib.sha256(bundle.content()).hexdigest() != before


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_3_9_can_read_it(path):
    ast.parse(path.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_it_needs_the_standard_library_alone(path):
    """Imports of ours stay below `mlops_ci.guest`; torch and NVML's binding are used where they are.

    So is papermill, by the one part that runs notebooks.
    """
    also = ALSO | ({"papermill"} if path.name == "notebook.py" else set())
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            assert top in sys.stdlib_module_names | also or name.startswith("mlops_ci.guest"), name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_newer_than_python_3_9_is_evaluated(path):
    """What the grammar allows and 3.9 cannot do: unions outside annotations, newer arguments."""
    tree = ast.parse(path.read_text())
    has_future = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    text = path.read_text()
    assert has_future or " | " not in text
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            arguments = {keyword.arg for keyword in node.keywords}
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            assert not (name == "zip" and "strict" in arguments)
            assert not (name == "dataclass" and arguments & {"kw_only", "slots"})
            assert name not in {"file_digest", "bit_count", "pairwise", "isinstance_union"}
