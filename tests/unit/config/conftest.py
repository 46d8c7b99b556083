"""A folder with a configuration, and the two ways in which loading it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mlops_ci.config.errors import ConfigError
from mlops_ci.config.guard import Base
from mlops_ci.config.load import load
from mlops_ci.settings.settings import Settings

TRAIN = '[train]\ncommand = "python train.py"\n'


class Folder:
    """A repository of one test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".git").mkdir(parents=True)

    def write(self, text: str | bytes, name: str = "mlops.toml") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(
        self,
        text: str | bytes | None = None,
        *,
        config: Path | None = None,
        mode: str | None = None,
        environ: Mapping[str, str] | None = None,
        sets: Sequence[str] = (),
        flags: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        governed: bool = False,
        base: Base | None = None,
    ) -> Settings:
        if text is not None:
            self.write(text)
        return load(
            config,
            cwd=cwd or self.root,
            mode=mode,
            environ=environ or {},
            sets=sets,
            flags=flags,
            governed=governed,
            base=base,
        )

    def error(self, *arguments, **options) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            self.load(*arguments, **options)
        assert caught.value.exit_code == 2
        return caught.value

    def problems(self, *arguments, **options) -> list[str]:
        return [str(problem) for problem in self.error(*arguments, **options).problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "digits")


@pytest.fixture
def docs_page() -> str:
    """The page about policies."""
    return (Path(__file__).parents[3] / "docs" / "policy.md").read_text()


@pytest.fixture
def docs_policy(docs_page: str) -> str:
    """The policy that it shows."""
    return docs_page.split('```toml title="policy.toml"\n', 1)[1].split("```", 1)[0]
