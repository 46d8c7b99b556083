"""The table `[signing]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from mlops_ci.settings.marks import Example, Form, Stricter
from mlops_ci.settings.table import Table
from mlops_ci.settings.words import Address, Text

# What stands here instead may be the secret itself, so it is never shown.
KeyPlace = Annotated[
    str,
    Form(r"^(env://[A-Za-z_][A-Za-z0-9_]*|[A-Za-z0-9_./~][^\r\n]*)$", "a file, or env://VARIABLE", hidden=True),
]
SecretPlace = Annotated[
    str,
    Form(r"^(env://[A-Za-z_][A-Za-z0-9_]*|[^\r\n]*/[^\r\n]*)$", "env://VARIABLE, or a file with a `/`", hidden=True),
]


@dataclass(frozen=True, kw_only=True)
class SigningSettings(Table):
    """Who signs the images that are built and the models that are published, and whose signature they must have."""

    key: Annotated[KeyPlace | None, Example("env://COSIGN_PRIVATE_KEY")] = None
    """The private key that signs them: `env://VARIABLE` with its PEM text, or a file. `mlops-ci images keys` makes
    one."""
    password: SecretPlace = "env://COSIGN_PASSWORD"  # noqa: S105  # the name of a variable
    """Where the key's password is: `env://VARIABLE`, or a file whose path has a `/`."""
    keyless: bool = False
    """Sign with the identity of the CI job instead of a key. It needs the program `cosign` on the machine that
    builds."""
    public_key: Annotated[Text | None, Example("cosign.pub"), Stricter("same")] = None
    """Whose signature counts: the public key, as a file, `env://VARIABLE`, or its PEM text."""
    identity: Annotated[
        Text | None, Example("https://github.com/org/mlops-ci/.github/workflows/train.yml@v1"), Stricter("listed")
    ] = None
    """The identity that must have signed keylessly: on GitHub the workflow file that ran, with its ref. Beside a
    public key both signatures must be there."""
    issuer: Annotated[Address | None, Example("https://token.actions.githubusercontent.com"), Stricter("listed")] = None
    """Who must have vouched for that identity."""
    required: Annotated[Literal["always", "verify", "never"], Stricter("earlier")] = "never"
    """When an image must have that signature: `always` before any job runs in it, before `verify` (and train) runs in
    it, or `never`."""
    models: Annotated[Literal["required", "signed", "never"], Stricter("earlier")] = "signed"
    """Published models: with `signed` they are signed where a key or an identity is, and a wrong signature is refused;
    with `required` a model without one is refused too; or `never` signed and never looked at."""
