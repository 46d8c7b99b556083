"""What the job prints reaches the log, whatever it is."""

import os
import time


def test_both_streams_in_order_and_bytes_that_are_no_text(job):
    job.script(
        "import sys\nprint('one')\nprint('two', file=sys.stderr)\n"
        "sys.stdout.buffer.write(bytes([255]) + b' three' + bytes([10]))\nsys.stdout.buffer.write(b'no newline')\n"
    )
    code, shown = job.run()
    assert code == 0
    assert shown.splitlines()[-1] == "no newline"
    assert {"one", "two", "� three"} <= set(shown.splitlines())
    assert job.log() == shown


def test_a_giant_line_is_cut_and_memory_stays_small(job):
    job.script("import sys\nfor _ in range(200): sys.stdout.write('y' * 1_000_000)\nprint()\nprint('after')")
    code, shown = job.run()
    assert code == 0
    lines = shown.splitlines()
    assert lines[-1] == "after"
    assert lines[-2].startswith("yyyy")
    assert lines[-2].endswith("more characters cut]")
    assert len(lines[-2]) < 17000


def test_a_progress_bar_does_not_flood_the_log(job):
    job.script(
        "import sys, time\nfor step in range(1001):\n    sys.stderr.write(chr(13) + f'{step / 10:.0f}% loss: {step}')\n"
        "    time.sleep(0.001)\nsys.stderr.write(chr(10))\n"
    )
    job.task["metrics"] = {"loss": r"loss: (\d+)"}
    code, shown = job.run()
    assert code == 0
    assert shown.splitlines()[-1] == "100% loss: 1000"
    assert len(shown.splitlines()) < 5
    assert [row["loss"] for row in job.lines("metrics.jsonl")] == [1000]


def test_a_bar_that_lasts_is_shown_now_and_then(job):
    job.script(
        "import sys, time\nfor step in range(60):\n    sys.stdout.write(chr(13) + f'step {step}'); sys.stdout.flush()\n"
        "    time.sleep(0.1)\nprint()\n"
    )
    _, shown = job.run()
    assert [line for line in shown.splitlines() if line.startswith("step")][-1] == "step 59"
    assert len([line for line in shown.splitlines() if line.startswith("step")]) == 2
    assert job.log().count("step ") == 1


def test_secrets_are_masked_everywhere(job):
    job.task["secrets"] = ["API_KEY", "MULTI", "ABSENT"]
    secret = "k-123456789/+="
    job.script("import os\nraise ValueError(os.environ['API_KEY'] + os.environ['MULTI'])")
    job.task["commands"][0]["command"] += f" {secret}"
    code, shown = job.run(env={**os.environ, "API_KEY": secret, "MULTI": "first-line-0\nsecond-line-1"})
    assert code == 20
    for text in (shown, job.log(), (job.folder / "job" / "outcome.json").read_text()):
        assert secret not in text
        assert "first-line-0" not in text
        assert "second-line-1" not in text
    assert "ValueError: ***" in job.outcome()["cause"]


def test_output_is_shown_while_it_comes(job):
    job.script("import time\nprint('early', flush=True)\ntime.sleep(3)\n")
    process = job.start()
    started = time.monotonic()
    while b"early" not in process.stdout.readline():
        pass
    assert time.monotonic() - started < 2.5
    process.kill()
