"""What is read is written as it was: bytes and values, of all recorded streams."""

import io
import json
import math
import struct

import msgpack
import pytest
from conftest import ROOT, frame, recorded

import skbstream
from skbstream import jsonform, wire

STREAMS = recorded()


def written(records, **how):
    out = io.BytesIO()
    with skbstream.Writer(out, **how) as w:
        for r in records:
            w.write(r)
    return out.getvalue()


def frames(data):
    at = 0
    while at < len(data):
        n = int.from_bytes(data[at:at + 4], "big")
        yield data[at + 4:at + 4 + n]
        at += 4 + n


@pytest.mark.parametrize("path", STREAMS, ids=lambda p: p.name)
def test_recorded(path, tool):
    raw = path.read_bytes()
    records = list(skbstream.read(path))
    assert written(records) == raw
    # The values are those that msgpack itself reads, keys in their order.
    plain = [msgpack.unpackb(f, unicode_errors="surrogateescape") for f in frames(raw)]
    assert [dict(r) for r in records] == plain
    assert [list(r) for r in records] == [list(p) for p in plain]
    # Encoded anew, without the bytes that they were read from: the same.
    assert written(skbstream.new(**r) for r in records) == raw
    # JSON: ours reads back as the same, by us and by skb-sort; that of skb-sort reads as the same.
    ours = written(records, json=True)
    assert written(skbstream.read(io.BytesIO(ours))) == raw
    theirs = tool("skb-sort", "-o", "json", str(path))
    again = tool("skb-sort", "-o", "stream", str(path))
    assert written(skbstream.read(io.BytesIO(theirs))) == again
    assert tool("skb-sort", "-o", "stream", data=ours) == again
    # Over several lines, as `jq .` prints it.
    tall = b"".join(json.dumps(json.loads(line), indent=2).encode() + b"\n" for line in ours.splitlines())
    assert written(skbstream.read(io.BytesIO(tall))) == raw


@pytest.mark.parametrize("path", STREAMS[::5], ids=lambda p: p.name)
def test_a_change_keeps_the_rest(path):
    for r, body in zip(skbstream.read(path), frames(path.read_bytes())):
        r["mine"] = {"a": 1}
        one = msgpack.unpackb(r.to_msgpack(), unicode_errors="surrogateescape")
        del r["mine"]
        assert r.to_msgpack() == body
        want = msgpack.unpackb(body, unicode_errors="surrogateescape")
        assert one == {**want, "mine": {"a": 1}} and list(one)[:-1] == list(want)
        if "skb" in r:
            r["skb"]["len"] = 1 << 63
            want["skb"]["len"] = 1 << 63
            assert msgpack.unpackb(r.to_msgpack(), unicode_errors="surrogateescape") == want


# An event whose values are not in their shortest form, and of forms that Python does not tell apart.
ODD = (b"\xde\x00\x0a" b"\xa4type\xa5event" b"\xa2ts\xcf\x00\x00\x00\x00\x00\x00\x00\x05" b"\xa5probe\xa6ip_rcv"
       b"\xa7unknown\x83\xa1f\xca\x3f\x80\x00\x00\xa1n\xcb\x7f\xf8\x00\x00\x00\x00\x12\x34\xa1e\xd5\x07ab"
       b"\xd9\x03bad\xa3\xff\xfe\x80" b"\xa3max\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
       b"\xa3min\xd3\x80\x00\x00\x00\x00\x00\x00\x00" b"\xa3ext\xd6\xff\x00\x00\x00\x05"
       b"\xa4list\xdc\x00\x03\xcd\x00\x01\xca\x40\x00\x00\x00\x81\xa1k\xcd\x00\x02" b"\xa3skb\x81\xa3len\xcd\x00\x54")


