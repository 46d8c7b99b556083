"""Several processes: how they are started, what they find in their environment, and which of them decides."""

import json
import sys
from dataclasses import replace

import pytest

from mlops_ci.guest import environment, layout
from mlops_ci.guest.classify import Evidence, classify
from mlops_ci.guest.ranks import evidence, guardian, plan, variables, words
from mlops_ci.guest.ranks.words import Word
from mlops_ci.guest.sampling.reports import DriverReports
from mlops_ci.guest.task import Launch, Paths, Task, TaskError, read_task

TWO = Launch(processes=2)
NODES = Launch(processes=2, nodes=3, node=1, rendezvous="n0:29400", backend="nccl")
CLOSED = "RuntimeError: [gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1"


def task(tmp_path, launch, **more):
    folders = {name: tmp_path / name for name in ("job", "work", "tmp")}
    paths = Paths(**folders, output=tmp_path / "work" / "outputs")
    return Task(run="r", stage="train", kind="command", paths=paths, launch=launch, **more)


def traceback_of(line):
    return ("Traceback (most recent call last):", '  File "/w/train.py", line 3, in <module>', line)


def test_one_node_meets_on_the_loopback(tmp_path):
    argv = plan.command(TWO, ["/v/bin/python3.12", "train.py"], tmp_path / "launch.json")
    assert argv[:3] == ["/v/bin/python3.12", "-m", "torch.distributed.run"]
    assert {"--nproc-per-node=2", "--max-restarts=0", "--standalone", "--local-addr=127.0.0.1"} <= set(argv)
    assert argv[-2:] == ["rank", str(tmp_path / "launch.json")]


def test_several_nodes_meet_where_they_are_told_and_keep_their_numbers(tmp_path):
    argv = plan.command(NODES, ["./train.sh"], tmp_path)
    assert argv[0] == sys.executable
    assert {"--nnodes=3", "--node-rank=1", "--master-addr=n0", "--master-port=29400"} <= set(argv)
    assert "--standalone" not in argv


def test_what_an_earlier_attempt_left_is_gone(tmp_path):
    one = task(tmp_path, TWO, secrets=("TOKEN",))
    plan.folder(one).mkdir(parents=True)
    (plan.folder(one) / layout.rank_word(0)).write_text("{}")
    spec = json.loads(plan.prepare(one, ["python", "train.py"]).read_text())
    assert (spec["argv"], spec["secrets"]) == (["python", "train.py"], ["TOKEN"])
    assert [path.name for path in plan.folder(one).iterdir()] == [layout.LAUNCH]


def made(tmp_path, launch, inherited=None, **more):
    return environment.job_environment(task(tmp_path, launch, **more), inherited or {}, tmp_path)


