"""Verdicts in a store: one object per look, in a folder per node."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from mlops_ci.fleet.document import Health, HealthFormatError, read, written
from mlops_ci.guest.health.active.history import rates
from mlops_ci.guest.health.check import Check
from mlops_ci.stores.base import Store

UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
MOST = 50
"""Looks at a node that its own past is made of."""


def key_of(health: Health) -> str:
    """The object's key: the node, then the moment, so that a node's looks are in the order of time."""
    host = UNSAFE.sub("-", health.result.host).strip("-.") or "unknown"
    moment = re.sub(r"[^0-9TZ]", "", health.at)
    return f"{host}/{moment}-{UNSAFE.sub('-', health.run) or 'check'}.json"


def keep(store: Store, health: Health) -> None:
    """Add a look."""
    store.put_bytes(key_of(health), (json.dumps(written(health), indent=1) + "\n").encode(), only_if_absent=False)


def looks(store: Store, host: str = "", *, newest: int | None = None) -> Iterator[Health]:
    """The looks at a node (or all of them), oldest first; documents that are none of ours are passed over."""
    prefix = f"{UNSAFE.sub('-', host).strip('-.')}/" if host else ""
    keys = [one.key for one in store.list(prefix) if one.key.endswith(".json")]
    for key in keys[-newest:] if newest else keys:
        try:
            yield read(store.get_bytes(key), key)
        except HealthFormatError:
            continue


def past(found: Sequence[Health]) -> Mapping[str, Mapping[str, Sequence[float]]]:
    """What earlier looks measured: GPU (UUID, or the device's name) → check → rates."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for health in found:
        uuids = {one.device: one.uuid or one.device for one in health.result.details}
        for device, measured in rates([as_check(one) for one in health.result.checks]).items():
            for name, value in measured.items():
                values[uuids.get(device, device)][name].append(value)
    return values


def as_check(one: object) -> Check:
    """A check of a record as the guest's."""
    return Check(**vars(one))
