"""Which keys are allowed: those that name the same object in S3 and in a directory, on every machine."""

from __future__ import annotations

from mlops_ci.stores.errors import ObjectKeyError

# S3's limit for a key (AWS user guide, "Naming Amazon S3 objects"), in bytes of UTF-8.
LONGEST_KEY = 1024
# NAME_MAX of the usual Linux file systems, in bytes.
LONGEST_NAME = 255


def problem_with(key: str) -> str | None:
    """Why `key` can't be used, or None. A key is a relative path with `/` between its parts."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not valid UTF-8"
    checks = (
        (not key, "it is empty"),
        (size > LONGEST_KEY, f"it has {size} bytes, the limit is {LONGEST_KEY}"),
        (any(ord(char) < 0x20 or ord(char) == 0x7F for char in key), "it has a control character"),
        ("\\" in key, "it has a backslash"),
        (key.startswith("/"), "it is absolute"),
    )
    found = next((problem for wrong, problem in checks if wrong), None)
    return found or next(filter(None, map(_problem_with_part, key.split("/"))), None)


def _problem_with_part(part: str) -> str | None:
    if part in {"", ".", ".."}:
        return f"it has the part {part!r}"
    return f"a part of it is longer than {LONGEST_NAME} bytes" if len(part.encode()) > LONGEST_NAME else None


def check_key(key: str) -> str:
    """`key` itself; raises `ObjectKeyError` when it is not allowed."""
    problem = problem_with(key)
    if problem is not None:
        raise ObjectKeyError(f"the object key {key[:200]!r} can't be used: {problem}", hint="rename the file")
    return key
