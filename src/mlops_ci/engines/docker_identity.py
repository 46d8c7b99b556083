"""As whom a container runs, so that what it writes belongs to the caller and it never is root of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Identity:
    """`user` is uid:gid inside the container. `hand_over`: this uid owns the writable folders while the job runs."""

    user: str
    userns_mode: str | None = None
    hand_over: int | None = None


def identity(uid: int, gid: int, *, security_options: Sequence[str], stand_in: int) -> Identity:
    """Whom the container runs as for a caller `uid`:`gid`.

    The caller's own ids; for root `stand_in`, who gets the writable folders for that time. `security_options` as
    `docker info` lists them: with a rootless engine the container's root *is* the caller, powerless outside; where user
    namespaces are remapped we ask for the host's own, since remapped ids could not write the caller's folders.
    """
    names = {part.removeprefix("name=") for option in security_options for part in option.split(",")}
    if "rootless" in names:
        return Identity(user="0:0")
    userns_mode = "host" if "userns" in names else None
    if uid == 0:
        return Identity(user=f"{stand_in}:{stand_in}", userns_mode=userns_mode, hand_over=stand_in)
    return Identity(user=f"{uid}:{gid}", userns_mode=userns_mode)
