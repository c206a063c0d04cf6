"""Writing streams, and scripts that stand in a pipeline."""

from __future__ import annotations

import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Optional, Union

from .errors import StreamError, escaped
from .reader import Reader, Source
from .record import Record
from .whole import Kept

ALWAYS = frozenset(("start", "change", "counters", "namespace", "loss", "held", "end", "resume"))
"""Records that a filter hands on (FORMAT.md, "Filters")."""


class Writer:
    """Writes records, as frames or as JSON lines. Closing it, or leaving its `with`, flushes what it holds."""

    def __init__(self, file: BinaryIO, *, json: bool = False) -> None:
        self._file, self._json = file, json

    def write(self, record: Record) -> None:
        """Writes one record. Raises ValueError or TypeError for what a record can't hold."""
        if self._json:
            self._file.write(record.to_json().encode() + b"\n")
            return
        raw = record.to_msgpack()
        self._file.write(len(raw).to_bytes(4, "big") + raw)

    def flush(self) -> None:
        """Hands on what is held."""
        self._file.flush()

    close = flush

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()


Verdict = Union[bool, Record, Iterable[Record]]


def filtered(records: Iterable[Record], decide: Callable[[Record], Verdict], *, part: bool = False) -> Iterator[Record]:
    """The records that a filter leaves, with ends that count them.

    decide says True (keep it; it may have changed it), False (leave it out), or gives what stands in its place.
    start, change, counters, namespace, loss, end and resume stay whatever it says.
    """
    kept = Kept(part)
    for record in records:
        kept.took(record)
        verdict = decide(record)
        if verdict is None:
            raise TypeError(f"the filter gave None for a record of type {record.type}: "
                            "True keeps it, False leaves it out")
        if isinstance(verdict, Record):
            out: Iterable[Record] = (verdict,)
        elif isinstance(verdict, bool):
            out = (record,) if verdict or record.type in ALWAYS else ()
        else:
            out = verdict
        if record.type in ALWAYS and not isinstance(verdict, bool):
            out = list(out)
            if not any(r is record or r.type == record.type for r in out):
                out.insert(0, record)
        for r in out:
            kept.gives(r)
            yield r


class _Stdin:
    """stdin, which is read to its end also after ^C: the collector in front then writes the end of the stream. A second
    signal, or 3 seconds without data, end it."""

    name = "stdin"
    patience = 3.0  # seconds

    def __init__(self) -> None:
        self.fd = sys.stdin.buffer.fileno()
        self.signals = 0
        self.given_up = False
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(s) is not signal.SIG_IGN:
                signal.signal(s, self._signalled)

    def _signalled(self, *_: object) -> None:
        self.signals += 1
        try:
            os.write(self._woken, b"x")
        except BlockingIOError:
            pass

    def read(self, n: int) -> bytes:
        while True:
            if self.signals > 1:
                self.given_up = True
                return b""
            ready, _, _ = select.select([self.fd, self._wake], [], [], self.patience if self.signals else None)
            if self.fd in ready:
                return os.read(self.fd, n)
            if self._wake in ready:
                os.read(self._wake, 64)
            elif not ready:
                self.given_up = True
                return b""


def _usage(name: str) -> str:
    return f"usage: {name} [-o auto|stream|json] [--part] [FILE...]; none or - is stdin"


def run(decide: Callable[[Record], Verdict], argv: Optional[list[str]] = None) -> None:
    """The main program of a filter: reads the files of the command line or stdin, writes to stdout, and does what the
    programs of skb-tools do: -o json and --part, what it has is handed on when the input pauses, ^C loses nothing, an
    error is one line on stderr and status 1. It ends the process.

        import skbstream
        skbstream.run(lambda r: r.type != "event" or r.path("skb.len", 0) > 1000)
    """
    name = escaped(os.path.basename(sys.argv[0])) or "skbstream"
    output, part, files = "auto", False, list[Source]()
    args = list(sys.argv[1:] if argv is None else argv)
    while args:
        arg = args.pop(0)
        if arg in ("-h", "--help"):
            print(_usage(name))
            sys.exit(0)
        if arg == "--part":
            part = True
        elif arg in ("-o", "--output") and args:
            output = args.pop(0)
        elif arg.startswith("--output="):
            output = arg[len("--output="):]
        elif arg.startswith("-o") and len(arg) > 2:
            output = arg[2:]
        elif arg == "--":
            files += args
            break
        elif arg.startswith("-") and arg != "-":
            print(f"{name}: unknown flag {escaped(arg)}; {_usage(name)}", file=sys.stderr)
            sys.exit(2)
        else:
            files.append(arg)
    if output not in ("auto", "stream", "json"):
        print(f"{name}: -o {escaped(output)}: there are auto, stream and json", file=sys.stderr)
        sys.exit(2)
    sys.exit(_main(name, decide, files or ["-"], output, part))


def _main(name: str, decide: Callable[[Record], Verdict], files: list[Source], output: str, part: bool) -> int:
    stdout = sys.stdout.buffer
    if output == "auto":
        output = "json" if sys.stdout.isatty() else "stream"
    writer = Writer(stdout, json=output == "json")
    stdin: Optional[_Stdin] = None
    faults: list[str] = []

    def inputs() -> Iterator[Record]:
        nonlocal stdin
        for file in files:
            source: Any = file
            if file == "-" and not stat.S_ISREG(os.fstat(sys.stdin.buffer.fileno()).st_mode):
                source = stdin = stdin or _Stdin()
            try:
                with Reader(source, part=part, idle=writer.flush) as reader:
                    yield from reader
            except StreamError as e:
                faults.append(str(e))

    try:
        try:
            for record in filtered(inputs(), decide, part=part):
                try:
                    writer.write(record)
                except ValueError as e:
                    faults.append(f"{record.source or 'a record'}: at byte {record.offset}: {escaped(str(e))}")
                    break
        finally:
            writer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())  # what Python flushes at the end goes nowhere
        return 0
    except KeyboardInterrupt:
        faults.append("interrupted: this is a part")
    except OSError as e:
        faults.append(f"can't write: {e.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
    if stdin is not None and stdin.given_up:
        faults.append("stopped before the end of stdin: this is a part")
    for fault in faults:
        print(f"{name}: {fault}", file=sys.stderr)
    return 1 if faults else 0
