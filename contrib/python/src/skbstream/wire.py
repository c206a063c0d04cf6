"""The msgpack of one record: reading it, and writing it again without a change to what was not changed."""

from __future__ import annotations

import struct
from typing import Any, Optional

import msgpack

from .errors import Malformed

MAX_RECORD = 0xFFFFFF
"""The largest record, bytes (FORMAT.md, "Limits")."""
MAX_DEPTH = 32
"""How many maps and arrays may be within each other; the record is the first."""

# Up to this size the C code of msgpack reads a record before it is checked: the lists that it makes beforehand are no
# longer than the record, so they stay small.
_SMALL = 4096

# The sizes of values whose first byte says all: the first byte and the rest.
_FIXED = {0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5,
          0xD3: 9, 0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}
# Of those with a length: its size in bytes, and bytes that follow it besides.
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1), 0xD9: (1, 0),
          0xDA: (2, 0), 0xDB: (4, 0)}
_COUNTED = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}


def head(raw: bytes, at: int) -> tuple[int, int, Optional[str]]:
    """Where the head of the value at raw[at:] ends, how many values are within it, and whether it is a "map", an
    "array", or None: then the first is where the whole value ends."""
    if at >= len(raw):
        raise Malformed("a value is cut off")
    c = raw[at]
    if c < 0x80 or c >= 0xE0:
        return at + 1, 0, None
    if c < 0x90:
        return at + 1, 2 * (c & 15), "map"
    if c < 0xA0:
        return at + 1, c & 15, "array"
    if c < 0xC0:
        end = at + 1 + (c & 31)
    elif c in _FIXED:
        end = at + _FIXED[c]
    elif c in _SIZED:
        n, more = _SIZED[c]
        end = at + 1 + n + int.from_bytes(raw[at + 1:at + 1 + n], "big") + more
    elif c in _COUNTED:
        end = at + 1 + _COUNTED[c]
        if end > len(raw):
            raise Malformed("a value is cut off")
        count = int.from_bytes(raw[at + 1:end], "big")
        return (end, 2 * count, "map") if c >= 0xDE else (end, count, "array")
    else:
        raise Malformed(f"0x{c:02x} begins no msgpack value")
    if end > len(raw):
        raise Malformed("a value is cut off")
    return end, 0, None


def skip(raw: bytes, at: int, depth: int = MAX_DEPTH) -> int:
    """Where the value at raw[at:] ends."""
    at, values, kind = head(raw, at)
    if kind and values:
        if depth == 0:
            raise Malformed(f"nested more than {MAX_DEPTH} deep")
        if values > len(raw) - at:
            raise Malformed("a value is cut off")
        for _ in range(values):
            at = skip(raw, at, depth - 1)
    return at


