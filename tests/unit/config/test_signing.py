"""The table [signing]: whether its settings make sense together, and that nothing secret is shown."""

from __future__ import annotations

import pytest

TRAIN = '[train]\ncommand = "python train.py"\n[signing]\n'
PUBLIC = 'public-key = "cosign.pub"\n'
IDENTITY = 'identity = "https://github.com/org/x/.github/workflows/y.yml@refs/heads/main"\n'
ISSUER = 'issuer = "https://token.actions.githubusercontent.com"\n'


def test_the_defaults_sign_nothing_and_ask_for_nothing(folder):
    found = folder.load(TRAIN).tables.signing
    assert (found.key, found.keyless, found.required, found.password) == (None, False, "never", "env://COSIGN_PASSWORD")


@pytest.mark.parametrize(
    "lines",
    [
        'key = "env://COSIGN_PRIVATE_KEY"\n',
        'key = "keys/cosign.key"\npassword = "/run/secrets/cosign"\n',
        "keyless = true\n",
        f'{PUBLIC}required = "verify"\n',
        f'{IDENTITY}{ISSUER}required = "always"\n',
        f'{PUBLIC}{IDENTITY}{ISSUER}required = "verify"\n',
    ],
)
def test_what_makes_sense_is_taken(folder, lines):
    folder.load(TRAIN + lines)


@pytest.mark.parametrize(
    ("lines", "at", "message"),
    [
        ('key = "a.key"\nkeyless = true\n', "key", "either a key signs, or `keyless`"),
        ('required = "verify"\n', "required", "needs `public-key`, or `identity` and `issuer`"),
        (IDENTITY, "identity", "needs `issuer`"),
        (ISSUER, "issuer", "needs `identity`"),
        ('required = "sometimes"\n', "required", '"always"'),
        ('issuer = "github"\n', "issuer", "an address that begins with http"),
    ],
)
def test_what_does_not_is_told_with_its_line(folder, lines, at, message):
    problems = folder.problems(TRAIN + lines)
    assert any(one.startswith("mlops.toml:") and f"[signing] {at}" in one and message in one for one in problems)


@pytest.mark.parametrize("line", ['password = "hunter2"', 'key = """-----BEGIN X-----\nhunter2\n-----END X-----"""'])
def test_a_secret_in_the_file_is_an_error_that_does_not_show_it(folder, line):
    problems = folder.problems(f"{TRAIN}{line}\n")
    assert problems
    assert "hunter2" not in "".join(problems)
    assert "env://VARIABLE" in "".join(problems)
