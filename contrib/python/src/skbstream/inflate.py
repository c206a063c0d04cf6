"""Compressed inputs. What a few bytes can become is bounded: data is inflated piece by piece."""

from __future__ import annotations

import lzma
import zlib
from typing import Any, Callable, Protocol

from .errors import Malformed

PIECE = 1 << 16
"""How much is inflated at once, bytes."""
_MEMORY = 128 << 20  # of xz's and zstd's dictionary at most


class _Stream(Protocol):
    eof: bool
    unused: bytes

    def feed(self, data: bytes) -> bytes:
        """What comes of data and of what was fed before, PIECE bytes or a little more at most; with b"" the rest."""


class _Gzip:
    def __init__(self) -> None:
        self._z = zlib.decompressobj(31)
        self.eof, self.unused = False, b""

    def feed(self, data: bytes) -> bytes:
        out = self._z.decompress(self._z.unconsumed_tail + data, PIECE)
        self.eof, self.unused = self._z.eof, self._z.unused_data
        return out


class _Python:
    """A decompressor that works as Python's own: lzma's, lz4.frame's."""

    def __init__(self, z: Any) -> None:
        self._z = z
        self.eof, self.unused = False, b""

    def feed(self, data: bytes) -> bytes:
        out: bytes = self._z.decompress(data, PIECE)
        self.eof, self.unused = self._z.eof, self._z.unused_data or b""
        return out


class _Zstd:
    """zstandard's has no limit for what comes out. A block is 4 bytes at least and becomes 128 KB at most."""

    step = 256

    def __init__(self, z: Any) -> None:
        self._z, self._left = z, b""
        self.eof, self.unused = False, b""

    def feed(self, data: bytes) -> bytes:
        data = self._left + data
        data, self._left = data[:self.step], data[self.step:]
        out: bytes = self._z.decompress(data)
        if self._z.eof:
            self.eof, self.unused = True, self._z.unused_data + self._left
        return out


def _module(name: str, kind: str) -> Any:
    try:
        return __import__(name, fromlist=["_"])
    except ImportError:
        raise Malformed(f"it is compressed with {kind}, which needs the module {name.split('.')[0]}: "
                        f"pip install 'skbstream[compressed]', or {kind} -dc FILE | this script") from None


def _zstd() -> _Stream:
    return _Zstd(_module("zstandard", "zstd").ZstdDecompressor(max_window_size=_MEMORY).decompressobj())


def _lz4() -> _Stream:
    return _Python(_module("lz4.frame", "lz4").LZ4FrameDecompressor())


MAGIC: dict[bytes, Callable[[], _Stream]] = {
    b"\x1f\x8b\x08": _Gzip,
    b"\xfd7zXZ": lambda: _Python(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)),
    b"\x28\xb5\x2f\xfd": _zstd,
    b"\x04\x22\x4d\x18": _lz4,
}


class Inflater:
    """Reads what `read(n)` gives, which begins with data, as one or several compressed streams one after another."""

    def __init__(self, read: Callable[[int], bytes], data: bytes) -> None:
        self._source, self._data = read, data
        self._stream: Any = None

    def read(self, n: int) -> bytes:
        """Some of the data, b"" at the end. Raises Malformed where the compressed data is damaged or cut off."""
        hungry = False
        while True:
            if self._stream is None:
                while len(self._data) < 5:
                    more = self._source(PIECE)
                    if not more:
                        break
                    self._data += more
                if not self._data:
                    return b""
                made = next((make for magic, make in MAGIC.items() if self._data.startswith(magic)), None)
                if made is None:
                    raise Malformed("something that is not compressed is behind the compressed data")
                self._stream, hungry = made(), False
            elif hungry:
                self._data = self._source(PIECE)
                if not self._data:
                    raise Malformed("the compressed data is cut off")
            data, self._data = self._data, b""
            try:
                out: bytes = self._stream.feed(data)
            except Malformed:
                raise
            except Exception as e:  # each library has its own
                raise Malformed(f"the compressed data is damaged: {e}") from None
            if self._stream.eof:
                self._data, self._stream = self._stream.unused, None
            if out:
                return out
            hungry = self._stream is not None and not getattr(self._stream, "_left", b"")
