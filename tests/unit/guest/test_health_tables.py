"""Compatibility by tables, XIDs, CUDA's errors, kernel logs, libraries: facts in, advice out."""

import errno
import os

import pytest

from mlops_ci.guest.health import compatibility, driver, known, xid
from mlops_ci.guest.health.count import chosen
from mlops_ci.guest.health.cuda_errors import meaning
from mlops_ci.guest.health.driver import Listed, device_nodes
from mlops_ci.guest.health.libraries import check_libraries
from mlops_ci.guest.health.tables import table

GPUS = [Listed(number, f"GPU-{number}abc", "NVIDIA H100", f"0000:3{number}:00.0", (9, 0)) for number in range(3)]


@pytest.mark.parametrize(
    ("names", "capability", "runs"),
    [
        (["sm_86"], (8, 9), True), (["sm_86"], (8, 0), False), (["sm_90"], (10, 0), False),
        (["sm_100"], (12, 0), False),
        (["sm_120"], (12, 1), True), (["compute_90"], (12, 0), True), (["compute_120"], (9, 0), False),
        (["sm_90a"], (9, 0), True), (["sm_90a"], (9, 1), False), (["gfx90a"], (9, 0), False), ([], (9, 0), False),
    ],
)  # fmt: skip
def test_which_code_runs_on_which_gpu(names, capability, runs):
    assert compatibility.supported(names, capability) is runs


@pytest.mark.parametrize(
    ("torch", "driver", "capability", "cuda"),
    [
        # 13.2 runs there too, and the table does not know whether without limits: 13.0 does.
        ("2.13", "580.65.06", (9, 0), "13.0"), ("2.13", "535.183.01", (8, 0), "12.6"),
        ("2.13", "535.183.01", (12, 0), None),
        ("2.13", "580.65.06", (7, 0), "12.6"), ("2.15", "580.65.06", (7, 0), None),
        ("2.10", "580.65.06", (7, 0), "12.8"),
        ("2.11", "580.65.06", (7, 0), "12.6"), ("2.13", "", (12, 0), "13.2"), ("2.13", "440.33", (7, 5), None),
        ("9.9", "580.65.06", (9, 0), None),
    ],
)  # fmt: skip
def test_the_newest_cuda_for_torch_driver_and_gpu(torch, driver, capability, cuda):
    assert compatibility.fitting(torch, driver, capability) == cuda


def test_an_older_driver_of_the_same_major_version_is_no_finding():
    build = compatibility.Build("2.13.0+cu126", "12.6", ("sm_90",))
    check = compatibility.driver_check(build, "535.183.01", 12020, "NVIDIA H100", (9, 0))
    assert check.status == "PASS"
    assert "error 222" in check.evidence


@pytest.mark.parametrize(
    ("message", "node", "words"),
    [
        ("RuntimeError: Error 802: system not yet initialized", True, "fabric manager"),
        ("no kernel image is available for execution", False, "no code for this GPU"),
        ("CUDA error: device-side assert triggered", True, ""),
        ("Error 804: forward compatibility was attempted on non supported HW", False, "cuda-compat"),
    ],
)
def test_errors_of_cuda_have_a_meaning(message, node, words):
    found = meaning(message)
    assert (found.node, words in found.cause) == (node, True)


def test_every_xid_of_the_table_is_there_once_and_has_a_verdict():
    codes = [code for group in table("xid")["groups"] for code in group["codes"]]
    assert len(codes) == len(set(codes)) > 100
    assert {group["verdict"] for group in table("xid")["groups"]} == {"BLOCK", "WARN", "PASS"}
    for group in table("xid")["groups"]:
        assert group["advice"] or group["verdict"] == "PASS"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("NVRM: Xid (PCI:0000:31:00): 79, pid=1", "BLOCK"), ("NVRM: Xid (PCI:00000000:31:00.0): 79", "BLOCK"),
        ("NVRM: Xid (0000:31:00): 79, ", "BLOCK"), ("NVRM: Xid (PCI:0000:99:00): 79, pid=1", "PASS"),
        ("NVRM: Xid (PCI:0000:31:00): 43, pid=1", "PASS"), ("python[7]: segfault in libnccl.so.2", "PASS"),
        ("NVRM: GPU 0000:99:00.0: GPU has fallen off the bus.", "PASS"),
        ("NVRM: something fallen off the bus", "BLOCK"),
    ],
)  # fmt: skip
def test_only_what_is_about_the_gpus_of_this_job_counts(line, status):
    assert xid.history([line], "", ["0000:31:00.0"]).status == status


