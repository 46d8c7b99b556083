"""Which of many keys exist already, with few questions: a LIST page answers for up to 1,000 keys."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from mlops_ci.stores.base import ObjectInfo
from mlops_ci.stores.parallel import in_parallel

ListPage = Callable[[str, str], tuple[list[ObjectInfo], bool]]
"""One LIST: the first page of the keys that start with a prefix and come after a key, and whether there are more."""
# A page that answers for fewer keys than this costs more than asking for each of them.
WORTH = 8
# So many keys of one folder are asked for by one thread, page after page.
AT_ONCE = 1000


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
    if not _follow(list_page, wanted, result, pages=1):
        return result
    folders: dict[str, list[str]] = defaultdict(list)
    for key in sorted(result.unknown):
        folders[key.rpartition("/")[0]].append(key)
    result.unknown = {keys[0] for keys in folders.values() if len(keys) == 1}
    groups = [
        keys[start : start + AT_ONCE]
        for keys in folders.values()
        if len(keys) > 1
        for start in range(0, len(keys), AT_ONCE)
    ]
    for part in in_parallel(partial(_folder, list_page), groups, workers=workers):
        result.known.update(part.known)
        result.unknown.update(part.unknown)
    return result


def _folder(list_page: ListPage, keys: list[str]) -> Survey:
    """Page after page, as long as that is worth it; each begins at the first key that is not known yet."""
    found = Survey()
    _follow(list_page, keys, found, pages=len(keys))
    return found


def _follow(list_page: ListPage, wanted: list[str], result: Survey, *, pages: int) -> bool:
    """Ask for sorted keys; whether some are unknown afterwards."""
    # Character by character is what a LIST prefix means.
    prefix = os.path.commonprefix(wanted)  # noqa: RUF071
    # What comes before a key and after all that are smaller: the key without its last character.
    after = wanted[0][:-1]
    for _ in range(pages):
        result.unknown.difference_update(wanted)
        page, more = list_page(prefix, after)
        result.add(wanted, page, more=more)
        left = [key for key in wanted if key in result.unknown]
        if not left or len(wanted) - len(left) < WORTH:
            break
        wanted, after = left, max(page[-1].key, left[0][:-1]) if page else left[0][:-1]
    return bool(result.unknown)
