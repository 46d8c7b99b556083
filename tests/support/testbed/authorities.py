"""The machine's certificate authorities: what reaches a package index through a TLS proxy."""

from __future__ import annotations

from pathlib import Path

CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
