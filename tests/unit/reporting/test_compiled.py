"""Templates are compiled once; whatever is wrong with what is kept, the page is written."""

import os
import sys
from pathlib import Path

import jinja2
import pytest

from mlops_ci.reporting.compiled import BesideTemplates


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "page.html").write_text("{% include 'part.html' %}")
    (tmp_path / "part.html").write_text("before {{ x }}")
    return tmp_path


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The names of the templates that were compiled."""
    names: list[str | None] = []
    real = jinja2.Environment.compile

    def counted(self, source, name=None, *words, **more):
        names.append(name)
        return real(self, source, name, *words, **more)

    monkeypatch.setattr(jinja2.Environment, "compile", counted)
    return names


def page(folder: Path) -> str:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), autoescape=True, bytecode_cache=BesideTemplates(folder)
    )
    return made.get_template("page.html").render(x="<")


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "__pycache__").glob("*"))


def test_a_template_is_compiled_once_and_again_when_it_changed(folder, compiled):
    assert [page(folder), page(folder)] == ["before &lt;"] * 2
    assert compiled == ["page.html", "part.html"]
    assert len(kept(folder)) == 2
    (folder / "part.html").write_text("after {{ x }}")
    assert page(folder) == "after &lt;"
    assert compiled == ["page.html", "part.html", "part.html"]


@pytest.mark.parametrize("content", [b"", b"j2", b"\0" * 400, None])
def test_what_is_damaged_is_compiled_anew(folder, compiled, content):
    page(folder)
    for path in kept(folder):
        path.write_bytes(path.read_bytes()[:-9] if content is None else content)
    assert page(folder) == "before &lt;"
    assert compiled == ["page.html", "part.html"] * 2


def test_where_nothing_can_be_kept_the_page_is_written(folder, compiled, monkeypatch):
    (folder / "__pycache__").write_text("a file where the folder would be")
    assert [page(folder), page(folder)] == ["before &lt;"] * 2
    os.unlink(folder / "__pycache__")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert page(folder) == "before &lt;"
    assert not kept(folder)
    assert compiled == ["page.html", "part.html"] * 3
