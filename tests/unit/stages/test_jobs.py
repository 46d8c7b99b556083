"""What of a job's log is shown when it has failed."""

import tracemalloc

from mlops_ci.stages.jobs import LOG_TAIL, TAIL_BYTES, log_tail


def test_the_last_lines_whatever_they_hold(tmp_path):
    path = tmp_path / "train.log"
    assert log_tail(path) == ()
    path.write_bytes(b"one\ntwo \xff\n")
    assert log_tail(path) == ("one", "two \ufffd")
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    assert log_tail(path) == tuple(f"line {number}" for number in range(100 - LOG_TAIL, 100))


def test_a_long_log_is_not_read_for_its_last_lines(tmp_path):
    path = tmp_path / "train.log"
    path.write_text("".join(f"{number} {'x' * 200}\n" for number in range(50_000)))
    tracemalloc.start()
    try:
        tail = log_tail(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert [line.partition(" ")[0] for line in tail] == [str(number) for number in range(50_000 - LOG_TAIL, 50_000)]


def test_of_one_endless_line_its_end_is_shown(tmp_path):
    path = tmp_path / "log.txt"
    path.write_text("x" * (2 * TAIL_BYTES) + " and why")
    (line,) = log_tail(path)
    assert line.endswith("x and why")
    assert len(line) == TAIL_BYTES
