"""What can be wrong with a stream."""

from __future__ import annotations


def escaped(text: str) -> str:
    """Text with everything that a terminal could obey written as an escape."""
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii") for c in text)


class StreamError(Exception):
    """An input that is no stream, or a damaged one.

    The message is one line, safe on a terminal: the name of the input, the byte offset (of the uncompressed data),
    what is wrong. All records before that offset have been handed on.
    """


class NotWhole(StreamError):
    """The input was read to its end, and records of it are missing. All that is there has been handed on."""


class Malformed(Exception):
    """A record that FORMAT.md forbids. The reader makes a StreamError of it, which has the offset."""
