"""Whether the settings of `[signing]` make sense together."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.config.finding import Finding
from mlops_ci.config.keys import Key
from mlops_ci.settings.settings import Tables

KEY: Key = ("signing", "key")
PUBLIC: Key = ("signing", "public-key")
IDENTITY: Key = ("signing", "identity")
ISSUER: Key = ("signing", "issuer")


def signing(tables: Tables) -> Iterator[Finding]:
    """Everything about signatures that makes no sense."""
    given = tables.signing
    if given.keyless and given.key is not None:
        yield Finding(key=KEY, message="either a key signs, or `keyless`: keep one of them")
    for key, own, other, name in (
        (IDENTITY, given.identity, given.issuer, "issuer"),
        (ISSUER, given.issuer, given.identity, "identity"),
    ):
        if own is not None and other is None:
            yield Finding(key=key, message=f"needs `{name}`: an identity is one only together with who vouches for it")
    if given.required != "never" and given.public_key is None and given.identity is None:
        message = "needs `public-key`, or `identity` and `issuer`: whose signature counts"
        yield Finding(key=("signing", "required"), message=message, given=(PUBLIC, IDENTITY))
