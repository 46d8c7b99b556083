"""Decides who still has to be told of an event, tells them, and remembers it. Nothing here raises for a channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Literal

from mlops_ci.errors import MlopsError
from mlops_ci.notifying.channels import Channel, Opened
from mlops_ci.notifying.event import TROUBLES, Event, topics
from mlops_ci.notifying.memory import ChannelMemory, Memory, OpenTrouble, Remembered
from mlops_ci.records.report import Notification
from mlops_ci.redaction import Redactor
from mlops_ci.run.clock import parse
from mlops_ci.settings.notify import NotifySettings
from mlops_ci.web import Attempt, in_time

# All channels are told at once; this many times the limit of one attempt is the limit for all of it.
PATIENCE = 6


@dataclass(kw_only=True)
class Teller:
    """Tells events by the opened channels; `told` and `warnings` say what became of it."""

    settings: NotifySettings
    opened: Opened
    memory: Memory
    redactor: Redactor
    told: list[Notification] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _lost: bool = False

    def tell(self, events: Iterable[Event]) -> None:
        """Tell each event to those who do not know it yet."""
        for name, problem in self.opened.problems.items():
            self._warn(f"{name} was not told: {problem}")
        for event in events if self.opened.channels else ():
            wanted = event.kind == "test" or event.kind in self.settings.on
            if event.kind == "test":
                self._note(event, self._send(event, self.opened.channels))
            elif event.kind == "recovery":
                self._recover(event, wanted=wanted)
            elif wanted:
                self._once(event)

    def _once(self, event: Event) -> None:
        """Trouble, or good news: to every channel that was not told of it."""
        ((_, key),) = topics(event)
        before = self._read(key)
        known = before or Remembered()
        pending = []
        for channel in self.opened.channels:
            ending = _known(event, known.of(channel.name), self.settings.repeat)
            if ending is None:
                pending.append(channel)
                continue
            self.told.append(Notification(event=event.kind, channel=channel.name, ending=ending))
            if ending == "repeated":
                known = known.with_channel(channel.name, _seen(event, known.of(channel.name)))
        sent = self._note(event, self._send(_with_history(event, known, pending), pending))
        for name in sent:
            known = known.with_channel(name, _after(event, known.of(name)))
        if before is not None and known != before:
            self._write(key, known)

    def _recover(self, event: Event, *, wanted: bool) -> None:
        """To every channel that still believes that there is trouble. Who does not want to hear it forgets silently."""
        files = {key: found for _, key in topics(event) if (found := self._read(key)) is not None}
        troubled = [
            channel
            for channel in self.opened.channels
            if any(one.of(channel.name).trouble is not None for one in files.values())
        ]
        told = _with_past(event, files.values())
        sent = self._note(event, self._send(told, troubled)) if wanted else [one.name for one in troubled]
        for key, known in files.items():
            after = known
            for name in sent:
                after = after.with_channel(name, replace(after.of(name), trouble=None))
            if after != known:
                self._write(key, after)

    def _send(self, event: Event, channels: Sequence[Channel]) -> dict[str, Attempt[None]]:
        clean = event.cleaned(self.redactor)
        calls = {channel.name: partial(channel.send, clean) for channel in channels}
        return in_time(PATIENCE * self.settings.timeout, calls) if calls else {}

    def _note(self, event: Event, ended: dict[str, Attempt[None]]) -> list[str]:
        """The names of the channels that were told."""
        sent = []
        for name, attempt in ended.items():
            why = self.redactor.clean(_why(attempt))
            if not why:
                sent.append(name)
            else:
                self._warn(f"{name} was not told of {event.kind}: {why}")
            self.told.append(Notification(event=event.kind, channel=name, ending="failed" if why else "sent"))
        return sent

    def _read(self, key: str) -> Remembered | None:
        if self._lost:
            return None
        try:
            return self.memory.read(key)
        except Exception as error:  # noqa: BLE001  # whatever it is: without memory we tell rather than keep silent
            self._warn(f"what was told before is not known, so this may be told again: {_words(error)}")
            # A store that does not answer is not waited for a second time.
            self._lost = True
            return None

    def _write(self, key: str, remembered: Remembered) -> None:
        try:
            self.memory.write(key, remembered)
        except Exception as error:  # noqa: BLE001
            self._warn(f"what was told could not be written down, so it may be told again: {_words(error)}")

    def _warn(self, text: str) -> None:
        clean = f"notifications: {self.redactor.clean(text)}"
        if clean not in self.warnings:
            self.warnings.append(clean)


def _known(event: Event, memory: ChannelMemory, repeat: float) -> Literal["told before", "repeated"] | None:
    """Why a channel need not be told, or None."""
    if event.id in memory.told:
        return "told before"
    trouble = memory.trouble
    if trouble is None or event.kind not in TROUBLES or trouble.cause != event.cause_digest:
        return None
    return "repeated" if (_moment(event.at) - _moment(trouble.told_at)).total_seconds() < repeat else None


def _seen(event: Event, memory: ChannelMemory) -> ChannelMemory:
    """The same trouble once more, not told."""
    trouble = memory.trouble
    assert trouble is not None  # noqa: S101  # for the type checker: only open trouble is repeated
    return ChannelMemory(told=(*memory.told, event.id), trouble=replace(trouble, times=trouble.times + 1))


def _after(event: Event, memory: ChannelMemory) -> ChannelMemory:
    """The channel has just been told."""
    told = (*memory.told, event.id)
    if event.kind not in TROUBLES:
        return replace(memory, told=told)
    before = memory.trouble
    if before is not None and before.cause == event.cause_digest:
        return ChannelMemory(told=told, trouble=replace(before, told_at=event.at, times=before.times + 1))
    return ChannelMemory(told=told, trouble=OpenTrouble(cause=event.cause_digest, since=event.at, told_at=event.at))


def _with_history(event: Event, known: Remembered, channels: Sequence[Channel]) -> Event:
    """A trouble that is told again says since when it lasts."""
    lasting = [
        trouble
        for channel in channels
        if (trouble := known.of(channel.name).trouble) is not None and trouble.cause == event.cause_digest
    ]
    if not lasting:
        return event
    oldest = min(lasting, key=lambda one: one.since)
    return replace(event, facts={"still so": f"{oldest.times + 1} times since {oldest.since}", **event.facts})


def _with_past(event: Event, files: Iterable[Remembered]) -> Event:
    """A recovery says what is over."""
    over = [one.trouble for known in files for one in known.channels.values() if one.trouble is not None]
    if not over:
        return event
    oldest = min(over, key=lambda one: one.since)
    times = f"{oldest.times} times" if oldest.times > 1 else "once"
    return replace(event, facts={"before that": f"{times}, since {oldest.since}", **event.facts})


def _moment(text: str) -> datetime:
    return parse(text)


def _why(attempt: Attempt[None]) -> str:
    if attempt.error is not None:
        return _words(attempt.error)
    return "" if attempt.done else "it did not answer in time"


def _words(error: BaseException) -> str:
    """Errors of ours say it themselves; of another only its kind is told, since its text may hold an address."""
    if isinstance(error, MlopsError):
        return f"{error.cause}{f' ({error.hint})' if error.hint else ''}"
    return type(error).__name__
