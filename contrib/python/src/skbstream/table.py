"""Records as a table of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Optional

from .record import Record


def flat(record: Record) -> dict[str, Any]:
    """The record with its sections' keys at the top: `skb.len`. Lists stay lists."""
    return dict(_walk("", record))


def _walk(prefix: str, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, v in value.items():
        if isinstance(v, dict):
            yield from _walk(prefix + key + ".", v)
        else:
            yield prefix + key, v


def to_dataframe(records: Iterable[Record], columns: Optional[Sequence[str]] = None, *,
                 types: Optional[Sequence[str]] = ("event",)) -> Any:
    """A pandas.DataFrame with a row for each record of these types (None: of all). Columns are names as `skb.len`; all
    that there are, unless given. `host` and `time` (UTC, ns) are besides: from the start that a record belongs to.

    Integers have the types Int64, or UInt64 where one does not fit, so that all 64 bits stay and what is absent is
    <NA>, not 0. A whole table is in memory: give columns for a long stream.
    """
    import pandas as pd

    rows, hosts, times = [], [], []
    for record in records:
        if types is not None and record.type not in types:
            continue
        rows.append(flat(record) if columns is None else {c: record.path(c) for c in columns})
        hosts.append(record.start.host if record.start is not None else None)
        times.append(record.time_ns if "ts" in record else None)
    names = list(columns) if columns is not None else list(dict.fromkeys(k for row in rows for k in row))
    data: dict[str, Any] = {
        "host": pd.Series(hosts, dtype="string"),
        "time": pd.to_datetime(pd.Series(times, dtype="Int64"), unit="ns", utc=True),
    }
    for name in names:
        values = [row.get(name) for row in rows]
        data[name if name not in ("host", "time") else "record." + name] = _series(pd, values)
    return pd.DataFrame(data)


def _series(pd: Any, values: list[Any]) -> Any:
    kinds = {type(v) for v in values if v is not None}
    if kinds == {int}:
        given = [v for v in values if v is not None]
        if min(given) >= -(1 << 63) and max(given) < 1 << 63:
            return pd.Series(pd.array([pd.NA if v is None else v for v in values], dtype="Int64"))
        if min(given) >= 0:
            return pd.Series(pd.array([pd.NA if v is None else v for v in values], dtype="UInt64"))
    if kinds == {bool}:
        return pd.Series(pd.array([pd.NA if v is None else v for v in values], dtype="boolean"))
    if kinds == {str}:
        return pd.Series(pd.array([pd.NA if v is None else v for v in values], dtype="string"))
    return pd.Series(values, dtype="object")
