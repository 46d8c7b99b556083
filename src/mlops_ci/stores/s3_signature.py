"""AWS Signature Version 4 for the one kind of request that is sent ten thousand times: a PUT whose body has a checksum.

The body's own hash is not signed again (`UNSIGNED-PAYLOAD`): its checksum is a header, the header is signed, and the
server refuses a body that has another one. (AWS Signature Version 4, "Authenticating Requests"; botocore's signer gives
the same, at ten times the cost.)
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

UNSIGNED = "UNSIGNED-PAYLOAD"
ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Credentials as they are now; `token` is empty for those that do not expire."""

    access: str
    secret: str
    token: str = ""


@dataclass(frozen=True, kw_only=True)
class Signer:
    """Signs for one host in one region; `keys` is asked each time, since credentials of a role are renewed."""

    host: str
    region: str
    keys: Callable[[], Keys]
    clock: Callable[[], float] = time.time

    def sign(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        """The headers to send: `headers` (lower case), and what the signature adds. `path` is quoted already."""
        keys = self.keys()
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.clock()))
        signed = {**headers, "host": self.host, "x-amz-content-sha256": UNSIGNED, "x-amz-date": moment}
        if keys.token:
            signed["x-amz-security-token"] = keys.token
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = "\n".join((method, path, canonical_query(query), lines, names, UNSIGNED))
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = _signing_key(keys.secret, moment[:8], self.region)
        signature = hmac.digest(key, f"{ALGORITHM}\n{moment}\n{scope}\n{digest}".encode(), "sha256").hex()
        signed["authorization"] = (
            f"{ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return signed


def canonical_query(query: Mapping[str, str]) -> str:
    """A query as it is signed, which is also a form in which it can be sent."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query))


@lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
