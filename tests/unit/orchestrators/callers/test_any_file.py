"""Whatever stands in a caller's files, the review ends with findings and never with an error of ours."""

from __future__ import annotations

import random

import pytest

from mlops_ci.orchestrators.callers.gitlab_starter import NAME

from .conftest import WORKFLOW, Repository

PIECES = (
    "{}",
    "[]",
    "[{}]",
    "5",
    "true",
    "~",
    "''",
    "&a [*a]",
    "!x y",
    "<<: 1",
    "? [a]\n: b",
    "\t",
    "- ",
    "\x00",
    "${{",
    "*b",
)


@pytest.mark.parametrize("seed", range(12))
def test_a_file_that_was_mangled(repository: Repository, seed: int):
    chance = random.Random(seed)
    for name in (WORKFLOW, NAME):
        original = (repository.root / name).read_text().splitlines()
        for _ in range(4):
            lines = list(original)
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(lines))
                key, colon, _ = lines[at].partition(":")
                lines[at] = chance.choice(
                    ("", f"{key}{colon} {chance.choice(PIECES)}", chance.choice(PIECES), key, lines[at] * 2)
                )
            repository.write(name, "\n".join(lines) + "\n")
            review = repository.github() if name == WORKFLOW else repository.gitlab()
            assert all(one.line >= 1 and one.message for one in review.findings)
