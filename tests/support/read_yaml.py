"""YAML as GitHub and as GitLab read it: by libyaml, which needs a tenth of the time of a reader in Python."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import yaml

_BOOL, _TIMESTAMP = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"


class _Loader(yaml.CSafeLoader):
    """In version 1.2 `on`, `yes` and dates are words."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in known if tag not in (_BOOL, _TIMESTAMP)]
        for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def read_yaml(text: str) -> Any:
    """The one document, as version 1.2 and GitHub read it."""
    return yaml.load(text, Loader=_Loader)


def read_documents(text: str) -> list[Any]:
    """All documents, as version 1.1 and GitLab read them."""
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))
