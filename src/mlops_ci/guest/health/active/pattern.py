"""Writes patterns into the memory and reads them back: bits that stick, and addresses that meet.

The five bytes of DCGM's memory test, in its order, then in each word its own number, which shows two addresses that
lead to the same cell.
"""

from __future__ import annotations

import time
from typing import Any

from mlops_ci.guest.health.active.context import Context
from mlops_ci.guest.health.active.elements import stride
from mlops_ci.guest.health.active.guard import SICK, guarded_all
from mlops_ci.guest.health.check import BLOCK, PASS, SKIP, Check

BYTES = (0x00, 0xAA, 0x55, 0xFF, 0x00)
CHUNK = 2**28
CPU_TOTAL = 2**25
SPARED = 2**29
"""Left free on a GPU for what verifying needs."""

WORD = 8
SHOWN = 4


def run(context: Context) -> list[Check]:
    """`memory.pattern`: wrong words of all patterns; SKIP says which share of the memory was not tested."""
    name = f"memory.pattern.{context.device}"
    checks = guarded_all(name, lambda: _test(context, name))
    if not context.cpu:
        context.torch.cuda.empty_cache()
    return checks


def _test(context: Context, name: str) -> list[Check]:
    started = time.monotonic()
    chunks = _allocate(context)
    tested = sum(len(chunk) for chunk in chunks) * WORD
    passes = 0
    for step, writer in (*((f"0x{byte:02X}", byte) for byte in BYTES), ("address", None)):
        if passes and context.left() <= 0:
            break
        wrong = _pass(context, chunks, step, writer)
        passes += 1
        if wrong:
            return [_wrong(name, step, wrong)]
    size = f"wrong words in {passes} patterns over {tested / 2**30:.3g} GiB"
    checks = [Check(name, PASS, 0, 0, size)]
    if not context.cpu:
        checks += _share(context, tested)
    if passes <= len(BYTES):
        cause = f"no time for more than {passes} of {len(BYTES) + 1} patterns in {time.monotonic() - started:.1f} s"
        checks.append(Check(f"memory.pattern.rest.{context.device}", SKIP, cause=cause))
    return checks


def _allocate(context: Context) -> list[Any]:
    torch = context.torch
    if context.cpu:
        return [torch.empty(CPU_TOTAL // WORD, dtype=torch.int64)]
    free, total = torch.cuda.mem_get_info(context.device)
    wanted = min(free - SPARED, int(total * context.limit("pattern.share")))
    count = max(1, wanted // CHUNK)
    return [torch.empty(CHUNK // WORD, dtype=torch.int64, device=context.device) for _ in range(count)]


def _pass(context: Context, chunks: list[Any], step: str, byte: int | None) -> list[tuple[int, int, int]]:
    """All chunks are written before the first is read: what is read comes from the memory, not from a cache."""
    torch = context.torch
    for index, chunk in enumerate(chunks):
        if byte is None:
            torch.arange(index * len(chunk), (index + 1) * len(chunk), out=chunk)
        else:
            chunk.view(torch.uint8).fill_(byte)
    wrong: list[tuple[int, int, int]] = []
    for index, chunk in enumerate(chunks):
        seen, first = context.faults(f"pattern.{step}", chunk), index * len(chunk)
        expected = torch.arange(first, first + len(chunk), device=chunk.device) if byte is None else _word(byte)
        bad = seen != expected
        if bool(bad.any()):
            for place in torch.nonzero(bad).flatten().tolist():
                right = first + place if byte is None else _word(byte)
                wrong.append((first + place, int(seen[place]), right))
    return wrong


def _word(byte: int) -> int:
    return int.from_bytes(bytes([byte] * WORD), "little", signed=True)


def _wrong(name: str, step: str, wrong: list[tuple[int, int, int]]) -> Check:
    mask = (1 << 64) - 1
    shown = ", ".join(
        f"byte 0x{place * WORD:X}: 0x{got & mask:016X} instead of 0x{right & mask:016X}"
        for place, got, right in wrong[:SHOWN]
    )
    step_words = stride([place for place, _, _ in wrong])
    regular = f"; all are multiples of {step_words * WORD} bytes apart" if step_words > 1 else ""
    cause = f"{len(wrong)} words do not hold the pattern {step}: {shown}{regular}"
    return Check(name, BLOCK, len(wrong), 0, "wrong words", cause, SICK, node=True)


def _share(context: Context, tested: int) -> list[Check]:
    name, least = f"memory.pattern.share.{context.device}", context.limit("pattern.share")
    total = context.torch.cuda.mem_get_info(context.device)[1]
    share = round(tested / total, 3)
    if share >= least - CHUNK / total:
        return [Check(name, PASS, share, least, "of the memory")]
    cause = f"only {share:.0%} of the memory was free to be tested"
    return [Check(name, SKIP, share, least, "of the memory", cause)]
