"""A real S3 server (SeaweedFS): checks digests and secrets, conditional writes, multipart, object lock, encrypts."""

from __future__ import annotations

import json
import secrets
import shutil

from . import http_probe, ports, tools
from .service import Launch, Service
from .state import ServiceRecord

ACCESS_KEY = "mlops-ci-testbed"
REGION = "us-east-1"
GRPC_OFFSET = 10_000  # every port of SeaweedFS takes the one this much higher too


class S3Server(Service):
    """`weed server` on loopback with keys of its own; it starts empty each time."""

    name = "s3"
    stop_seconds = 0  # asked to stop it takes 15 s, and there is nothing to keep

    def prepare(self) -> Launch:
        """Make an empty data folder and the identities file."""
        self.clean()
        data, temporary = self.state.folder("s3/data"), self.state.folder("s3/tmp")
        master, volume, filer, s3 = found = ports.free_ports(4, companion=GRPC_OFFSET)
        secret = secrets.token_hex(20)
        identities = self.state.root / "s3" / "identities.json"
        identities.write_text(_identities(secret))
        # Small volumes: each bucket takes some of its own, and 30 GB ones (the default) run out on a small disk.
        flags = (
            f"-dir={data} -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false -master.port={master} "
            f"-volume.port={volume} -volume.preStopSeconds=0 -volume.max=100 -master.volumeSizeLimitMB=1024 "
            f"-filer -filer.port={filer} -s3 -s3.port={s3} -s3.config={identities} "
            "-s3.port.iceberg=0 -s3.port.lance=0"
        )
        return Launch(
            argv=(tools.need("weed"), "-logtostderr=true", "server", *flags.split()),
            ports=(s3, *(port for port in found if port != s3)),
            # Without a key it answers 500 to whoever asks for encryption.
            environment={"TMPDIR": str(temporary), "WEED_S3_SSE_KEY": secrets.token_hex(32)},
            # Keys in its environment, say another testbed's, would be an identity beside those of the file.
            without=("AWS_", "WEED_"),
            exports={
                "MLOPS_CI_TEST_S3_ENDPOINT": f"http://127.0.0.1:{s3}",
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": secret,
                "AWS_DEFAULT_REGION": REGION,
            },
        )

    def answers(self, record: ServiceRecord, /) -> bool:
        """Whether S3 answers; without credentials that is a refusal."""
        return http_probe.status_over_tcp("127.0.0.1", record.ports[0], "/") is not None

    def clean(self) -> None:
        """Remove the objects: the server wants an empty folder that is its alone."""
        shutil.rmtree(self.state.root / "s3", ignore_errors=True)


def _identities(secret: str) -> str:
    identity = {
        "name": ACCESS_KEY,
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    # A KMS of its own, which makes the keys that it is asked for.
    kms = {"default_provider": "local", "providers": {"local": {"type": "local", "enableOnDemandCreate": True}}}
    return json.dumps({"identities": [identity], "kms": kms})