def _pairs(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    try:
        "".join(made)  # which takes strings alone
    except TypeError:
        raise Malformed("a key is not a string") from None
    if len(made) != len(pairs):
        raise Malformed("a key stands twice in a map")
    return made


def check_depth(value: Any, depth: int = MAX_DEPTH) -> None:
    """Raises Malformed if maps and lists are nested more than the format allows."""
    if depth == 0 and value:
        raise Malformed(f"nested more than {MAX_DEPTH} deep")
    for v in value.values() if type(value) is dict else value:
        if type(v) is dict or type(v) is list:
            check_depth(v, depth - 1)


def decode(raw: bytes) -> dict[str, Any]:
    """The record: a map that begins with its type. Bytes that are not UTF-8 in a string become lone surrogates
    (surrogateescape), which encode() turns back. Extension types become msgpack.ExtType or msgpack.Timestamp."""
    small = len(raw) <= _SMALL
    if not small and skip(raw, 0) != len(raw):
        raise Malformed("something is behind the record")
    value = _unpack(raw)
    if type(value) is not dict:
        raise Malformed("a record is a map, this is none")
    if small:
        check_depth(value)
    first, _, _ = head(raw, 0)
    if raw[first:first + 5] != b"\xa4type" or not _short_string(raw, first + 5):
        raise Malformed("the record does not begin with its type")
    return value


def _short_string(raw: bytes, at: int) -> bool:
    c = raw[at]
    n = int.from_bytes(raw[at + 1:at + 5], "big")
    return 0xA0 <= c < 0xC0 or c == 0xD9 and n >> 24 > 31 or c == 0xDA and n >> 16 > 0xFF or c == 0xDB and n > 0xFFFF


def _unpack(raw: bytes) -> Any:
    try:
        return msgpack.unpackb(raw, raw=False, unicode_errors="surrogateescape", strict_map_key=True,
                               object_pairs_hook=_pairs, timestamp=0)
    except Malformed:
        raise
    except msgpack.ExtraData:
        raise Malformed("something is behind the record") from None
    except msgpack.StackError:
        raise Malformed(f"nested more than {MAX_DEPTH} deep") from None
    except (ValueError, TypeError, MemoryError, OverflowError) as e:
        raise Malformed(f"no msgpack: {e}" if str(e) else "no msgpack") from None


def _plain(value: Any) -> Any:
    """numpy's numbers, which pandas gives."""
    if hasattr(value, "item") and hasattr(value, "dtype"):
        return value.item()
    raise TypeError(f"a record can't hold a {type(value).__name__}: {value!r:.80}")


def pack(value: Any) -> bytes:
    """A value in its shortest form."""
    packed: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogateescape", default=_plain)
    return packed


def _head_of(values: int, kind: str) -> bytes:
    short, long = (0x80, 0xDE) if kind == "map" else (0x90, 0xDC)
    if values < 16:
        return bytes([short | values])
    if values < 1 << 16:
        return bytes([long]) + values.to_bytes(2, "big")
    return bytes([long + 1]) + values.to_bytes(4, "big")


def same(a: Any, b: Any) -> bool:
    """Whether two values are the same to the last bit: 1, 1.0 and True are not."""
    if isinstance(a, dict) and isinstance(b, dict):
        return len(a) == len(b) and all(k in b and same(v, b[k]) for k, v in a.items())
    if type(a) is not type(b):
        return False
    if type(a) is list:
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is float:
        return struct.pack(">d", a) == struct.pack(">d", b)
    return bool(a == b)


def _end(raw: bytes, at: int, value: Any) -> int:
    """Where the value at raw[at:] ends, which decodes to value. In its shortest form it is as it would be packed, which
    takes less time to see than a walk."""
    packed = pack(value)
    return at + len(packed) if raw.startswith(packed, at) else skip(raw, at)


def merge(raw: bytes, at: int, old: Any, new: Any) -> bytes:
    """The encoding of new. The value at raw[at:], which decodes to old, is what it was made from: what is the same in
    both keeps its bytes."""
    if isinstance(old, dict) and isinstance(new, dict):
        pos, values, _ = head(raw, at)
        out, kept = [], 0
        for key, value in old.items():
            behind = _end(raw, pos, key)
            if key not in new:
                pos = _end(raw, behind, value)
                continue
            kept += 1
            packed = pack(new[key])
            if raw.startswith(packed, behind):  # as most
                end = behind + len(packed)
                out.append(raw[pos:end])
            else:
                end = _end(raw, behind, value)
                out.append(raw[pos:end] if same(value, new[key]) else
                           raw[pos:behind] + merge(raw, behind, value, new[key]))
            pos = end
        for key, value in new.items():
            if key not in old:
                kept += 1
                out.append(pack(key) + pack(value))
        first = raw[at:head(raw, at)[0]] if 2 * kept == values else _head_of(kept, "map")
        return first + b"".join(out)
    if isinstance(old, list) and isinstance(new, list):
        pos, values, _ = head(raw, at)
        out = []
        for i, value in enumerate(new):
            if i >= len(old):
                out.append(pack(value))
                continue
            end = _end(raw, pos, old[i])
            out.append(raw[pos:end] if same(old[i], value) else merge(raw, pos, old[i], value))
            pos = end
        first = raw[at:head(raw, at)[0]] if len(new) == values else _head_of(len(new), "array")
        return first + b"".join(out)
    return pack(new)


def encode(value: dict[str, Any], raw: Optional[bytes]) -> bytes:
    """A record as msgpack. raw is what it was read from, None if it is new."""
    if raw is not None:
        try:
            if pack(value) == raw:  # as most: all was in its shortest form, and nothing has changed
                return raw
        except (TypeError, ValueError):
            pass  # said below
    if type(value.get("type")) is not str:
        raise ValueError("a record needs a type: a string under the key 'type'")
    for_check(value)
    if raw is not None:
        made = merge(raw, 0, decode(raw), value)
    elif next(iter(value)) == "type":
        made = pack(dict(value))
    else:
        made = pack({"type": value["type"], **value})
    if len(made) > MAX_RECORD:
        raise ValueError(f"a record of {len(made)} bytes is over the limit of {MAX_RECORD}")
    return made


def for_check(value: Any, depth: int = MAX_DEPTH) -> None:
    """Raises ValueError for what no record may hold: keys that are no strings, and maps too deep within each other."""
    if depth == 0 and value:
        raise ValueError(f"a record can't be nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        for k, v in value.items():
            if type(k) is not str:
                raise ValueError(f"a key of a record is a string, and {k!r:.80} is none")
            if isinstance(v, (dict, list, tuple)):
                for_check(v, depth - 1)
    else:
        for v in value:
            if isinstance(v, (dict, list, tuple)):
                for_check(v, depth - 1)
