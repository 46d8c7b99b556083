"""One retry policy, one CA bundle."""

import pytest

from mlops_ci import network
from mlops_ci.network import RetryPolicy, retry

FAST = RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.002)


def test_a_transient_error_is_tried_again():
    calls = []

    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise TimeoutError("slow")
        return "done"

    told = []
    result = retry(
        flaky,
        transient=lambda error: isinstance(error, TimeoutError),
        policy=FAST,
        on_retry=lambda error, attempt, wait: told.append(attempt),
    )
    assert result == "done"
    assert told == [1, 2]


def test_does_not_exist_is_not_tried_again():
    calls = []

    def absent():
        calls.append(1)
        raise KeyError("no such thing")

    with pytest.raises(KeyError):
        retry(absent, transient=lambda error: isinstance(error, TimeoutError), policy=FAST)
    assert len(calls) == 1


def test_the_last_error_is_raised_when_the_attempts_are_used_up():
    def down():
        raise TimeoutError("slow")

    with pytest.raises(TimeoutError):
        retry(down, transient=lambda error: True, policy=FAST)


def test_waits_grow_and_are_capped():
    policy = RetryPolicy(attempts=9, first_wait=1.0, factor=2.0, longest_wait=5.0)
    assert 0.5 <= policy.wait(1) <= 1.0
    assert 2.5 <= policy.wait(8) <= 5.0


def test_the_configured_ca_bundle_wins(tmp_path, monkeypatch):
    mine, other = tmp_path / "mine.pem", tmp_path / "other.pem"
    mine.write_text("x")
    other.write_text("y")
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    assert network.ca_bundle(mine) == mine
    assert network.ca_bundle() == other
    assert network.ca_bundle(tmp_path / "absent.pem") is None


def test_only_this_machine_is_asked_without_tls() -> None:
    assert [
        network.is_loopback(host)
        for host in ("localhost", "127.0.0.1:5000", "[::1]:5000", "10.0.0.1:5000", "localhost.evil.invalid")
    ] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_the_other_side_may_ask_for_more_patience(monkeypatch):
    slept = []
    monkeypatch.setattr(network.time, "sleep", slept.append)
    calls = []

    def busy():
        calls.append(1)
        if len(calls) < 3:
            raise TimeoutError("busy")
        return "done"

    answers = iter([7.0, 0.0])
    assert retry(busy, transient=lambda _: True, policy=FAST, asked_to_wait=lambda _: next(answers)) == "done"
    assert slept[0] == 7.0
    assert slept[1] < 0.1


def test_proxies_never_stand_before_this_machine(monkeypatch):
    for name in network.PROXY_NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    assert network.proxy_for("https://hooks.example/x") == "http://proxy.example:3128"
    assert network.proxy_for("http://127.0.0.1:9/x") == ""
    monkeypatch.setenv("NO_PROXY", "hooks.example")
    assert network.proxy_for("https://hooks.example/x") == ""