def test_odd_forms_stay():
    (r,) = skbstream.read(io.BytesIO(frame(ODD)), part=True)
    assert r.to_msgpack() == ODD
    assert (r["max"], r["min"], r["bad"]) == ((1 << 64) - 1, -(1 << 63), "\udcff\udcfe\udc80")
    r["skb"]["len"] = 85
    r["list"][0] = 3
    r["list"].append("new")
    changed = (ODD.replace(b"\xa3len\xcd\x00\x54", b"\xa3len\x55")
               .replace(b"\xdc\x00\x03\xcd\x00\x01", b"\x94\x03").replace(b"\xcd\x00\x02", b"\xcd\x00\x02\xa3new"))
    assert r.to_msgpack() == changed
    r["skb"]["len"] = 84
    del r["list"], r["unknown"]
    again = r.to_msgpack()
    assert b"\xd9\x03bad\xa3\xff\xfe\x80" in again and again.endswith(b"\xa3skb\x81\xa3len\xcd\x00\x54")
    assert again[0] == 0x88
    r["skb"]["len"] = 84.0  # is another value
    assert r.to_msgpack().endswith(b"\xa3len\xcb" + struct.pack(">d", 84))
    r["skb"]["len"] = True
    assert r.to_msgpack().endswith(b"\xa3len\xc3")


VALUES = [0, -1, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1, (1 << 64) - 1, -(1 << 63), 1.0, 0.1, -0.0, math.inf, -math.inf, 1e300,
          None, True, False, "", "9007199254740993", "-9007199254740993", "9007199254740992", "007199254740993000",
          "18446744073709551616", "é\u202e\x1b[1m\x7f\x9b", "\udcff\udc80x", b"", b"\xff\x00", [], {}, [1, [b"x"], {"data": 5}],
          {"$bin": 1, "$$": "$"}, {"data": b"\x00"}, {"data": "AAAA"}, {"data": 1 << 60}, {"data": "\udcff"}, {"data": None}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_json_values(value, tool):
    event = {"type": "event", "ts": 1, "cpu": 0, "probe": "x", "v": value, "data": value}
    line = jsonform.dumps(event)
    assert line.isascii() and line.isprintable()
    assert wire.same(jsonform.loads(line.encode()), event)
    # skb-sort reads it as we mean it, and we read what it writes.
    packed = skbstream.new(**event).to_msgpack()
    assert tool("skb-sort", "--part", "-o", "stream", data=line.encode()) == frame(packed)
    theirs = tool("skb-sort", "--part", "-o", "json", data=frame(packed))
    assert wire.same(jsonform.loads(theirs), event)


def test_nan():
    back = jsonform.loads(jsonform.dumps({"type": "x", "v": math.nan}).encode())
    assert math.isnan(back["v"])


def test_a_new_record():
    r = skbstream.new("event", ts=5, skb={"len": 84})
    assert r.to_msgpack() == b"\x83\xa4type\xa5event\xa2ts\x05\xa3skb\x81\xa3lenT"
    assert skbstream.Record({"ts": 5, "type": "event"}).to_msgpack() == b"\x82\xa4type\xa5event\xa2ts\x05"
    with pytest.raises(TypeError, match="can't hold a set"):
        skbstream.new("event", a={1}).to_msgpack()
    with pytest.raises(ValueError, match="is a string"):
        skbstream.new("event", a={1: 2}).to_msgpack()
    deep = {}
    for _ in range(32):
        deep = {"a": deep}
    with pytest.raises(ValueError, match="nested"):
        skbstream.new("event", a={"a": deep}).to_msgpack()
    with pytest.raises(ValueError, match="limit"):
        skbstream.new("event", a=bytes(1 << 24)).to_msgpack()
    with pytest.raises(ValueError, match="type"):
        skbstream.Record({"ts": 5}).to_msgpack()


def test_the_example_of_format_md():
    page = (ROOT / "format/FORMAT.md").read_text()
    text = page.split("```hex\n")[1].split("```")[0]
    data = bytes.fromhex("".join(line.split("  ")[0] for line in text.splitlines()))
    (r,) = skbstream.read(io.BytesIO(data), part=True)
    assert r.path("skb.len") == 84 and r.to_json() == page.split("```json\n")[1].split("\n")[0]
