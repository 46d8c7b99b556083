"""Where the guest may find itself: an old Python, a container's first process, a user without anything."""

import functools
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.guest_job import GuestJob, until

USER = 10001
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
SCRIPT = (
    "import os, tempfile\nfrom mlops_ci.guest.sdk import log\n"
    "log(loss=0.5)\nos.makedirs(os.path.expanduser('~/.cache/x'))\ntempfile.mkdtemp()\n"
    "print('uid', os.getuid(), 'home', os.environ['HOME'])\n"
)


@functools.cache
def interpreters():
    """Our own, and the oldest that the guest promises, where this machine has it."""
    found = [sys.executable]
    for name in ("python3.9", "python3.10"):
        path = shutil.which(name)
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            found.append(path)
    return found


@pytest.mark.parametrize("python", interpreters())
def test_every_python_that_is_here(make_job, python):
    job = make_job(python=python)
    job.script(SCRIPT)
    code, shown = job.run()
    assert code == 0, shown
    assert job.outcome()["metrics"] == {"loss": 0.5}


@pytest.fixture
def namespace():
    """The command that runs the rest as the first process of a container: own process ids, no privilege."""
    own = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    drop = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    if os.getuid() == 0:
        drop += [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    else:
        own.insert(1, "--map-root-user")
    command = (*own, *drop, "env", "-i", "PATH=/usr/bin:/bin")
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no process id namespace can be made here: {tried.stderr.decode().strip()}")
    return command


@pytest.fixture
def container_job(zipapp, namespace):
    """A job whose folders belong to that user, below a folder that anybody may enter."""
    folder = os.path.join("/tmp", f"guest-test-{os.getpid()}-{time.monotonic_ns()}")
    made = GuestJob(zipapp, folder=Path(folder), python=PYTHON)
    shutil.copy(zipapp, made.folder / "mlops-guest.pyz")
    made.zipapp = made.folder / "mlops-guest.pyz"
    yield made
    made.end()
    until(lambda: not made.running())
    shutil.rmtree(folder)


def _hand_over(job):
    if os.getuid() == 0:
        for path in (job.folder, *job.folder.rglob("*")):
            os.chown(path, USER, USER)


def test_the_first_process_of_a_container(container_job, namespace):
    container_job.script(
        SCRIPT + "import subprocess, sys\nif os.fork() == 0:\n    os.setsid()\n    import time; time.sleep(600)\n"
    )
    _hand_over(container_job)
    code, shown = container_job.run(before=namespace)
    assert code == 0, shown
    assert f"uid {USER if os.getuid() == 0 else 0} home {container_job.folder}/tmp/home" in shown
    assert "left 1 processes running" in container_job.outcome()["warnings"][0]


def test_the_leash_of_a_container(container_job, namespace):
    container_job.task["grace"] = 1
    container_job.script("import time\nopen('ready', 'w').close()\ntime.sleep(600)")
    _hand_over(container_job)
    process = container_job.start(before=namespace)
    until((container_job.folder / "work" / "ready").exists)
    process.stdin.close()
    assert process.wait(10) == 143
    assert container_job.outcome()["class"] == "cancelled"


def test_a_deep_folder_still_has_a_short_place_for_sockets(zipapp, tmp_path):
    """PyTorch's workers listen on sockets below TMPDIR, whose paths have 108 bytes at most."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    job = GuestJob(zipapp, deep)
    job.script(
        "import os, socket, tempfile\n"
        "path = os.path.join(tempfile.mkdtemp(prefix='pymp-'), 'listener-12345678')\n"
        "socket.socket(socket.AF_UNIX).bind(path)\n"
        "print('real', os.path.realpath(path), os.environ['TMPDIR'])\n"
    )
    code, shown = job.run()
    assert code == 0, shown
    assert f"real {deep}/tmp/tmp/pymp-" in shown
    link = shown.split()[-1]
    assert link.startswith("/tmp/mlops-tmp-")
    assert not os.path.lexists(link)


def test_torchrun_like_children_in_their_own_sessions(job):
    """A launcher that starts ranks in sessions of their own and passes SIGTERM on."""
    job.script(
        "import signal, subprocess, sys, time\n"
        "code = 'import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); time.sleep(600)'\n"
        "rank = [sys.executable, '-c', code]\n"
        "ranks = [subprocess.Popen(rank, start_new_session=True) for _ in range(3)]\n"
        "def stop(*_):\n    [one.terminate() for one in ranks]\n"
        "    print([one.wait() for one in ranks], flush=True); sys.exit(1)\n"
        "signal.signal(signal.SIGTERM, stop)\ntime.sleep(0.5)\nopen('ready', 'w').close()\ntime.sleep(600)\n"
    )
    process = job.start()
    until((job.folder / "work" / "ready").exists)
    process.terminate()
    assert process.wait(10) == 143
    assert "[0, 0, 0]" in job.log()
