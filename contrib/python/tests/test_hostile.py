"""Damaged and hostile input: one line, the offset, all that was good before it, bounded memory and time."""

import bz2
import gzip
import io
import lzma
import random

import lz4.frame
import pytest
import zstandard
from conftest import ROOT, frame

import skbstream

GOOD = (ROOT / "contrib/testdata/demo.skb").read_bytes()
PACKERS = {"gzip": gzip.compress, "xz": lzma.compress, "zstd": zstandard.compress, "lz4": lz4.frame.compress}


def ends(data):
    """Where each record ends."""
    at = [0]
    while at[-1] < len(data):
        at.append(at[-1] + 4 + int.from_bytes(data[at[-1]:at[-1] + 4], "big"))
    return at


ENDS = ends(GOOD)


def take(data, **how):
    """The records of data, and the error at its end."""
    got = []
    try:
        for r in skbstream.read(io.BytesIO(data), **how):
            got.append(r)
    except skbstream.StreamError as e:
        assert str(e).isprintable()
        return got, e
    return got, None


def test_cut_off_anywhere():
    for n in range(len(GOOD)):
        got, error = take(GOOD[:n])
        whole = sum(end <= n for end in ENDS) - 1
        assert len(got) == whole and error is not None, n
        assert isinstance(error, skbstream.NotWhole) == (n in ENDS), n
        if n not in ENDS:
            assert f"at byte {ENDS[whole]}: the stream is cut off" in str(error), n
    got, error = take(GOOD)
    assert len(got) == len(ENDS) - 1 and error is None


def test_records_missing():
    cut = GOOD[:ENDS[3]] + GOOD[ENDS[4]:]
    got, error = take(cut)
    assert len(got) == len(ENDS) - 2 and "its end counts 5 events, and there are 4" in str(error)
    assert take(cut, part=True)[1] is None
    twice = GOOD[:ENDS[3]] + GOOD[ENDS[2]:]
    assert "its end counts 5 events, and there are 6" in str(take(twice, part=True)[1])
    assert "before any start" in str(take(GOOD[ENDS[1]:])[1])
    assert "it is empty" in str(take(b"")[1]) and take(b"", part=True)[1] is None
    got, error = take(GOOD + GOOD[:ENDS[2]])
    assert "it has no end record" in str(error)
    assert take(GOOD + GOOD)[1] is None


@pytest.mark.parametrize("packer", PACKERS)
def test_compressed(packer, tmp_path):
    packed = PACKERS[packer](GOOD)
    assert [r.to_msgpack() for r in take(packed)[0]] == [r.to_msgpack() for r in take(GOOD)[0]] and take(packed)[1] is None
    assert len(take(packed + packed)[0]) == 2 * (len(ENDS) - 1)
    for n in range(6, len(packed), 97):
        got, error = take(packed[:n])
        assert "cut off" in str(error), (n, error)
        assert len(got) < len(ENDS)
    assert "not compressed is behind" in str(take(packed + b"abcdefgh")[1])
    path = tmp_path / "x.skb"
    path.write_bytes(packed)
    assert len(list(skbstream.read(path))) == len(ENDS) - 1


@pytest.mark.parametrize("packer", PACKERS)
def test_bomb(packer):
    """Much empty space in a few bytes: what is in memory is a record or two."""
    import tracemalloc

    piece = frame(b"\x82\xa4type\xa1x\xa1v\xc6\x00\x0f\xff\xe0" + bytes(0xFFFE0))
    bomb = PACKERS[packer](piece * 64)
    tracemalloc.start()
    n = sum(1 for _ in skbstream.read(io.BytesIO(bomb), part=True))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 64 and peak < 40 << 20


def nested(n, kind):
    return b"\x82\xa4type\xa1x\xa1v" + kind * n + b"\xc0"


