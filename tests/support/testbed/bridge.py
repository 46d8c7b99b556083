"""The engine's own network bridge, so that it never shares docker0's addresses with another engine of the machine."""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import json
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import commands, system_packages
from .errors import BedError

Network = ipaddress.IPv4Network
# Private ranges (RFC 1918), the ones least used by home routers and Docker itself first.
RANGES = tuple(Network(text) for text in ("10.213.0.0/16", "172.30.0.0/16", "192.168.0.0/16"))
LOCK = Path("/run/mlops-ci-testbed-network.lock")


def name_for(label: str) -> str:
    """An interface name (at most 15 characters) that is this engine's alone."""
    return f"mlopsci{hashlib.sha256(label.encode()).hexdigest()[:8]}"


def free_network(taken: Iterable[Network], ranges: Iterable[Network] = RANGES) -> Network:
    """The first /24 that overlaps no route of this machine."""
    busy = list(taken)
    for network in _candidates(ranges):
        if not any(network.overlaps(other) for other in busy):
            return network
    raise BedError("every private network of the testbed's list is routed on this machine already")


def routed_networks() -> list[Network]:
    """What this machine has routes to, but for the default route."""
    routes = json.loads(commands.run([system_packages.need("ip"), "-json", "-4", "route", "show"]) or "[]")
    return [Network(route["dst"], strict=False) for route in routes if route["dst"] != "default"]


def make(name: str) -> tuple[str, Network]:
    """Create the bridge on half of a free network; gives its address, the containers' gateway, and the other half."""
    ip = system_packages.need("ip")
    with LOCK.open("w") as lock:
        # Two testbeds that start at the same time must not take the same network.
        fcntl.flock(lock, fcntl.LOCK_EX)
        half, rest = free_network(routed_networks()).subnets()
        gateway = str(next(half.hosts()))
        commands.run([ip, "link", "add", "name", name, "type", "bridge"])
        commands.run([ip, "address", "add", f"{gateway}/{half.prefixlen}", "dev", name])
        commands.run([ip, "link", "set", name, "up"])
    return gateway, rest


def remove(name: str) -> None:
    """Delete the bridge and the firewall rules that name it or its network; nothing happens when it is not there."""
    ip = system_packages.find("ip")
    if ip is None or not commands.succeeds([ip, "link", "show", "dev", name]):
        return
    shown = json.loads(commands.run([ip, "-json", "-4", "address", "show", "dev", name]))
    marks = {name}
    for address in shown[0]["addr_info"]:
        marks.add(str(Network(f"{address['local']}/{address['prefixlen']}", strict=False)))
    _remove_rules(marks)
    commands.run([ip, "link", "delete", name])


def rules_naming(marks: set[str], listing: str) -> Iterator[list[str]]:
    """The arguments that delete each rule of an `iptables -S` listing in which one of the marks is a word."""
    for line in listing.splitlines():
        words = shlex.split(line)
        if words[:1] == ["-A"] and marks & set(words):
            yield ["-D", *words[1:]]


def _remove_rules(marks: set[str]) -> None:
    iptables = system_packages.find("iptables")
    if iptables is None:
        return
    for table in ("filter", "nat"):
        listing = commands.run([iptables, "--wait", "-t", table, "-S"])
        for arguments in rules_naming(marks, listing):
            commands.run([iptables, "--wait", "-t", table, *arguments])


def _candidates(ranges: Iterable[Network]) -> Iterator[Network]:
    for network in ranges:
        yield from network.subnets(new_prefix=24)
