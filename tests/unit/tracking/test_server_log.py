from mlops_ci.tracking.constants import constants
from mlops_ci.tracking.server_log import TAIL_LINES, ServerLog


def test_each_run_has_its_log_and_the_oldest_go(tmp_path):
    kept = constants().server.kept_logs
    log = ServerLog(tmp_path)
    for run in range(kept + 3):
        log.rotate()
        log.path.write_text(f"run {run}")
    assert log.path.read_text() == f"run {kept + 2}"
    older = [(tmp_path / f"server.{number}.log").read_text() for number in range(1, kept + 1)]
    assert older == [f"run {run}" for run in range(kept + 1, 1, -1)]
    assert len(list(tmp_path.iterdir())) == kept + 1


def test_the_tail_is_the_last_lines_whatever_they_hold(tmp_path):
    log = ServerLog(tmp_path)
    assert log.tail() == ()
    log.path.write_bytes(b"first\n" + b"x" * 200_000 + b"\n" + b"".join(b"%d \xff\n" % n for n in range(100)))
    assert len(log.tail()) == TAIL_LINES
    assert log.tail()[-1] == "99 \ufffd"
