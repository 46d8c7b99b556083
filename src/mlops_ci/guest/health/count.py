"""Are all GPUs here? By the driver, by the device nodes, and by torch, each within what the job may see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mlops_ci.guest.health.check import BLOCK, PASS, WARN, Check
from mlops_ci.guest.health.cuda_errors import meaning
from mlops_ci.guest.visible import VARIABLE, Candidate, visible

if TYPE_CHECKING:
    from mlops_ci.guest.health.driver import Listed

ADVICE = "Check that the job is started with GPUs (driver, container toolkit, CUDA_VISIBLE_DEVICES)."
MASKED = ("", "all")


def chosen(gpus: Sequence[Listed], environment: Mapping[str, str]) -> list[Listed]:
    """Those that CUDA_VISIBLE_DEVICES shows the job, in its order; a partition stands for the GPU that has it."""
    candidates = [Candidate(gpu.index, gpu.uuid, gpu.parts) for gpu in gpus]
    return [gpus[one.place] for one in visible(environment.get(VARIABLE), candidates)]


def driver_count(
    gpus: Sequence[Listed], usable: Sequence[Listed], *, nodes: int, wanted: int, environment: Mapping[str, str]
) -> Iterator[Check]:
    """The driver's count against the job's wish, and against the device nodes where all GPUs are the job's."""
    if len(usable) < wanted and len(gpus) >= wanted:
        value = environment.get(VARIABLE, "")
        cause = f"{wanted} GPUs are asked for, and CUDA_VISIBLE_DEVICES={value!r} leaves {len(usable)} of {len(gpus)}"
        yield Check("gpu.count.driver", BLOCK, len(usable), wanted, "GPUs", cause, "Set it to what the job may use.")
        return
    subset = environment.get("NVIDIA_VISIBLE_DEVICES", "") not in MASKED
    missing = 0 if subset else max(0, nodes - len(gpus))
    advice = "Reboot this node; if it comes back, have card, slot and power looked at."
    if missing and len(usable) < wanted:
        cause = f"the driver shows {len(gpus)} GPUs, and there are {nodes} device nodes: {missing} are lost"
        yield Check("gpu.count.driver", BLOCK, len(gpus), nodes, "GPUs", cause, advice, node=True)
    elif len(usable) < wanted:
        cause = f"{len(usable)} of {wanted} GPUs are there, says the driver"
        yield Check("gpu.count.driver", BLOCK, len(usable), wanted, "GPUs", cause, ADVICE, node=len(gpus) > 0)
    elif missing:
        cause = f"the driver shows {len(gpus)} GPUs, and there are {nodes} device nodes: {missing} may be lost"
        yield Check("gpu.count.driver", WARN, len(gpus), nodes, "GPUs", cause, advice)
    else:
        yield Check("gpu.count.driver", PASS, len(usable), wanted, "GPUs")


def torch_count(count: int, wanted: int, *, usable: int | None, error: str) -> Check:
    """What torch can use. `usable` is the driver's count, None where that is not known; `error` torch's own words."""
    if count >= wanted and not error:
        return Check("gpu.count", PASS, count, wanted, "GPUs")
    known = meaning(error)
    why = error or "torch sees no more"
    words = f": {known.cause}" if known.cause else ""
    cause = f"{count} of {wanted} GPUs are usable by torch: {why}{words}"
    # The driver shows them all and torch does not: this node or its container is broken, whatever the message says.
    node = (known.node and bool(error)) or (not error and 0 < count < wanted)
    if usable is not None and 0 < usable < wanted:
        node = True
    return Check("gpu.count", BLOCK, count, wanted, "GPUs", cause, known.advice if error else ADVICE, node=node)