BAD = {
    "frame of 4 GB": (b"\xff\xff\xff\xff", "begins with 0xff"),
    "later frame of 17 MB": (GOOD[:ENDS[2]] + b"\x01\x00\x00\x00", "over the limit"),
    "nested": (frame(nested(32, b"\x91")), "nested more than 32 deep"),
    "nested maps": (frame(nested(500, b"\x81\xa1a")), "nested more than 32 deep"),
    "nested without end": (frame(nested(100000, b"\x91")), "nested more than 32 deep"),
    "a list of 4 G": (frame(b"\x82\xa4type\xa1x\xa1v\xdd\xff\xff\xff\xff"), "no msgpack"),
    "lists that claim more": (frame(b"\x82\xa4type\xa1x\xa1v" + b"\xdd\x00\xff\x00\x00" * 3000000), "at byte 4: "),
    "a key twice": (frame(b"\x83\xa4type\xa1x\xa1a\x01\xa1a\x02"), "stands twice"),
    "a key that is a number": (frame(b"\x82\xa4type\xa1x\x01\x02"), "no msgpack"),
    "a key of bytes": (frame(b"\x82\xa4type\xa1x\xc4\x01a\x02"), "a key is not a string"),
    "no map": (frame(b"\x91\x01"), "a map"),
    "type is not first": (frame(b"\x82\xa1a\x01\xa4type\xa1x"), "begin with its type"),
    "type is long": (frame(b"\x81\xa4type\xd9\x01x"), "begin with its type"),
    "behind": (frame(b"\x81\xa4type\xa1x\xc0"), "behind the record"),
    "cut within": (frame(b"\x82\xa4type\xa1x\xa1"), "no msgpack"),
    "never used": (frame(b"\x82\xa4type\xa1x\xa1a\xc1"), "no msgpack"),
    "empty frame": (frame(b""), "no msgpack"),
    "version 99": (frame(b"\x83\xa4type\xa5start\xa2ts\x01\xa7versionc"), "version 99"),
    "version of text": (b'{"type":"start","ts":1,"version":"\\u001b[31m"}\n', "version '"),
    "ts": (frame(b"\x82\xa4type\xa5event\xa2ts\xa1x"), "`ts` of an event is not an integer"),
    "no ts": (b'{"type":"event"}\n', "`ts` of an event"),
    "resume": (frame(b"\x82\xa4type\xa6resume\xa4back\x01"), "goes back by 1"),
    "capture": (b"\xd4\xc3\xb2\xa1\x02\x00", "skb-pcap --read"),
    "text": (b"hello\x1b[2J\n", "neither a stream nor JSON"),
    "json cut": (b'{"type":"x"', "cut off"),
    "json twice": (b'{"type":"x","a":1,"a":2}\n', "stands twice"),
    "json nan": (b'{"type":"x","a":NaN}\n', "NaN"),
    "json deep": (b'{"type":"x","a":' + b"[" * 100000 + b"\n", "nested"),
    "json surrogate": (b'{"type":"x","a":"\\ud800"}\n', "surrogate"),
    "json not utf-8": (b'{"type":"x","a":"\xff"}\n', "UTF-8"),
    "json data": (b'{"type":"x","data":"!"}\n', "base64"),
    "json tag": (b'{"type":"x","a":{"$x":"1"}}\n', "$x"),
    "json tag not alone": (b'{"type":"x","a":{"b":1,"$int":"1"}}\n', "alone"),
    "json int": (b'{"type":"x","a":{"$int":"18446744073709551616"}}\n', "$int"),
    "json digits": (b'{"type":"x","a":1e999}\n', "64 bits"),
    "json list": (b'{"type":"x"}\n[1]\n', "object"),
    "json later": (b'{"type":"x"}\n\x1b]0;x\x07\n', "no JSON"),
    "json line too long": (b'{"type":"x","a":"' + b"a" * 26_000_000, "over the limit"),
    "json many lines": (b"{\n" + (b"1" * 1000 + b",\n") * 26_000, "over the limit"),
    "bz2": (bz2.compress(GOOD), "neither a stream"),
    "gzip damaged": (gzip.compress(GOOD)[:60] + b"\xff" * 50, "damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad(name):
    data, says = BAD[name]
    got, error = take(data, part=True)
    assert error is not None and says in str(error), error
    assert len(str(error)) < 500
    # Behind good records, they come first, and the offset is the input's.
    if data[:1] == b"\0":
        alone = int(str(error).split("at byte ")[1].split(":")[0])
        got, error = take(GOOD + data, part=True)
        assert len(got) >= len(ENDS) - 1 and f"at byte {len(GOOD) + alone}: " in str(error)


def test_numbers_json_reads():
    (r,) = take(b'{"type":"x","a":123456789012345678901234567890,"b":-0,"c":"18446744073709551615"}\n', part=True)[0]
    assert (r["a"], r["b"], r["c"]) == (1.2345678901234568e29, 0, (1 << 64) - 1)


def test_mutations():
    """Any byte changed: records or an error, never anything else, and what is before it stays."""
    rng = random.Random(7)
    js = b"".join(r.to_json().encode() + b"\n" for r in take(GOOD)[0])
    for _ in range(1500):
        data = bytearray(rng.choice((GOOD, js)))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            data[at] = rng.choice((rng.randrange(256), data[at] ^ 1 << rng.randrange(8)))
        got, _ = take(bytes(data))
        for r in got:
            r["x"] = 1  # it can be changed and written
            r.to_msgpack()


def test_names_are_escaped(tmp_path):
    path = tmp_path / "a\x1b[31m\nb"
    with pytest.raises(skbstream.StreamError) as e:
        list(skbstream.read(path))
    assert str(e.value).isprintable() and "No such file" in str(e.value)
    with pytest.raises(skbstream.StreamError, match="Is a directory"):
        list(skbstream.read(tmp_path))


def test_memory_is_bounded():
    """Starts, and journeys that never end, are not kept for ever."""
    import tracemalloc

    def starts():
        for i in range(10000):
            yield frame(skbstream.new("start", ts=i, version=1, cmdline=["x" * 5000]).to_msgpack())

    class Pipe:
        def __init__(self):
            self.source = starts()

        def read(self, n):
            return next(self.source, b"")

    tracemalloc.start()
    with pytest.raises(skbstream.NotWhole):
        for _ in skbstream.read(Pipe()):
            pass
    events = (skbstream.new("event", ts=i, probe="x", track={"packet": i, "hop": 0}) for i in range(50000))
    assert sum(1 for _ in skbstream.journeys(events, hold=100)) == 50000
    records = (skbstream.new("journey", ts=i, packet=i, hops=5) for i in range(50000))
    assert sum(1 for _ in skbstream.journeys(records, hold=100)) == 50000
    assert tracemalloc.get_traced_memory()[1] < 90 << 20
    tracemalloc.stop()
