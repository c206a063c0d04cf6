"""Reading streams: files, pipes, compressed or not, frames or JSON lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Optional, Union

from . import inflate, jsonform, record, wire
from .errors import Malformed, NotWhole, StreamError, escaped
from .record import Record, Start
from .whole import Checker, Starts

Source = Union[str, "os.PathLike[str]", BinaryIO]
"""A path, `-` for stdin, or a file that is open for reading bytes."""

_PIECE = 1 << 16
_BOM = b"\xef\xbb\xbf"
_CAPTURES = (b"\n\r\r\n", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")


class Reader(Iterator[Record]):
    """The records of one input, one after another.

    part: records may be missing, because a program that does not know FORMAT.md left them out.
    idle is called before each read that may have to wait.

    Raises StreamError at damage, NotWhole at the end of an input that is not whole. All records before come first.
    No more than one record, or one line of JSON, is in memory.
    """

    def __init__(self, source: Source = "-", *, part: bool = False, idle: Optional[Callable[[], None]] = None) -> None:
        self.part = part
        self._idle = idle
        self._file: Any = None
        self._close = False
        if isinstance(source, (str, os.PathLike)):
            path = os.fspath(source)
            if path == "-":
                self.name, self._file = "stdin", sys.stdin.buffer
            else:
                self.name = escaped(path)
                try:
                    self._file, self._close = open(path, "rb", buffering=0), True
                except OSError as e:
                    raise StreamError(f"can't open {self.name}: {e.strerror}") from None
        else:
            self._file, self.name = source, escaped(str(getattr(source, "name", "input")))
        self._read: Callable[[int], bytes] = self._read_file
        self._buffer = bytearray()
        self._at = 0  # unread are _buffer[_at:]
        self._offset = 0  # of _buffer[_at]
        self._ended = self._json = self._decided = False
        self._checker = Checker(part)
        self._starts: Starts[Start] = Starts()
        self._start: Optional[Start] = None
        self._done = False

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file if this Reader opened it."""
        self._done = True
        if self._close:
            self._file.close()

    def _read_file(self, n: int) -> bytes:
        if self._idle is not None:
            self._idle()
        try:
            got = (getattr(self._file, "read1", None) or self._file.read)(n)
        except OSError as e:
            raise StreamError(f"{self.name}: can't be read: {e.strerror}") from None
        if isinstance(got, str):
            raise TypeError("the file must be open for bytes: mode 'rb'")
        return bytes(got or b"")

    def _fail(self, text: str, within: int = 0) -> StreamError:
        return StreamError(f"{self.name}: at byte {self._offset + within}: {escaped(text)}")

    def _fill(self, n: int) -> bool:
        """Reads until n bytes are unread; False if there are not so many."""
        while len(self._buffer) - self._at < n:
            if self._ended:
                return False
            if self._at:
                del self._buffer[:self._at]
                self._at = 0
            try:
                got = self._read(_PIECE)
            except Malformed as e:
                self._ended = True
                raise self._fail(str(e), len(self._buffer)) from None
            self._ended = not got
            self._buffer += got
        return True

    def _skip(self, n: int) -> None:
        self._at += n
        self._offset += n

    def _decide(self) -> bool:
        """Finds which form the input has; False if it is empty."""
        self._fill(5)
        first = bytes(self._buffer[:5])
        if any(first.startswith(m) for m in inflate.MAGIC):
            self._read = inflate.Inflater(self._read_file, bytes(self._buffer)).read
            self._buffer.clear()
            self._at, self._ended = 0, False
            self._fill(5)
            first = bytes(self._buffer[:5])
        if first.startswith(_CAPTURES):
            raise self._fail("this is a capture and no stream: skb-pcap --read makes one of it")
        if first.startswith(_BOM):
            self._skip(3)
        while self._fill(1) and self._buffer[self._at] in b" \t\r\n":
            self._skip(1)
        if not self._fill(1):
            return False
        c = self._buffer[self._at]
        if c not in b"{\0":
            raise self._fail(f"neither a stream nor JSON lines: it begins with 0x{c:02x}")
        self._json = c == ord("{")
        self._decided = True
        return True

    def __iter__(self) -> "Reader":
        return self

    def __next__(self) -> Record:
        if self._done:
            raise StopIteration
        try:
            if not self._decided and not self._decide():
                return self._end()
            return self._line() if self._json else self._frame()
        except (StreamError, StopIteration):
            self.close()
            raise

    def _end(self) -> Record:
        fault = self._checker.fault()
        if fault:
            raise NotWhole(f"{self.name}: not a whole stream: {fault}")
        raise StopIteration

    def _frame(self) -> Record:
        if not self._fill(4):
            if len(self._buffer) == self._at:
                return self._end()
            raise self._fail("the stream is cut off within a frame's length")
        n = int.from_bytes(self._buffer[self._at:self._at + 4], "big")
        if n > wire.MAX_RECORD:
            raise self._fail(f"frame of {n} bytes is over the limit of {wire.MAX_RECORD}: "
                             "this is no stream, or a damaged one")
        if not self._fill(4 + n):
            there = len(self._buffer) - self._at - 4
            raise self._fail(f"the stream is cut off: {there} of a frame's {n} bytes are there")
        raw = bytes(self._buffer[self._at + 4:self._at + 4 + n])
        try:
            made = self._belong(record.of(wire.decode(raw), raw), raw)
        except Malformed as e:
            raise self._fail(str(e), 4) from None
        self._skip(4 + n)
        return made

    def _line(self) -> Record:
        while True:
            line = self._one_line(0)
            if not line:
                return self._end()
            if line.strip():
                break
            self._skip(len(line))
        if line.strip() == b"{":  # an object over several lines, as `jq .` prints it
            size, more = len(line), line
            while more and not more.startswith(b"}"):
                more = self._one_line(size)
                size += len(more)
            line = bytes(self._buffer[self._at:self._at + size])
        try:
            value = jsonform.loads(line)
            try:
                raw = wire.encode(value, None)
            except ValueError as e:
                raise Malformed(str(e)) from None
            made = self._belong(record.of(value, raw), raw)
        except Malformed as e:
            if self._ended and not line.endswith(b"\n"):
                raise self._fail(f"the last line is cut off, or damaged: {e}") from None
            raise self._fail(str(e)) from None
        self._skip(len(line))
        return made

    def _one_line(self, behind: int) -> bytes:
        """The line that begins so far behind what is unread, with its newline; b"" at the end."""
        looked = behind
        while True:
            end = self._buffer.find(b"\n", self._at + looked)
            if end >= 0:
                end += 1 - self._at
            looked = len(self._buffer) - self._at
            if (end if end >= 0 else looked) > jsonform.MAX_LINE:
                raise self._fail(f"a line of JSON is over the limit of {jsonform.MAX_LINE} bytes")
            if end >= 0:
                return bytes(self._buffer[self._at + behind:self._at + end])
            if not self._fill(looked + 1):
                return bytes(self._buffer[self._at + behind:])

    def _belong(self, made: Record, raw: bytes) -> Record:
        self._checker.take(made, raw)
        if isinstance(made, Start):
            self._start = made
            self._starts.begin(raw, made)
        elif made.type == "resume":
            self._start = self._starts.resume(made)
        if not isinstance(made, Start):  # which is its own
            made._start = self._start
        made.source, made.offset = self.name, self._offset
        return made


def read(*sources: Source, part: bool = False, idle: Optional[Callable[[], None]] = None) -> Iterator[Record]:
    """The records of all inputs, one input after another; without any, those of stdin.

    If inputs are not whole, the records of all of them come first, then one NotWhole names each.
    Raises StreamError at damage, after all records before it.
    """
    faults = []
    for source in sources or ("-",):
        try:
            with Reader(source, part=part, idle=idle) as reader:
                yield from reader
        except NotWhole as e:
            faults.append(str(e))
    if faults:
        raise NotWhole("; ".join(faults))
