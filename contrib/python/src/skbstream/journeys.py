"""Packets' journeys, of a stream that skb-track wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Optional

from .errors import StreamError
from .record import Event, JourneyRecord, Record


@dataclass
class Journey:
    """One packet's way through the kernel."""

    packet: int
    """The number that skb-track gave it."""
    events: list[Event] = field(default_factory=list)
    """Its events, in the order of time as far as the stream has them."""
    record: Optional[JourneyRecord] = None
    """How it ended. None if the stream has no such record: it was cut off, or the record left out."""
    missing: int = 0
    """Events of it that `record` counts and the stream does not have, or that `hold` had no room for."""

    def _end(self, key: str) -> Any:
        return self.record.path("end." + key) if self.record is not None else None

    @property
    def how(self) -> Optional[str]:
        """`delivered`, `transmitted`, `dropped`, `consumed`, `merged`, `lost` or `open`; None: not known."""
        value: Optional[str] = self._end("how")
        return value

    @property
    def reason(self) -> Optional[str]:
        """Why it was dropped; None if it was not, or the kernel did not say."""
        value: Optional[str] = self._end("reason")
        return value

    @property
    def location(self) -> Optional[str]:
        """Where it was dropped, function, `+`, offset; None if it was not, or that is not known."""
        value: Optional[str] = self._end("location")
        return value

    @property
    def total_ns(self) -> Optional[int]:
        """From its first event to its end, ns; None: not known."""
        return self.record.get("total") if self.record is not None else None

    @property
    def uncertain(self) -> bool:
        """Whether records were lost that could have told something else."""
        return bool(self.record is not None and self.record.get("uncertain") or
                    any(e.path("track.uncertain") for e in self.events))

    @property
    def inferred(self) -> bool:
        """Whether events were joined by the packet's bytes alone (skb-track --infer)."""
        return bool(self.record is not None and self.record.get("inferred") or
                    any(e.path("track.inferred") for e in self.events))

    @property
    def hops(self) -> list[tuple[str, Optional[int]]]:
        """Each event's probe, and the ns since the one before on its branch (None at the first)."""
        return [(e.probe, e.path("track.since")) for e in self.events]


def journeys(records: Iterable[Record], *, hold: int = 1_000_000) -> Iterator[Journey]:
    """The journeys of a tracked stream, each as soon as it is complete: `skb-track`, also with `skb-sort` behind it in
    any order. Journeys without a `journey` record come last.

    hold is how many events, and journeys, are kept that are not complete. Beyond that the journey that began first
    comes as it is, and what follows of it comes as another Journey of the same number; `missing` of that one counts
    the events that it lacks.
    Raises StreamError if streams were joined that were tracked apart: a number then is of two packets.
    """
    waiting: dict[int, Journey] = {}
    held = 0

    def give(j: Journey) -> Journey:
        nonlocal held
        del waiting[j.packet]
        held -= len(j.events)
        if j.record is not None:
            j.missing = max(0, int(j.record.get("hops", 0)) - len(j.events))
        return j

    for record in records:
        if isinstance(record, JourneyRecord):
            packet = record.packet
            j = waiting.setdefault(packet, Journey(packet))
            if j.record is not None:
                raise _twice(record, packet)
            j.record = record
            # skb-track writes it behind the last event, skb-sort --by journey in front of the first.
            if j.events or not record.get("hops"):
                yield give(j)
        elif isinstance(record, Event) and record.packet is not None:
            packet = record.packet
            j = waiting.setdefault(packet, Journey(packet))
            if j.events and record.path("track.hop") == 0 and "from" not in record["track"]:
                raise _twice(record, packet)
            j.events.append(record)
            held += 1
            if j.record is not None and len(j.events) >= int(j.record.get("hops", 0)):
                yield give(j)
        while held + len(waiting) > hold:
            yield give(next(iter(waiting.values())))
    while waiting:
        yield give(next(iter(waiting.values())))


def _twice(record: Record, packet: int) -> StreamError:
    return StreamError(f"{record.source or 'input'}: at byte {record.offset}: number {packet} is of two packets: "
                       "streams were joined that were tracked apart. Join them first: skb-sort A B | skb-track")
