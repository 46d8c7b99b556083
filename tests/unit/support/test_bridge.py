from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from support.testbed import bridge
from support.testbed.errors import BedError

RULES = """\
-P FORWARD DROP
-N DOCKER
-A FORWARD -o mlopsci12345678 -j DOCKER
-A FORWARD -o docker0 -j DOCKER
-A POSTROUTING -s 10.213.0.0/25 ! -o mlopsci12345678 -j MASQUERADE
-A DOCKER -i mlopsci123456789 -j RETURN
-A DOCKER-USER -m comment --comment "not mlopsci12345678 of ours" -j RETURN
"""


def test_name_fits_an_interface_and_differs_between_testbeds() -> None:
    names = {bridge.name_for(f"/var/lib/testbed-{number}/docker") for number in range(50)}
    assert len(names) == 50
    assert max(map(len, names)) <= 15


def test_network_overlaps_nothing_that_is_routed() -> None:
    routed = [IPv4Network("10.213.0.0/25"), IPv4Network("10.213.1.7/32")]
    assert bridge.free_network(routed) == IPv4Network("10.213.2.0/24")
    assert bridge.free_network([IPv4Network("10.0.0.0/8")]) == IPv4Network("172.30.0.0/24")


def test_a_machine_that_routes_everything_is_told_so() -> None:
    with pytest.raises(BedError, match="routed on this machine already"):
        bridge.free_network([IPv4Network("0.0.0.0/0")])


def test_only_rules_of_this_bridge_are_deleted() -> None:
    deletions = list(bridge.rules_naming({"mlopsci12345678", "10.213.0.0/25"}, RULES))
    assert [" ".join(words) for words in deletions] == [
        "-D FORWARD -o mlopsci12345678 -j DOCKER",
        "-D POSTROUTING -s 10.213.0.0/25 ! -o mlopsci12345678 -j MASQUERADE",
    ]
