"""What the driver itself advises, the board's own data, and the modes that decide whether a job may use the GPU."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_ci.guest.health.card import Card, unseen
from mlops_ci.guest.health.check import BLOCK, PASS, WARN, Check

RECOVERY_FIELD = 230
ACTIONS = {
    1: ("a reset of the GPU", "Reset this GPU (nvidia-smi --gpu-reset, with nothing running on it)."),
    2: ("a reboot of the node", "Reboot this node."),
    3: ("that GPUs linked to it are drained", "Let no new job use GPUs that are linked to this one."),
    4: ("that it is drained and reset", "Let the jobs of this GPU end, then reset it."),
    5: ("a recovery of the IMEX domain", "Restart nvidia-imex on the nodes of this domain."),
    6: ("a reset of its bus", "Reset the bus of this GPU, or power the node off and on."),
    7: ("a reboot of the system", "Reboot this node."),
}
"""NVML_GPU_RECOVERY_ACTION_* in nvml.h (driver 570 and newer)."""

CORRUPTED = "corrupted"
PROHIBITED, EXCLUSIVE_THREAD, EXCLUSIVE_PROCESS = 2, 1, 3


def recovery_action(card: Card) -> Iterator[Check]:
    """What NVIDIA's driver says has to be done with this GPU: the cheapest and best informed check of all."""
    found = card.field_value(RECOVERY_FIELD)
    if not found.there:
        yield unseen("gpu.recovery-action", found)
    elif found.value == 0:
        yield Check("gpu.recovery-action", PASS, 0, 0)
    else:
        words, advice = ACTIONS.get(found.value, (f"action {found.value}, which no table knows", "Ask NVIDIA."))
        cause = f"NVIDIA's driver asks for {words}"
        yield Check("gpu.recovery-action", BLOCK, found.value, 0, "", cause, advice, node=True)


def inforom(card: Card) -> Iterator[Check]:
    """The board's own data are intact."""
    found = card.ask("nvmlDeviceValidateInforom")
    if found.there:
        yield Check("inforom", PASS)
    elif CORRUPTED in found.reason.lower():
        cause = "the data that the board keeps of itself (infoROM) are corrupted"
        yield Check("inforom", BLOCK, cause=cause, advice="Have this GPU looked at or replaced.", node=True)
    else:
        yield unseen("inforom", found)


def compute_mode(card: Card) -> Iterator[Check]:
    """Whether jobs may use it at all."""
    found = card.ask("nvmlDeviceGetComputeMode")
    if not found.there:
        yield unseen("compute-mode", found)
    elif found.value == PROHIBITED:
        cause = "this GPU is in the mode `prohibited`: no program may compute on it"
        advice = "Set it back on the host: nvidia-smi -c DEFAULT."
        yield Check("compute-mode", BLOCK, "prohibited", "default", "", cause, advice, node=True)
    elif found.value in (EXCLUSIVE_PROCESS, EXCLUSIVE_THREAD):
        yield Check("compute-mode", PASS, "exclusive", evidence="one process at a time may use it")
    else:
        yield Check("compute-mode", PASS, "default")


def partitions(card: Card) -> Iterator[Check]:
    """A partition is no smaller GPU that is sick: its mode is said, and speed limits of the whole do not apply."""
    found = card.ask("nvmlDeviceGetMigMode")
    if not found.there:
        yield unseen("mig", found)
        return
    now, pending = found.value
    if now != pending:
        cause = "partitioning (MIG) is about to be switched: the mode changes with the next reset"
        yield Check("mig", WARN, now, pending, "", cause, "Reset this GPU.")
    else:
        yield Check("mig", PASS, "on" if now else "off", evidence="the job has a partition" if now else "")


def persistence(card: Card) -> Iterator[Check]:
    """Without it the driver lets go of the GPU after each job, and each start is slow."""
    found = card.ask("nvmlDeviceGetPersistenceMode")
    if not found.there:
        yield unseen("persistence", found)
    else:
        note = "" if found.value else "off: each job waits for the driver first; nvidia-persistenced on the host helps"
        yield Check("persistence", PASS, "on" if found.value else "off", evidence=note)
