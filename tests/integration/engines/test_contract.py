"""What every engine promises, tested on all three with the real guest."""

from __future__ import annotations

import json
import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_ci.engines.base import Limits, Mount
from support.engine_jobs import FOLDERS, Place

MEBIBYTE = 1024 * 1024


def test_a_job_that_succeeds_has_an_outcome_and_exit_code_0(place: Place):
    result = place.run("print('hello')")

    assert (result.exit_code, result.lost, result.overdue, result.out_of_memory) == (0, None, False, False)
    assert result.outcome is not None
    assert result.outcome["class"] == "ok"
    assert place.said() == ["hello"]
    assert 0 < result.seconds < 30
    assert result.gpus == ()


@pytest.mark.parametrize(
    "end", ["raise SystemExit(3)", "raise ValueError('bad data')", "import os; os.kill(os.getpid(), 9)"]
)
def test_code_of_the_user_that_fails_is_exit_code_20(place: Place, end: str):
    result = place.run(end)

    assert result.exit_code == 20
    assert result.outcome is not None
    assert result.outcome["exit_code"] == 20
    assert result.lost is None


def test_lines_come_in_order_and_while_the_job_still_runs(place: Place):
    came: list[float] = []
    job = place.job("import time\nfor n in range(5):\n    print(n)\n    time.sleep(0.3)")

    place.engine().run(job, lambda line: (place.lines.append(line), came.append(time.monotonic())))

    assert place.said() == ["0", "1", "2", "3", "4"]
    moments = [moment for line, moment in zip(place.lines, came, strict=True) if line in "01234"]
    assert moments[-1] - moments[0] > 0.8, "the lines came all at once"


def test_output_may_be_anything(place: Place):
    result = place.run("""
        import sys
        out = sys.stdout.buffer
        out.write("grün ".encode() + b"\\xff\\xfe" + " 漢字\\r\\n".encode())
        out.write(b"x" * 3_000_000 + b"\\n")
        out.write(b"no newline at the end")
        print("to standard error", file=sys.stderr)
    """)

    assert result.exit_code == 0
    assert "grün \ufffd\ufffd 漢字" in place.said()
    assert "no newline at the end" in "\n".join(place.said())
    assert "to standard error" in "\n".join(place.said())
    assert sum(len(line) for line in place.lines) > 10_000, "a long line is cut, not lost"


def test_the_job_sees_its_folders_and_what_it_writes_belongs_to_the_caller(place: Place):
    result = place.run("""
        import os, pathlib
        assert pathlib.Path(os.environ["MLOPS_DATA_DIR"]).is_dir()
        output = pathlib.Path(os.environ["MLOPS_OUTPUT_DIR"])
        (output / "deep" / "er").mkdir(parents=True, mode=0o700)
        (output / "deep" / "er" / "model.bin").write_bytes(b"weights")
        (output / "secret").write_text("s")
        (output / "secret").chmod(0o600)
        (output / "link").symlink_to("/etc/passwd")
        os.mkfifo(output / "fifo")
        pathlib.Path("in-work").write_text("w")
    """)

    assert result.exit_code == 0, place.lines
    assert (place.folder / "output" / "deep" / "er" / "model.bin").read_bytes() == b"weights"
    assert (place.folder / "work" / "in-work").read_text() == "w"
    for name in FOLDERS:
        for path in (place.folder / name, *(place.folder / name).rglob("*")):
            assert (path.lstat().st_uid, path.lstat().st_gid) == (os.getuid(), os.getgid()), path
    assert Path("/etc/passwd").stat().st_uid == 0


def test_a_setuid_program_of_the_job_is_none_for_the_caller(docker: Place):
    docker.run("""
        import os, pathlib, shutil
        tool = pathlib.Path(os.environ["MLOPS_OUTPUT_DIR"]) / "tool"
        shutil.copy("/bin/true", tool)
        tool.chmod(0o6755)
    """)

    mode = (docker.folder / "output" / "tool").stat().st_mode
    assert os.getuid() != 0 or not mode & (stat.S_ISUID | stat.S_ISGID)


