"""Reads and writes the event stream of skb-tools (format/FORMAT.md).

    for record in skbstream.read("x.skb.zst"):
        if record.type == "event" and record.dropped:
            print(record.time, record.reason, record.path("dev.name"))

A filter for a pipeline, `skb-collect ... | ./large | skb-track`:

    import skbstream
    skbstream.run(lambda r: r.type != "event" or r.path("skb.len", 0) > 1000)
"""

from .errors import NotWhole, StreamError
from .journeys import Journey, journeys
from .packets import to_scapy
from .reader import Reader, read
from .record import End, Event, JourneyRecord, Loss, Record, Start, new
from .table import flat, to_dataframe
from .writer import Writer, filtered, run

__all__ = ["End", "Event", "Journey", "JourneyRecord", "Loss", "NotWhole", "Reader", "Record", "Start", "StreamError",
           "Writer", "filtered", "flat", "journeys", "new", "read", "run", "to_dataframe", "to_scapy"]
