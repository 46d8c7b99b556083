"""An import that is killed, for real, and the same command after it."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time

from support.cli import call, clean_environment
from support.mirror_archive import write_archive
from support.project import make_project

FILES = 300


def test_killed_at_any_moment_the_same_command_completes_it(tmp_path):
    project = make_project(tmp_path / "project")
    content = {f"wheels/p{number}-1.0-py3-none-any.whl": bytes([number % 256]) * 200_000 for number in range(FILES)}
    files = {}
    for path, data in content.items():
        files[path] = tmp_path / path.rpartition("/")[2]
        files[path].write_bytes(data)
    write_archive(tmp_path / "site.tar", files)
    wheels = project / ".mlops" / "mirror" / "wheels"
    words = [sys.executable, "-m", "mlops_ci", "mirror", "import", str(tmp_path / "site.tar")]
    child = subprocess.Popen(words, cwd=project, env=clean_environment(), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (wheels.is_dir() and len(list(wheels.iterdir())) > 5):
        assert child.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert len(list(wheels.iterdir())) < FILES
    assert not (wheels.parent / "index.json").exists(), "the index comes last"

    done = call(project, "mirror", "import", "--json", str(tmp_path / "site.tar"))
    assert done.exit_code == 0, done.said
    assert 0 < json.loads(done.stdout)["changed"] < FILES
    assert {f"wheels/{path.name}" for path in wheels.iterdir()} == set(content)
    for path in wheels.iterdir():
        expected = content[f"wheels/{path.name}"]
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(expected).digest()


def test_a_changed_byte_is_told_by_its_members_name_and_nothing_is_left(tmp_path):
    project = make_project(tmp_path / "project")
    (tmp_path / "w").write_bytes(b"w" * 5000)
    write_archive(tmp_path / "site.tar", {"wheels/one-1.0-py3-none-any.whl": tmp_path / "w"})
    data = (tmp_path / "site.tar").read_bytes()
    (tmp_path / "site.tar").write_bytes(data.replace(b"w" * 5000, b"w" * 2000 + b"v" + b"w" * 2999))
    done = call(project, "mirror", "import", str(tmp_path / "site.tar"))
    assert done.exit_code == 1
    assert "`wheels/one-1.0-py3-none-any.whl`" in done.stderr
    assert not (project / ".mlops" / "mirror").exists()
