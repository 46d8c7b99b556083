"""One GPU behind NVIDIA's binding. Every question has an answer or a reason why there is none; nothing is changed.

A symbol that a driver lacks, and a question that a card does not know, give a reason and no value: never a pass. A GPU
that is gone raises `GoneError`, wherever that shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mlops_ci.guest.health.check import SKIP, Check
from mlops_ci.guest.health.tables import table

NOT_SUPPORTED = 3
NOT_FOUND = 13
UNSIGNED_INT, UNSIGNED_LONG, UNSIGNED_LONG_LONG = 1, 2, 3


class GoneError(Exception):
    """The driver says that this GPU is lost or must be reset. `question` is what it was asked."""

    def __init__(self, question: str, text: str) -> None:
        super().__init__(text)
        self.question = question
        self.text = text


@dataclass(frozen=True)
class Answer:
    """A value, or None and the reason."""

    value: Any
    reason: str = ""

    @property
    def there(self) -> bool:
        """Whether there is a value."""
        return not self.reason


def _silent(_: str) -> None:
    """Nobody listens to the steps."""


@dataclass
class Card:
    """An open GPU. `split`: MIG is on, with these `parts` (handle, UUID), and `part` is the job's, where that is known.
    `uuid` is then the partition's, and `whole` the GPU's.

    `note` hears of each question before it is asked, so that one that never returns can be named.
    """

    binding: Any
    handle: Any
    limits: Mapping[str, float]
    name: str = ""
    uuid: str = ""
    whole: str = ""
    capability: tuple[int, int] | None = None
    bus: str = ""
    split: bool = False
    part: Any = None
    parts: list[tuple[Any, str]] = field(default_factory=list)
    note: Callable[[str], None] = field(default=_silent)

    def ask(self, question: str, *arguments: Any) -> Answer:
        """The answer of the binding's getter of that name for this GPU."""
        return asked(self.binding, question, self.handle, *arguments, note=self.note)

    def memory(self) -> Answer:
        """The memory of what the job has: the whole GPU, or its partition.

        By the second form of the question where the driver has it: the first counts as used what the driver keeps for
        itself, which is 615 MiB of an idle H200.
        """
        if self.split and self.part is None:
            return Answer(None, "this GPU is split (MIG), and which partition the job has is not known")
        question = partial(asked, self.binding, "nvmlDeviceGetMemoryInfo", self.part if self.split else self.handle)
        second = getattr(self.binding, "nvmlMemory_v2", None)
        found = None if second is None else question(second, note=self.note)
        return found if found is not None and found.there else question(note=self.note)

    def filled(self, question: str, kind: str, version: str | None = None) -> Answer:
        """The answer of a getter that fills in a structure of that name."""
        try:
            structure = getattr(self.binding, kind)()
            if version is not None:
                structure.version = getattr(self.binding, version)
        except AttributeError:
            return Answer(None, f"this binding has no {kind}")
        found = self.ask(question, self.binding.byref(structure))
        return Answer(structure) if found.there else found

    def field_value(self, number: int) -> Answer:
        """The whole number in a field of nvmlDeviceGetFieldValues."""
        found = self.ask("nvmlDeviceGetFieldValues", [number])
        if not found.there:
            return found
        try:
            row = found.value[0]
            if row.nvmlReturn:
                return Answer(None, reason_of(self.binding.NVMLError(row.nvmlReturn)))
            names = {UNSIGNED_INT: "uiVal", UNSIGNED_LONG: "ulVal", UNSIGNED_LONG_LONG: "ullVal"}
            return Answer(int(getattr(row.value, names.get(row.valueType, "ullVal"))))
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            return Answer(None, f"the driver's answer for field {number} is garbage: {error}")

    def limit(self, name: str) -> float:
        """The limit of that name: the settings', else the table's."""
        return limit_of(self.limits, name)


def asked(binding: Any, question: str, *arguments: Any, note: Callable[[str], None] = _silent) -> Answer:
    """The answer of the binding's function of that name; raises `GoneError`."""
    getter = getattr(binding, question, None)
    if getter is None:
        return Answer(None, f"this binding has no {question}")
    note(question)
    try:
        return Answer(getter(*arguments))
    except binding.NVMLError as error:
        if error.value in table("nvml-errors")["gone"]:
            raise GoneError(question, str(error)) from error
        return Answer(None, reason_of(error))
    except Exception as error:
        return Answer(None, f"{question} failed in NVIDIA's binding: {type(error).__name__}: {error}")


def reason_of(error: Any) -> str:
    """Why there is no answer, in words."""
    if error.value == NOT_SUPPORTED:
        return "this GPU does not tell"
    if error.value == NOT_FOUND:
        return "this driver is too old to tell"
    return f"the driver says: {error}"


def limit_of(limits: Mapping[str, float], name: str) -> float:
    """The limit of that name: the settings', else the table's."""
    return float(limits[name] if name in limits else table("limits")["limits"][name]["value"])


def unseen(name: str, answer: Answer) -> Check:
    """A check that could not be made."""
    return Check(name, SKIP, cause=answer.reason)
