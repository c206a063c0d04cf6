"""The JSON form of a record (FORMAT.md, "JSON")."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any

from .errors import Malformed
from .wire import MAX_DEPTH

MAX_LINE = 25165824
"""The longest line, bytes."""
_EXACT = 1 << 53
_DIGITS = re.compile(r"-?[1-9][0-9]{15,19}\Z")


def _big(text: str) -> bool:
    """Whether the text is how an integer beyond 2^53 is written."""
    return bool(_DIGITS.match(text)) and _fits(int(text)) and abs(int(text)) > _EXACT


def _fits(n: int) -> bool:
    return -(1 << 63) <= n < 1 << 64


def _utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _out(value: Any, data: bool = False) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        if not _utf8(value):
            return {"$bytes": base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()}
        return {"$str": value} if data or _big(value) else value
    if isinstance(value, int):
        if abs(value) <= _EXACT:
            return value
        return {"$int": str(value)} if data else str(value)
    if isinstance(value, float):
        special = {math.inf: "+Inf", -math.inf: "-Inf"}
        return {"$float": "NaN" if math.isnan(value) else special.get(value, repr(value))}
    if isinstance(value, (bytes, bytearray, memoryview)):
        text = base64.b64encode(value).decode()
        return text if data else {"$bin": text}
    if isinstance(value, dict):
        return {_key(k): _out(v, k == "data") for k, v in value.items()}
    if type(value) in (list, tuple):  # an extension type is a kind of tuple
        return [_out(v) for v in value]
    if hasattr(value, "item") and hasattr(value, "dtype"):
        return _out(value.item(), data)
    raise ValueError(f"a value of type {type(value).__name__} has no form in JSON")


def _key(key: str) -> str:
    if not _utf8(key):
        raise ValueError("a key that is not text has no form in JSON")
    return "$" + key if key.startswith("$") else key


def dumps(record: dict[str, Any]) -> str:
    """The record as one line of JSON, without a newline. All but ASCII is escaped. Raises ValueError for what has no
    form in JSON."""
    if "decoded" in record:
        raise ValueError("a record's own key decoded has no form in JSON")
    if next(iter(record), "type") != "type":
        record = {"type": record["type"], **record}
    return json.dumps(_out(record), separators=(",", ":")).replace("\x7f", "\\u007f")


class _Object:
    """An object as it stands in JSON."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _int(text: str) -> Any:
    if len(text) > 20 or not _fits(int(text)):
        return float(text)
    return int(text)


def _constant(text: str) -> Any:
    raise Malformed(f"{text} is no JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_Object, parse_int=_int, parse_constant=_constant)


def _base64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64") from None


def _tagged(tag: str, text: Any) -> Any:
    if type(text) is not str:
        raise Malformed(f"the value of {tag} is not what it says")
    if tag == "$str":
        return _text(text)
    if tag == "$bytes":
        return _base64(text, "the value of $bytes").decode("utf-8", "surrogateescape")
    if tag == "$bin":
        return _base64(text, "the value of $bin")
    if tag == "$int" and re.match(r"-?[0-9]{1,30}\Z", text) and _fits(int(text)):
        return int(text)
    if tag == "$float" and re.match(r"[+-]?([0-9.]+([eE][+-]?[0-9]{1,4})?|Inf|NaN)\Z", text):
        try:
            return float(text)
        except ValueError:
            pass
    if tag in ("$int", "$float"):
        raise Malformed(f"the value of {tag} is not what it says")
    raise Malformed(f"{tag!r:.40} is no form of a value")


def _text(text: str) -> str:
    if not _utf8(text):
        raise Malformed("half of a surrogate pair is no character")
    return text


def _in(value: Any, depth: int, data: bool = False) -> Any:
    if type(value) is _Object:
        if len(value.pairs) and value.pairs[0][0].startswith("$") and not value.pairs[0][0].startswith("$$"):
            if len(value.pairs) > 1:
                raise Malformed(f"{value.pairs[0][0]!r:.40} must stand alone in its object")
            return _tagged(*value.pairs[0])
        if depth == 0 and value.pairs:
            raise Malformed(f"nested more than {MAX_DEPTH} deep")
        made: dict[str, Any] = {}
        for key, v in value.pairs:
            if key.startswith("$"):
                if not key.startswith("$$"):
                    raise Malformed(f"{key!r:.40} must stand alone in its object")
                key = key[1:]
            if _text(key) in made:
                raise Malformed("a key stands twice in a map")
            made[key] = _in(v, depth - 1, key == "data")
        return made
    if type(value) is list:
        if depth == 0 and value:
            raise Malformed(f"nested more than {MAX_DEPTH} deep")
        return [_in(v, depth - 1) for v in value]
    if type(value) is str:
        if data:
            return _base64(value, "data")
        return int(value) if _big(value) else _text(value)
    if type(value) is float and math.isinf(value):
        raise Malformed("a number that does not fit 64 bits")
    return value


def loads(line: bytes) -> dict[str, Any]:
    """The record that a JSON object stands for."""
    try:
        value = _decoder.decode(line.decode())
    except UnicodeDecodeError:
        raise Malformed("the text is not UTF-8") from None
    except json.JSONDecodeError as e:
        raise Malformed(f"no JSON at character {e.pos} of the line: {e.msg}") from None
    except RecursionError:
        raise Malformed(f"nested more than {MAX_DEPTH} deep") from None
    if type(value) is not _Object:
        raise Malformed("a record is a JSON object, this is none")
    value.pairs = [p for p in value.pairs if p[0] != "decoded"]  # a form for people, and no part of the record
    made = _in(value, MAX_DEPTH)
    if type(made) is not dict or next(iter(made), None) != "type" or type(made["type"]) is not str:
        raise Malformed("the record does not begin with its type")
    return made
