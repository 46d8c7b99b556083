"""Uploads to a real S3 server on loopback: one large file against boto3, many small ones against s5cmd, and again."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3

from mlops_ci.stores.base import Upload
from mlops_ci.stores.measure import measure
from mlops_ci.stores.open import open_store
from support.fixtures_servers import S3Endpoint, own
from support.testbed.s3_server import S3Server

LARGE_MB = int(os.environ.get("MLOPS_CI_BENCH_MB", "512"))
FILES = int(os.environ.get("MLOPS_CI_BENCH_FILES", "10000"))
SMALL = 50_000
ROUNDS = 3
BUCKET = "bench"
# Each in a process of its own, as their users have them: with its start, and with memory that is its own (what
# getrusage says begins with that of who started it).
BOTO3 = r"""
import boto3, sys
boto3.client("s3", endpoint_url=sys.argv[2]).upload_file(sys.argv[1], sys.argv[3], sys.argv[4])
"""
PUBLISH = r"""
import pickle, re, sys
from mlops_ci.stores.open import open_store
items = pickle.load(sys.stdin.buffer)
open_store(sys.argv[1], endpoint=sys.argv[2]).put_files(items)
print(int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1000)
"""


def table(folder: Path) -> str:
    """Medians of three rounds, in turns; s5cmd only where it is on PATH."""
    large, small = _files(folder)
    with own(S3Server) as exported:
        server = S3Endpoint.of(exported)
        os.environ.update(server.environment)
        client = boto3.client("s3", endpoint_url=server.endpoint)
        client.create_bucket(Bucket=BUCKET)
        memory: list[float] = []
        ways: dict[str, Callable[[str], object]] = {
            f"{LARGE_MB} MB: boto3's defaults": lambda key: _boto3(server, key, large.path),
            f"{LARGE_MB} MB: ours": lambda key: memory.append(_ours(server, key, [large])),
            f"{FILES} x 50 kB: boto3 in 16 threads": lambda key: _threads(client, key, small),
            f"{FILES} x 50 kB: ours": lambda key: memory.append(_ours(server, key, small)),
        }
        if (s5cmd := shutil.which("s5cmd")) is not None:
            ways[f"{FILES} x 50 kB: s5cmd"] = lambda key: _s5cmd(s5cmd, server, key, small[0].path.parent)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                began = time.monotonic()
                way(uuid.uuid4().hex)
                times[name].append(time.monotonic() - began)
        again = _again(server, small[:1000])
    rows = "".join(
        f"| {name} | {statistics.median(found):.2f} | {_ratio(name, times)} |\n" for name, found in times.items()
    )
    return (
        f"Load: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n\n"
        f"| what | seconds | median of the ratios |\n| --- | --- | --- |\n{rows}\n| what | figure |\n| --- | --- |\n"
        f"| memory of ours, MB at most | {max(memory):.0f} |\n| 1,000 files again, bytes sent | {again} |"
    )


def _ratio(name: str, times: dict[str, list[float]]) -> str:
    """Of each round its own ratio: to boto3's defaults for the large file, to s5cmd for the small ones."""
    size = name.partition(":")[0]
    base = next(
        (times[f"{size}: {other}"] for other in ("boto3's defaults", "s5cmd") if f"{size}: {other}" in times), None
    )
    if base is None:
        return ""
    return f"{statistics.median(mine / other for mine, other in zip(times[name], base, strict=True)):.2f}"


def _files(folder: Path) -> tuple[Upload, list[Upload]]:
    path = folder / "large.bin"
    with path.open("wb") as file:
        for _ in range(LARGE_MB):
            file.write(os.urandom(1 << 20))
    many = folder / "many"
    many.mkdir()
    for number in range(FILES):
        (many / f"{number:05}").write_bytes(os.urandom(SMALL))
    return _upload(path), [_upload(one) for one in sorted(many.iterdir())]


def _upload(path: Path) -> Upload:
    facts = measure(path)
    return Upload(key=path.name, path=path, sha256=facts.sha256, bytes=facts.bytes, modified_ns=facts.modified_ns)


def _ours(server: S3Endpoint, key: str, items: list[Upload]) -> float:
    import pickle

    argv = [sys.executable, "-c", PUBLISH, f"s3://{BUCKET}/{key}", server.endpoint]
    done = subprocess.run(argv, input=pickle.dumps(items), capture_output=True, check=True)
    return float(done.stdout)


def _boto3(server: S3Endpoint, key: str, path: Path) -> None:
    subprocess.run([sys.executable, "-c", BOTO3, str(path), server.endpoint, BUCKET, key], check=True)


def _threads(client: Any, key: str, items: list[Upload]) -> None:
    def put(item: Upload) -> None:
        client.put_object(Bucket=BUCKET, Key=f"{key}/{item.key}", Body=item.path.read_bytes())

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, items))


def _s5cmd(program: str, server: S3Endpoint, key: str, folder: Path) -> None:
    argv = [program, "--endpoint-url", server.endpoint, "cp", f"{folder}/", f"s3://{BUCKET}/{key}/"]
    environment = {**os.environ, "AWS_REGION": server.region}
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, env=environment)


def _again(server: S3Endpoint, items: list[Upload]) -> int:
    """The bytes of all request bodies of an upload of what is there already."""
    store = open_store(f"s3://{BUCKET}/again", endpoint=server.endpoint)
    store.put_files(items)
    sent = 0

    def count(request: Any, **_: Any) -> None:
        nonlocal sent
        sent += len(request.url) + int(request.headers.get("Content-Length") or 0)

    store._bucket.client.meta.events.register("before-send.s3", count)  # type: ignore[attr-defined]
    store.put_files(items)
    return sent
