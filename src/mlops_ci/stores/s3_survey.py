"""Which of many keys exist already, with few questions: a LIST page answers for up to 1,000 keys."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mlops_ci.stores.base import ObjectInfo
from mlops_ci.stores.parallel import in_parallel

ListPage = Callable[[str], tuple[list[ObjectInfo], bool]]
"""One LIST: the first page of the keys that start with a prefix, and whether there are more."""


@dataclass
class Survey:
    """`known` says what is there (None: nothing); the keys in `unknown` must be asked for one by one."""

    known: dict[str, ObjectInfo | None] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)

    def add(self, keys: Iterable[str], page: list[ObjectInfo], *, more: bool) -> None:
        """Note what one page says about `keys`. Beyond the last key of a cut page nothing is known."""
        found = {info.key: info for info in page}
        last = page[-1].key.encode() if page else b""
        for key in keys:
            if more and key.encode() > last:
                self.unknown.add(key)
            else:
                self.known[key] = found.get(key)


def survey(keys: Iterable[str], list_page: ListPage, *, workers: int) -> Survey:
    """Ask for all keys at once; where one page is not enough, once per folder. Keys alone in a folder stay unknown."""
    wanted = sorted(set(keys))
    result = Survey()
    if len(wanted) < 2:
        result.unknown.update(wanted)
        return result
    page, more = _ask(list_page, wanted)
    result.add(wanted, page, more=more)
    if not result.unknown:
        return result
    folders: dict[str, list[str]] = defaultdict(list)
    for key in result.unknown:
        folders[key.rpartition("/")[0]].append(key)
    result.unknown = {keys[0] for keys in folders.values() if len(keys) == 1}
    groups = [keys for keys in folders.values() if len(keys) > 1]
    answers = in_parallel(lambda group: _ask(list_page, group), groups, workers=workers)
    for group, (found, cut) in zip(groups, answers, strict=True):
        result.add(group, found, more=cut)
    return result


def _ask(list_page: ListPage, keys: list[str]) -> tuple[list[ObjectInfo], bool]:
    # Character by character is what a LIST prefix means.
    return list_page(os.path.commonprefix(keys))  # noqa: RUF071