def test_the_worst_report_is_told():
    lines = [
        "NVRM: Xid (PCI:0000:31:00): 63, a",
        "NVRM: Xid (PCI:0000:31:00): 48, b",
        "NVRM: Xid (PCI:0000:31:00): 13, c",
    ]
    check = xid.history(lines, "", ["0000:31:00.0"])
    assert (check.value, check.node) == (48, True)
    assert check.evidence == lines[1]
    assert "2 other kinds" in check.cause


def test_a_log_that_cannot_be_read_is_no_pass(tmp_path):
    lines, why = xid.read_log(tmp_path / "none", ())
    assert lines is None
    assert xid.history(lines, why, []).status == "SKIP"


def test_the_log_of_a_daemon_is_the_second_source(tmp_path):
    (tmp_path / "kern.log").write_text("one\ntwo\n")
    assert xid.read_log(tmp_path / "none", (tmp_path / "absent", tmp_path / "kern.log"))[0] == ["one", "two"]


def test_a_message_that_was_overwritten_while_reading_is_no_end(tmp_path, monkeypatch):
    (tmp_path / "kmsg").write_text("6,1,1,-;first\n")
    real, calls = os.read, []

    def read(handle, size):
        calls.append(handle)
        if len(calls) == 1:
            raise OSError(errno.EPIPE, "overwritten")
        return real(handle, size)

    monkeypatch.setattr(os, "read", read)
    assert xid.read_log(tmp_path / "kmsg", ()) == (["6,1,1,-;first"], "")


@pytest.mark.parametrize(
    ("shown", "indices"),
    [(None, [0, 1, 2]), ("2,0", [2, 0]), ("GPU-1", [1]), ("0,9,1", [0]), ("", []), ("MIG-77", [0, 1, 2])],
)
def test_gpus_are_chosen_as_cuda_chooses_them(shown, indices):
    environment = {} if shown is None else {"CUDA_VISIBLE_DEVICES": shown}
    assert [gpu.index for gpu in chosen(GPUS, environment)] == indices


def test_device_nodes_are_counted_without_the_others(tmp_path):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia10"):
        (tmp_path / name).touch()
    assert device_nodes(tmp_path) == 3


@pytest.mark.parametrize(
    ("folder", "there"),
    [
        ("nvidia_ml_py3-7.352.0.dist-info", True), ("nvidia_ml_py3-7.352.0.egg-info", True),
        ("nvidia-ml-py3-7.352.0.dist-info", True), ("nvidia_ml_py-13.615.71.dist-info", False),
        ("nvidia_ml_py3", False),
    ],
)  # fmt: skip
def test_an_abandoned_package_is_seen_where_it_is_installed(tmp_path, folder, there):
    (tmp_path / folder).mkdir()
    assert driver._installed("nvidia-ml-py3", [str(tmp_path / "absent"), str(tmp_path)]) is there


def test_foreign_libraries_and_compatibility_libraries(tmp_path):
    compat = tmp_path / "cuda" / "compat"
    compat.mkdir(parents=True)
    (compat / "libcuda.so.1").touch()
    (tmp_path / "libcudnn.so.8").touch()
    path = {"LD_LIBRARY_PATH": f"{tmp_path}:{compat}:/does/not/exist:"}
    assert {check.id: check.status for check in check_libraries(path, ["NVIDIA GeForce RTX 4090"])} == {
        "libraries.foreign": "WARN",
        "libraries.compat": "BLOCK",
    }
    assert [check.id for check in check_libraries(path, ["NVIDIA H100 80GB HBM3"])] == ["libraries.foreign"]
    assert [check.status for check in check_libraries({}, [])] == ["PASS"]


def test_names_of_checks_and_limits():
    assert known.is_check("numerics")
    assert known.is_check("numerics.exact.bf16")
    assert known.is_check("remap.pending")
    assert not known.is_check("remp")
    assert {"power.limit", "matmul.seconds", "peers.warn"} <= set(known.limits())
    assert len(known.limits()) == len(set(known.limits()))
