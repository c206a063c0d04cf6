"""Records: dictionaries that remember the bytes they were read from."""

from __future__ import annotations

import datetime
from typing import Any, Optional

from . import jsonform, wire


class Record(dict[str, Any]):
    """One record of a stream (format/FORMAT.md): a dictionary with its keys and sections.

    What is not changed keeps its bytes when it is written, also keys that nobody knows. Integers have 64 bits. A string
    that is not UTF-8 has lone surrogates (surrogateescape). A key that is absent was never known: it is not 0.
    """

    __slots__ = ("_raw", "_start", "source", "offset")

    source: str
    """The input it was read from, for messages; empty if it was not read."""
    offset: int
    """Where it begins in that input, bytes of the uncompressed data."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._raw: Optional[bytes] = None
        self._start: Optional[Start] = None
        self.source = ""
        self.offset = 0

    @property
    def type(self) -> str:
        """`event`, `start`, `loss` and so on."""
        return str(self["type"])

    @property
    def ts(self) -> int:
        """ns of CLOCK_MONOTONIC on the host. Raises KeyError for a record that has none, as `resume`."""
        return int(self["ts"])

    @property
    def start(self) -> Optional["Start"]:
        """The start record that this one belongs to. None if there is none, or if it was not read from a stream."""
        return self if isinstance(self, Start) else self._start

    def path(self, name: str, default: Any = None) -> Any:
        """The value under a name with dots, as `skb.len`; default if it, or a section on the way, is absent."""
        value: Any = self
        for key in name.split("."):
            if not isinstance(value, dict) or key not in value:
                return default
            value = value[key]
        return value

    @property
    def time_ns(self) -> Optional[int]:
        """ns since 1970, UTC; None if the start that says how the host's clock went is not there."""
        offset = self.start.get("clock_offset") if self.start is not None else None
        return self.ts + offset if isinstance(offset, int) else None

    @property
    def time(self) -> Optional[datetime.datetime]:
        """The same as a datetime, which has microseconds: the rest is cut off."""
        ns = self.time_ns
        if ns is None:
            return None
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return epoch + datetime.timedelta(microseconds=ns // 1000)

    def to_msgpack(self) -> bytes:
        """The record without the length of its frame. Raises ValueError or TypeError for what no record can hold."""
        return wire.encode(self, self._raw)

    def to_json(self) -> str:
        """The record as one line of JSON, without a newline. Raises ValueError for what has no form in JSON."""
        return jsonform.dumps(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict.__repr__(self)})"


class Start(Record):
    """What the records behind it are from: a host, its kernel and its clock."""

    __slots__ = ()

    @property
    def host(self) -> str:
        """Name of the host, empty if unknown."""
        return str(self.get("host", ""))

    @property
    def kernel(self) -> str:
        """Its kernel's release, as `uname -r`."""
        return str(self.get("kernel", ""))

    @property
    def clock_offset(self) -> int:
        """Add it to a `ts` for ns since 1970, UTC."""
        return int(self["clock_offset"])


class Event(Record):
    """A packet at a probe."""

    __slots__ = ()

    @property
    def probe(self) -> str:
        """Where: `net:netif_receive_skb`, `ip_rcv`, `ret:ip_rcv`."""
        return str(self["probe"])

    @property
    def cpu(self) -> Optional[int]:
        """Number of the CPU; None if a capture does not tell."""
        return self.get("cpu")

    @property
    def data(self) -> Optional[bytes]:
        """The packet's bytes, from `packet.at` on, up to the snaplen; None if they could not be read."""
        value = self.path("packet.data")
        return value if isinstance(value, bytes) else None

    @property
    def dropped(self) -> bool:
        """Whether this is a drop."""
        return "drop" in self

    @property
    def reason(self) -> Optional[str]:
        """`drop.name`: None if this is no drop, or the kernel (before 5.17) gives no reason."""
        value = self.path("drop.name")
        return value if isinstance(value, str) else None

    @property
    def packet(self) -> Optional[int]:
        """The number that skb-track gave the packet; None if it was not asked, or could not tell."""
        value = self.path("track.packet")
        return value if isinstance(value, int) else None

    def to_scapy(self) -> Any:
        """The packet for scapy; see skbstream.to_scapy."""
        from .packets import to_scapy

        return to_scapy(self)


class JourneyRecord(Record):
    """How a packet's journey ended. skbstream.journeys puts it together with its events."""

    __slots__ = ()

    @property
    def packet(self) -> int:
        """The number of the packet."""
        return int(self["packet"])

    @property
    def how(self) -> str:
        """`delivered`, `transmitted`, `dropped`, `consumed`, `merged`, `lost` or `open`."""
        return str(self.path("end.how", ""))


class Loss(Record):
    """Something is missing in the stream."""

    __slots__ = ()

    @property
    def count(self) -> int:
        """How much, at least."""
        return int(self["count"])


class End(Record):
    """Closes what a start opened, and says how much there was."""

    __slots__ = ()


_CLASSES: dict[str, type[Record]] = {
    "start": Start, "event": Event, "journey": JourneyRecord, "loss": Loss, "end": End,
}


def of(value: dict[str, Any], raw: Optional[bytes]) -> Record:
    """The record that was read from raw."""
    made = _CLASSES.get(value["type"], Record)(value)
    made._raw = raw
    return made


def new(type: str, **keys: Any) -> Record:
    """A record of one's own: new("event", ts=5, cpu=0, probe="ip_rcv", skb={"len": 84})."""
    return of({"type": type, **keys}, None)