def test_nothing_of_the_callers_environment_reaches_the_job(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "callers-secret-1")
    monkeypatch.setenv("GITHUB_TOKEN", "callers-secret-2")
    monkeypatch.setenv("MLOPS_CI_ANYTHING", "callers-secret-3")

    place.run(
        """
        import os, pathlib
        print("TOKEN", os.environ["HANDED_OVER"])
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
            except OSError:
                continue
            assert b"handed-over-secret" not in words, words
        print("ALL", sorted(os.environ.items()))
        """,
        environment={"HANDED_OVER": "handed-over-secret"},
    )

    text = "\n".join(place.said())
    assert "TOKEN handed-over-secret" in text
    assert "ALL" in text
    assert "callers-secret" not in text
    assert "handed-over-secret" not in (place.folder / "job" / "task.json").read_text()


def test_the_proxy_and_the_ca_bundle_reach_a_process_of_this_machine(host: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/own.pem")

    host.run("import os; print(os.environ['HTTPS_PROXY'], os.environ['SSL_CERT_FILE'])")

    assert host.said() == ["http://proxy.example:3128 /etc/ssl/own.pem"]


def test_a_job_without_gpus_sees_none(place: Place):
    place.run("import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'), os.environ.get('NVIDIA_VISIBLE_DEVICES'))")

    assert place.said() == ["None void" if place.name == "docker" else " None"]


def test_the_number_of_threads_follows_the_number_of_cores(place: Place):
    place.run("import os; print(os.environ['OMP_NUM_THREADS'])", limits=Limits(cpus=1.5))

    assert place.said() == ["1"]


def test_memory_beyond_the_limit_is_refused_by_the_kernel_or_said_not_to_be(place: Place):
    result = place.run(
        "kept = bytearray(400 * 1024 * 1024)\nprint(sum(kept[::4096]), 'survived')",
        limits=Limits(memory_bytes=150 * MEBIBYTE),
    )

    if any("not enforced" in line for line in place.heard.lines):
        assert place.name != "docker"
        assert "0 survived" in place.said()
    else:
        assert result.exit_code == 20
        assert result.out_of_memory
        assert "0 survived" not in place.said()


def test_the_task_on_disk_is_the_task_plus_the_paths(place: Place):
    job = place.job("pass")
    place.engine().run(job, place.lines.append)

    task = json.loads((place.folder / "job" / "task.json").read_text())
    paths = task.pop("paths")
    assert task == job.task
    assert set(paths) == set(FOLDERS)
    assert paths["data"] == "/mlops/data" if place.name == "docker" else str(place.folder / "data")


def test_an_outcome_of_an_earlier_attempt_does_not_count(place: Place):
    job = place.job("import os, signal\nfor pid in (os.getppid(),): os.kill(pid, signal.SIGKILL)")
    (place.folder / "job" / "outcome.json").write_text(
        '{"schema": "mlops-ci/outcome/1", "class": "ok", "exit_code": 0}'
    )

    result = place.engine().run(job, place.lines.append)

    assert result.exit_code != 0
    assert result.outcome is None or result.outcome["class"] != "ok"


def test_a_job_without_a_deadline_takes_its_time(place: Place):
    result = place.run("import time; time.sleep(1)", deadline=None)

    assert result.exit_code == 0


def test_the_gateway_is_an_address(place: Place):
    parts = place.engine().gateway().split(".")

    assert len(parts) == 4
    assert all(0 <= int(part) <= 255 for part in parts)


def test_an_engine_that_works_is_available_and_has_nothing_to_sweep(place: Place):
    engine = place.engine()

    assert engine.available() is None
    assert engine.sweep() == 0


def test_packages_over_the_image_are_found_first_and_may_write(place: Place):
    extra = place.folder / "extra"
    (extra / "bin").mkdir(parents=True)
    # In the place of a module that every Python has, and one that only they bring.
    (extra / "antigravity.py").write_text("answer = 42\n")
    (extra / "bin" / "over-tool").write_text("#!/usr/bin/env python3\nimport antigravity; print(antigravity.answer)\n")
    (extra / "bin" / "over-tool").chmod(0o755)
    job = place.job("""
        import pathlib, subprocess
        import antigravity
        pathlib.Path(antigravity.__file__).with_name("cache").write_text("of the package's own")
        print(antigravity.answer)
        print(subprocess.run(["over-tool"], check=True, capture_output=True, text=True).stdout.strip())
    """)

    job = replace(job, mounts=(*job.mounts, Mount(name="extra", source=extra, read_only=False)))
    result = place.engine().run(job, place.lines.append)

    assert result.exit_code == 0, place.lines
    assert place.said() == ["42", "42"]
