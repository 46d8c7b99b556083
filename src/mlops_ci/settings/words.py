"""Kinds of text that several tables use: what a valid one looks like."""

from __future__ import annotations

from typing import Annotated

from mlops_ci.settings.marks import Form, Range

Count = Annotated[int, Range(0)]
Text = Annotated[str, Form(r"\S", "a text that is not empty")]
Name = Annotated[
    str,
    Form(
        r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        "a name of letters, digits, `.`, `_` and `-` that begins with a letter or digit",
    ),
]
Address = Annotated[str, Form(r"^https?://[^\s/]+", "an address that begins with http:// or https://")]
Meeting = Annotated[str, Form(r"^[^\s/:]+:[0-9]{1,5}$", "a host and a port, such as `node-0:29400`")]
Digest = Annotated[str, Form(r"^[0-9a-f]{64}$", "a SHA-256 as 64 digits of 0-9a-f")]
# What stands here instead is often the secret itself, so it is never shown.
VARIABLE = Form(r"^[A-Za-z_][A-Za-z0-9_]*$", "the name of an environment variable", hidden=True)
Variable = Annotated[str, VARIABLE]
