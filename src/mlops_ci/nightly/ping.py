"""A word to a dead man's switch (healthchecks style). It never raises, and its address, a secret, is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from mlops_ci.resources import read_toml

Word = Literal["start", "success", "fail"]
SUFFIX: dict[Word, str] = {"start": "/start", "success": "", "fail": "/fail"}


def ping(address: str, word: Word, *, ca_bundle: Path | None = None) -> str | None:
    """Tell the switch; None when it took the word, else why not, without the address."""
    limits = read_toml("nightly.toml")["ping"]
    try:
        if urlsplit(address).scheme not in {"http", "https"}:
            return "its address is no http:// or https:// address"
        return _ask(_with_suffix(address, SUFFIX[word]), limits["timeout"], limits["attempts"], ca_bundle)
    except Exception as error:  # noqa: BLE001  # whatever it is: a ping costs no pipeline its result
        # The message would name the address, and the address is the credential.
        return f"it could not be reached ({type(error).__name__})"


def _with_suffix(address: str, suffix: str) -> str:
    """The suffix belongs to the path, before a query."""
    parts = urlsplit(address)
    return parts._replace(path=parts.path.rstrip("/") + suffix, fragment="").geturl()


def _ask(url: str, seconds: float, attempts: int, ca_bundle: Path | None) -> str | None:
    import urllib3

    certificates = str(ca_bundle) if ca_bundle else None
    limit = urllib3.Timeout(total=seconds)
    # Who has taken the connection and says nothing is not asked again: the limit counts for each attempt.
    retries = urllib3.Retry(total=attempts - 1, read=0, redirect=2, backoff_factor=0.5, raise_on_status=False)
    proxy = _proxy(url)
    with (
        urllib3.ProxyManager(proxy, timeout=limit, retries=retries, ca_certs=certificates)
        if proxy
        else urllib3.PoolManager(timeout=limit, retries=retries, ca_certs=certificates)
    ) as manager:
        answer = manager.request("GET", url)
    return None if answer.status < 400 else f"it answered with status {answer.status}"


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
