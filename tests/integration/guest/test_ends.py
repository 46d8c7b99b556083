"""How a job ended: its class, exit code, cause and next step, as the control side reads them."""

import json
import signal

import pytest


def test_a_job_that_works(job):
    job.task.update(params={"epochs": 3, "name": "a b", "flag": True}, seed=7)
    job.script("import sys; print(sys.argv[1:])")
    job.task["commands"] = [
        {
            "name": "first",
            "command": "python train.py {params.epochs} '{params.name}' --flag={params.flag} {seed} {output}",
        }
    ]
    code, shown = job.run()
    outcome = job.outcome()
    assert code == 0
    assert f"['3', 'a b', '--flag=true', '7', '{job.folder}/work/outputs']" in shown
    assert (outcome["schema"], outcome["class"], outcome["exit_code"]) == ("mlops-ci/outcome/1", "ok", 0)
    assert outcome["commands"][0] | {"seconds": 0} == {
        "name": "first",
        "argv": ["python", "train.py", "3", "a b", "--flag=true", "7", f"{job.folder}/work/outputs"],
        "exit_code": 0,
        "signal": None,
        "seconds": 0,
    }
    assert outcome["devices"] == ["cpu"]
    assert outcome["usage"]["cpu_seconds"] > 0
    assert outcome["usage"]["peak_memory_bytes"] > 1_000_000


def test_commands_stop_at_the_first_that_fails(job):
    job.task["commands"] = [
        {"name": "lint", "command": "python -c \"print('one')\""},
        {"name": "unit", "command": "python -c \"import sys; print('two'); sys.exit(4)\""},
        {"name": "never", "command": "python -c \"print('three')\""},
    ]
    code, shown = job.run()
    assert code == 20
    assert "three" not in shown.replace("print('three')", "")
    assert [one["name"] for one in job.outcome()["commands"]] == ["lint", "unit"]
    assert job.outcome()["cause"].endswith("ended with exit code 4; its last line was: two")


def test_the_cause_is_the_exception_with_its_place(job):
    job.script("def train():\n    raise ValueError('no labels')\n\ntrain()\n")
    code, _ = job.run()
    outcome = job.outcome()
    assert (code, outcome["class"]) == (20, "user-error")
    assert outcome["cause"] == "ValueError: no labels (train.py:2)"
    assert outcome["tail"][-1] == "ValueError: no labels"


@pytest.mark.parametrize(
    ("command", "cause"),
    [
        ("no-such-program --x", "command not found: no-such-program"),
        ("./missing.sh", "command not found: ./missing.sh"),
        ("./notes.txt", "./notes.txt is not executable"),
        ("python train.py {data}", "the command uses {data}, which this job does not have"),
        ("python train.py {params.lr}", "the command uses {params.lr}, which this job does not have"),
        ("python 'train.py", "No closing quotation"),
        ("./noshebang", "neither a program nor a script"),
    ],
)
def test_a_command_that_cannot_run_says_why(job, command, cause):
    (job.folder / "work" / "notes.txt").write_text("x")
    (job.folder / "work" / "noshebang").write_text("echo hello")
    (job.folder / "work" / "noshebang").chmod(0o755)
    job.task["commands"] = [{"name": "train", "command": command}]
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (20, "bad-command")
    assert cause in job.outcome()["cause"]


def test_a_crash_names_the_signal(job):
    job.script("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (20, "user-error")
    assert "SIGSEGV" in job.outcome()["cause"]
    assert job.outcome()["commands"][0]["signal"] == signal.SIGSEGV


def test_a_job_that_is_killed_is_no_failure_of_its_code(job):
    job.script("import os; os.kill(os.getpid(), 9)")
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (20, "killed")


def test_memory_that_python_cannot_get(job):
    job.script("import resource; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)); x = bytearray(2**30)")
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (20, "out-of-memory-host")
    assert "MemoryError" in job.outcome()["cause"]


def test_a_disk_that_is_full(job):
    job.script("with open('/dev/full', 'w') as stream: stream.write('x' * 100000)")
    code, _ = job.run()
    assert (code, job.outcome()["class"]) == (20, "disk-full")
    assert "No space left on device" in job.outcome()["cause"]


def test_an_outcome_of_an_earlier_attempt_never_counts(job):
    stale = job.folder / "job" / "outcome.json"
    stale.write_text(json.dumps({"class": "ok", "exit_code": 0}))
    job.script("raise SystemExit(9)")
    assert job.run()[0] == 20
    assert job.outcome()["class"] == "user-error"


def test_what_a_command_leaves_running_is_ended_and_told(job):
    job.script(
        "import subprocess, sys\n"
        "code = 'import time; time.sleep(600)'\n"
        "subprocess.Popen([sys.executable, '-c', code, 'forgotten'], start_new_session=True)\n"
        "print('done')\n"
    )
    code, _ = job.run()
    assert code == 0
    assert job.running() == []
    assert "left 1 processes running" in job.outcome()["warnings"][0]
    assert "forgotten" in job.outcome()["warnings"][0]


def test_a_task_that_is_damaged_is_a_bug_of_ours(zipapp, job):
    job.script("print()")
    job.task["kind"] = "dance"
    code, _ = job.run()
    assert code == 70


def test_the_environment_of_the_job(job):
    job.task.update(seed=5, params={"lr": 0.1}, environment={"MINE": "1", "HOME": "/elsewhere"}, run="run-9")
    job.script(
        "import json, os, mlops_ci.guest.sdk as sdk\n"
        "json.dump([dict(os.environ), os.getcwd(), sdk.params()], open('seen.json', 'w'))\n"
    )
    assert job.run()[0] == 0
    environment, folder, params = json.loads((job.folder / "work" / "seen.json").read_text())
    assert folder == str(job.folder / "work")
    assert params == {"lr": 0.1}
    assert environment["MLOPS_RUN_ID"] == "run-9"
    assert environment["MINE"] == "1"
    assert environment["PYTHONHASHSEED"] == "5"
    assert environment["MLOPS_CHECKPOINT_DIR"] == str(job.folder / "checkpoints")
    assert "MLOPS_DATA_DIR" not in environment
    assert environment["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] == "1"
    assert environment["MPLCONFIGDIR"].startswith(str(job.folder / "tmp"))