def test_one_process_gets_nothing_but_what_always_holds(tmp_path):
    found = made(tmp_path, Launch(), {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "0"})
    assert found["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] == "1"
    assert not {"MLOPS_BACKEND", "OMP_NUM_THREADS", "GLOO_SOCKET_IFNAME", "NCCL_DEBUG"} & set(found)


def test_several_processes_on_a_cpu(tmp_path):
    found = made(tmp_path, TWO, {"OMP_NUM_THREADS": "7"}, grace=45.4)
    assert (found["MLOPS_BACKEND"], found["GLOO_SOCKET_IFNAME"]) == ("gloo", "lo")
    assert found["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] == "45"
    assert found["OMP_NUM_THREADS"] == "7"
    assert "NCCL_DEBUG" not in found


def test_several_nodes_with_gpus_choose_their_interface_themselves(tmp_path):
    found = made(tmp_path, NODES, environment={"NCCL_DEBUG": "INFO"})
    assert (found["MLOPS_BACKEND"], found["NCCL_DEBUG"]) == ("nccl", "INFO")
    assert found["TORCH_NCCL_DEBUG_INFO_TEMP_FILE"].startswith(str(tmp_path / "job" / "ranks"))
    assert not {"GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"} & set(found)


def test_every_variable_has_a_reason_and_a_source():
    assert all(row["reason"] and row["source"] for row in variables.rows())
    assert {row["when"] for row in variables.rows()} == {"always", "several", "one-node", "one-node-nccl", "nccl"}


def test_only_rank_0_belongs_to_the_mlflow_run():
    inherited = {"MLFLOW_RUN_ID": "x", "MLFLOW_TRACKING_URI": "y", "PATH": "z"}
    assert guardian.environment_of(0, inherited) == inherited
    assert guardian.environment_of(1, inherited) == {"PATH": "z"}


def test_the_words_of_this_nodes_processes_are_read_and_a_missing_one_is_a_killed_guardian(tmp_path):
    (tmp_path / layout.rank_word(2)).write_text(
        json.dumps({"rank": 2, "code": 0, "asked_to_stop": True, "started": 1.0, "ended": 3.5, "tail": ["done"]})
    )
    (tmp_path / layout.rank_log(3)).write_text("a\nb\n")
    (tmp_path / layout.rank_word(3)).write_text('{"rank": 3')
    second, third = words.read(tmp_path, NODES)
    assert (second.rank, second.code, second.tail, second.silent) == (2, 0, ("done",), False)
    assert (third.rank, third.code, third.tail, third.silent) == (3, -9, ("a", "b"), True)
    assert evidence.rows([second, third], str.upper)[0] == {
        "rank": 2,
        "exit_code": 0,
        "signal": None,
        "asked_to_stop": True,
        "seconds": 2.5,
        "last_line": "DONE",
        "log": "ranks/rank-2.log",
    }


FOLLOWED = Word(rank=0, code=1, ended=1.0, tail=traceback_of(CLOSED))
FULL = Word(rank=1, code=1, ended=2.0, tail=traceback_of("torch.OutOfMemoryError: CUDA out of memory."))
ASKED = Word(rank=2, code=1, asked_to_stop=True, ended=0.5, tail=traceback_of("KeyError: 'x'"))
KILLED = Word(rank=3, code=-9, ended=3.0)
GONE = Word(rank=4, code=-9, silent=True)


@pytest.mark.parametrize(
    ("said", "rank", "name"),
    [
        ([FOLLOWED, FULL, ASKED], 1, "out-of-memory-device"),
        ([FOLLOWED, KILLED], 3, "killed"),
        ([replace(KILLED, ended=1.5), FULL], 3, "killed"),
        ([FOLLOWED, GONE], 4, "killed"),
        ([FULL, GONE], 1, "out-of-memory-device"),
        ([FOLLOWED, ASKED], 0, "peer-lost"),
    ],
)
def test_the_first_that_failed_by_itself_decides(said, rank, name):
    launcher = Evidence(code=1, tail=traceback_of("torch.distributed.elastic.multiprocessing.errors.ChildFailedError:"))
    found, first = evidence.deciding(launcher, said, "/w")
    assert (first.rank, classify(found).name) == (rank, name)


def test_a_launcher_that_fails_alone_is_judged_by_its_own_words():
    lines = traceback_of("torch.distributed.elastic.rendezvous.api.RendezvousTimeoutError")
    silent = [replace(GONE, rank=rank) for rank in (0, 1)]
    found, first = evidence.deciding(Evidence(code=1, tail=lines, exception=lines[-1]), silent, "/w")
    assert (first, classify(found).name) == (None, "collective-timeout")
    found, first = evidence.deciding(Evidence(code=3, last_line="ok"), silent, "/w")
    assert (first, classify(found).name) == (None, "unknown")
    assert "no process of the training said how it ended; its last line was: ok" in classify(found).cause


@pytest.mark.parametrize("whole", [Evidence(code=0), Evidence(code=1, stop="terminated", checkpoint_saved=True)])
def test_the_processes_do_not_matter_where_all_was_well_or_asked_to_end(whole):
    assert evidence.deciding(whole, [KILLED], "/w") == (whole, None)


def read(tmp_path, launch):
    path = tmp_path / "task.json"
    paths = {"job": "/j", "work": "/w", "tmp": "/t"}
    known = {"schema": "mlops-ci/task/1", "run": "r", "stage": "train", "kind": "command", "paths": paths}
    path.write_text(json.dumps({**known, "launch": launch}))
    return read_task(path).launch


def test_the_task_says_how_many(tmp_path):
    assert read(tmp_path, None) == Launch()
    assert read(tmp_path, {"processes": 4}).world == 4
    asked = {"processes": 2, "nodes": 3, "node": 1, "rendezvous": "n0:29400", "backend": "nccl"}
    assert read(tmp_path, asked) == NODES
    for wrong in ({"processes": -1}, {"nodes": 2}, {"nodes": 2, "node": 2, "rendezvous": "a:1"}):
        with pytest.raises(TaskError, match="no launch"):
            read(tmp_path, wrong)


def test_only_reports_of_the_driver_since_the_start_count():
    old = "NVRM: Xid (PCI:0000:3b:00): 79, pid=1, GPU has fallen off the bus."
    new = "NVRM: Xid (PCI:0000:3b:00): 48, pid=2, DBE"
    lines = [old, "usb 1-1: new device"]
    reports = DriverReports(1, lambda: (lines, ""))
    assert reports.new() == []
    lines.append(new)
    assert [(code, verdict) for code, verdict, _ in reports.new()] == [(48, "BLOCK")]
    assert DriverReports(0, lambda: (lines, "")).new() == []
    assert DriverReports(1, lambda: (None, "not here")).new() == []
