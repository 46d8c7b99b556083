"""The table of failure classes."""

import pytest

from mlops_ci.errors import BY_EXIT_CODE
from mlops_ci.guest.classify import Evidence, classify
from mlops_ci.guest.failures import RULES


@pytest.mark.parametrize(
    ("evidence", "name", "code"),
    [
        ({"code": 0}, "ok", 0),
        ({"code": None}, "ok", 0),
        ({"code": 1}, "user-error", 20),
        ({"code": -11}, "user-error", 20),
        ({"code": 139}, "user-error", 20),
        ({"code": -9}, "killed", 20),
        ({"code": -9, "oom_kills": 1}, "out-of-memory-host", 20),
        ({"code": 1, "oom_kills": 1}, "out-of-memory-host", 20),
        ({"code": 0, "oom_kills": 1}, "ok", 0),
        ({"code": 1, "tail": ["torch.OutOfMemoryError: CUDA out of memory. Tried"]}, "out-of-memory-device", 20),
        (
            {"code": 1, "tail": ["RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you"]},
            "out-of-memory-host",
            20,
        ),
        ({"code": 1, "tail": ["MemoryError"]}, "out-of-memory-host", 20),
        ({"code": 1, "tail": ["insufficient shared memory (shm)"]}, "out-of-memory-host", 20),
        ({"code": 1, "tail": ["OSError: [Errno 28] No space left on device"]}, "disk-full", 20),
        ({"code": 0, "tail": ["warning: No space left on device"]}, "ok", 0),
        ({"code": 1, "full_folder": "/x"}, "disk-full", 20),
        ({"code": 0, "full_folder": "/x"}, "ok", 0),
        ({"code": 0, "disk_problem": "the model could not be copied"}, "disk-full", 20),
        ({"code": 0, "non_finite": ["loss"]}, "non-finite", 20),
        ({"code": 1, "non_finite": ["loss"]}, "non-finite", 20),
        ({"code": None, "bad_command": "command not found: x"}, "bad-command", 20),
        ({"code": 1, "tail": ["CUDA error: uncorrectable ECC error encountered"]}, "device-fault", 11),
        (
            {"code": 1, "tail": ["[E ProcessGroupNCCL.cpp:1] Watchdog caught collective operation timeout: x"]},
            "collective-timeout",
            11,
        ),
        ({"code": -15, "stop": "terminated"}, "cancelled", 143),
        ({"code": 0, "stop": "terminated", "checkpoint_saved": True}, "preempted", 12),
        ({"code": -15, "stop": "leash"}, "cancelled", 143),
        ({"code": 0, "stop": "leash", "checkpoint_saved": True}, "preempted", 12),
        ({"code": -2, "stop": "interrupted"}, "interrupted", 130),
        ({"code": -15, "stop": "timeout"}, "timeout", 21),
        ({"code": -15, "stop": "timeout", "checkpoint_saved": True}, "timeout", 12),
        ({"code": -6, "stop": "stalled"}, "stalled", 21),
        ({"code": -6, "stop": "stalled", "checkpoint_saved": True}, "stalled", 12),
        ({"code": -15}, "killed", 20),
        ({"code": 137}, "killed", 20),
        ({"code": -12}, "unknown", 20),
        ({"code": 130}, "user-error", 20),
        ({"code": 1, "silent_ranks": "all"}, "unknown", 20),
        ({"code": 1, "xids": [(79, "BLOCK", "the GPU fell off the bus")]}, "device-lost", 11),
        ({"code": 1, "xids": [(31, "PASS", "an application's"), (48, "BLOCK", "two bits")]}, "device-fault", 11),
        ({"code": 1, "xids": [(31, "PASS", "an application's")]}, "user-error", 20),
        ({"code": 0, "xids": [(79, "BLOCK", "the GPU fell off the bus")]}, "ok", 0),
        ({"code": 1, "lost_gpus": "NVIDIA L4 (GPU-1)"}, "device-lost", 11),
        ({"code": 1, "tail": ["nvidia-smi: Driver/library version mismatch"]}, "unhealthy", 11),
        ({"code": 1, "exception": "json.decoder.JSONDecodeError: Expecting value"}, "bad-data", 20),
        ({"code": 1, "exception": "ConnectionResetError: [Errno 104] Connection reset by peer"}, "infrastructure", 10),
        ({"code": 1, "resumed": True, "exception": "RuntimeError: PytorchStreamReader failed"}, "bad-checkpoint", 20),
        (
            {
                "code": 1,
                "resumed": True,
                "checkpoint_saved": True,
                "exception": "RuntimeError: PytorchStreamReader failed",
            },
            "user-error",
            20,
        ),
        ({"code": 1, "tail": ["[gloo/transport/tcp/pair.cc:1] Connection closed by peer [::1]:1"]}, "peer-lost", 10),
        ({"code": 0, "unsafe_model": "x is a pickle"}, "unsafe-model", 20),
        ({"code": 0, "no_model": "nothing"}, "no-model", 20),
        ({"code": 0, "internal": "KeyError"}, "internal", 70),
    ],
    ids=str,
)
def test_the_class_of_an_end(evidence, name, code):
    verdict = classify(Evidence(**evidence))
    assert (verdict.name, verdict.exit_code) == (name, code)
    assert bool(verdict.cause) == (name != "ok")
    assert "\n" not in verdict.cause


