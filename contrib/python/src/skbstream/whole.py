"""Which start a record belongs to, whether a stream is whole, and what its ends count when records are left out."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from itertools import islice
from typing import Generic, Optional, TypeVar

from .errors import Malformed
from .record import Record

MAX_STARTS = 4096
"""How many starts a `resume` can go back to."""
MAX_START_BYTES = 16 << 20
"""How many bytes their records have together."""
_MAX_TOLD_APART = 1 << 16  # starts

_KEYS = {"event": "events", "link": "links", "free": "frees", "loss": "lost"}
_COUNTS = ("events", "links", "frees", "lost")

T = TypeVar("T")


def _name(raw: bytes) -> bytes:
    """By what a start is known: its bytes can be many."""
    return hashlib.blake2b(raw, digest_size=16).digest()


class Starts(Generic[T]):
    """The starts of a stream, the one in force first (FORMAT.md, `resume`)."""

    def __init__(self) -> None:
        self._recent: OrderedDict[bytes, tuple[int, T]] = OrderedDict()  # the one in force last, with its size
        self._bytes = 0

    def begin(self, raw: bytes, what: T) -> None:
        """Puts a start in force."""
        name = _name(raw)
        if name not in self._recent:
            self._bytes += len(raw)
        self._recent[name] = len(raw), what
        self._recent.move_to_end(name)
        while len(self._recent) > MAX_STARTS or len(self._recent) > 1 and self._bytes > MAX_START_BYTES:
            _, (size, _) = self._recent.popitem(last=False)
            self._bytes -= size

    def resume(self, record: Record) -> T:
        """Puts the start in force that a `resume` names. Raises Malformed if there is none."""
        back = record.get("back")
        if type(back) is not int or back < 0:
            raise Malformed("`back` of a resume is not an integer")
        if back >= len(self._recent):
            raise Malformed(f"a resume goes back by {back} starts, and so many did not come before")
        name = next(islice(reversed(self._recent), back, None))
        self._recent.move_to_end(name)
        return self._recent[name][1]


class _Tally:
    def __init__(self) -> None:
        self.open = True
        self.have = dict.fromkeys(_COUNTS, 0)
        self.said = dict.fromkeys(_COUNTS, 0)
        self.unsaid: set[str] = set()


def _weight(record: Record) -> int:
    if record.type != "loss":
        return 1
    count = record.get("count")
    return count if type(count) is int and count >= 0 else 0


class Checker:
    """Says whether a stream is whole."""

    def __init__(self, part: bool) -> None:
        self.part = part
        self._by: dict[bytes, _Tally] = {}
        self._starts: Starts[_Tally] = Starts()
        self._current: Optional[_Tally] = None
        self._before = self._ends = 0
        self._any = self._many = False

    def take(self, record: Record, raw: bytes) -> None:
        """Takes the next record. Raises Malformed if nothing behind it can be understood."""
        self._any = True
        kind = record.type
        if kind in _TIMED and type(record.get("ts")) is not int:
            raise Malformed(f"`ts` of {_TIMED[kind]} is not an integer")
        if kind == "start":
            if record.get("version") != 1 or type(record["version"]) is not int:
                raise Malformed(f"the stream is of version {record.get('version')!r:.20}, which is not known here: "
                                "this package reads version 1")
            tally = self._by.get(_name(raw))
            if tally is None:
                tally = _Tally()
                if len(self._by) < _MAX_TOLD_APART:
                    self._by[_name(raw)] = tally
                else:
                    self._many = True
            tally.open = True
            self._current = tally
            self._starts.begin(raw, tally)
        elif kind == "resume":
            self._current = self._starts.resume(record)
        elif kind == "end":
            if self._current is None:
                self._before += 1
                self._ends += 1
                return
            for key in _COUNTS:
                n = record.get(key)
                if type(n) is int and n >= 0:
                    self._current.said[key] += n
                else:
                    self._current.unsaid.add(key)
            self._current.open = False
        elif kind in _KEYS:
            if self._current is None:
                self._before += 1
            else:
                self._current.have[_KEYS[kind]] += _weight(record)

    def fault(self) -> str:
        """What the stream lacks, "" if nothing. Called behind the last record."""
        if not self._any:
            return "" if self.part else "it is empty, and a stream begins with a start record"
        says = []
        if self._before and not self.part:
            says.append(f"{self._before} record{'s come' if self._before > 1 else ' comes'} before any start record")
        elif self._ends:
            says.append("an end record comes before any start record")
        opened = sum(t.open for t in self._by.values())
        if opened and not self.part:
            says.append("it has no end record, so it was cut off or its writer was killed" if len(self._by) == 1 else
                        f"{opened} of its {len(self._by)} starts have no end record, so it was cut off or "
                        "a writer was killed")
        elif not self._by and not self.part:
            says.append("it has no start and no end record")
        for tally in self._by.values():
            wrong = next((k for k in _COUNTS if not tally.open and k not in tally.unsaid and
                          (tally.have[k] > tally.said[k] if self.part else tally.have[k] != tally.said[k])), None)
            if wrong:
                says.append(f"its end counts {tally.said[wrong]} {wrong}, and there are {tally.have[wrong]}")
                break
        if self._many:
            says.append(f"it has more than {_MAX_TOLD_APART} starts")
        return "; ".join(says)


_TIMED = {"start": "a start", "event": "an event", "link": "a link", "free": "a free", "loss": "a loss",
          "end": "an end", "change": "a change", "counters": "counters", "journey": "a journey"}


class _Sums:
    def __init__(self) -> None:
        self.taken = dict.fromkeys(_COUNTS, 0)
        self.given = dict.fromkeys(_COUNTS, 0)
        self.told = dict.fromkeys(_COUNTS, 0)


class Kept:
    """Makes the ends of a stream count fewer records by those that a filter leaves out, so that what the input lacked
    is still seen to lack in the output. With part they count what is there."""

    def __init__(self, part: bool = False) -> None:
        self._part = part
        self._by: dict[bytes, _Sums] = {}
        self._sides: tuple[Starts[_Sums], Starts[_Sums]] = (Starts(), Starts())
        self._current: list[Optional[_Sums]] = [None, None]

    def _of(self, side: int, record: Record) -> Optional[_Sums]:
        if record.type == "start":
            raw = record.to_msgpack() if record._raw is None else record._raw
            sums = self._by.get(_name(raw)) or _Sums()
            if len(self._by) < _MAX_TOLD_APART:
                self._by[_name(raw)] = sums
            self._current[side] = sums
            self._sides[side].begin(raw, sums)
        elif record.type == "resume":
            self._current[side] = self._sides[side].resume(record)
        return self._current[side]

    def took(self, record: Record) -> None:
        """Takes a record of the input."""
        sums = self._of(0, record)
        if sums is not None and record.type in _KEYS:
            sums.taken[_KEYS[record.type]] += _weight(record)

    def gives(self, record: Record) -> None:
        """Takes a record of the output, before it is written, and corrects what it counts."""
        sums = self._of(1, record)
        if sums is None:
            return
        if record.type in _KEYS:
            sums.given[_KEYS[record.type]] += _weight(record)
        if record.type != "end":
            return
        for key in _COUNTS[:3]:
            said = record.get(key)
            if type(said) is not int:
                continue
            if self._part:
                record[key] = sums.given[key] - sums.told[key]
                sums.told[key] = sums.given[key]
                continue
            gone = sums.taken[key] - min(sums.taken[key], sums.given[key]) - sums.told[key]
            if gone > 0:
                left = min(said, gone)
                record[key] = said - left
                sums.told[key] += left