def test_every_rule_has_a_code_of_the_one_table_and_a_next_step():
    for rule in RULES:
        assert rule.exit_code in BY_EXIT_CODE
        assert rule.hint or rule.name == "bad-command"


def test_one_class_has_one_code_but_for_what_a_checkpoint_changes():
    codes = {}
    for rule in RULES:
        codes.setdefault(rule.name, set()).add(rule.exit_code)
    assert {name for name, known in codes.items() if len(known) > 1} == {"timeout", "stalled"}


def test_the_exception_is_the_cause():
    verdict = classify(Evidence(code=1, command="python train.py", exception="ValueError: bad (train.py:3)"))
    assert verdict.cause == "ValueError: bad (train.py:3)"


def test_a_script_that_makes_the_output_folder_itself_is_told_that_it_is_there():
    lines = ["Traceback (most recent call last):", "FileExistsError: [Errno 17] File exists: 'outputs'"]
    verdict = classify(Evidence(code=1, tail=lines, exception=lines[-1]))
    assert (verdict.name, verdict.cause) == ("user-error", lines[-1])
    assert "exist_ok=True" in verdict.hint


def test_what_was_printed_before_the_exception_does_not_count_where_it_may_have_been_dealt_with():
    lines = ["batch 512: CUDA out of memory, trying 256", "Traceback (most recent call last):", "NameError: name 'x'"]
    assert classify(Evidence(code=1, tail=lines, exception=lines[-1])).name == "user-error"
    assert classify(Evidence(code=1, tail=[lines[0]])).name == "out-of-memory-device"


def test_a_launchers_exception_lets_the_lines_speak():
    lines = ["fatal: Could not resolve host: git.example", "Traceback (most recent call last):"]
    error = "subprocess.CalledProcessError: Command '['git']' returned non-zero exit status 128."
    assert classify(Evidence(code=1, tail=[*lines, error], exception=error)).name == "infrastructure"


def test_the_cause_says_what_the_driver_reported_and_what_the_job_said():
    verdict = classify(Evidence(code=1, xids=[(79, "BLOCK", "the GPU fell off the bus")], exception="RuntimeError: x"))
    assert verdict.cause == "XID 79: the GPU fell off the bus; the job ended with: RuntimeError: x"


def test_braces_in_what_the_job_said_are_left_alone():
    assert classify(Evidence(code=1, exception="KeyError: '{name}'")).cause == "KeyError: '{name}'"


def test_a_shell_that_ran_out_of_memory_says_the_limit():
    verdict = classify(Evidence(code=137, oom_kills=1, memory_limit_bytes=2**31))
    assert "limit 2.0 GiB" in verdict.cause
