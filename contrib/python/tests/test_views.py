"""Journeys, packets for scapy, tables, types."""

import datetime
import io
import json
import subprocess
import sys

import pandas as pd
import pytest
from conftest import ROOT, recorded

import skbstream

TRAFFIC = [p for p in recorded() if p.name.startswith("traffic-")]


@pytest.mark.parametrize("path", TRAFFIC, ids=lambda p: p.name)
@pytest.mark.parametrize("order", ["as skb-track writes", "time", "journey", "packet"])
def test_journeys(path, order, tool):
    data = tool("skb-track", str(path))
    if not order.startswith("as"):
        data = tool("skb-sort", "--by", order, data=data)
    records = list(skbstream.read(io.BytesIO(data)))
    got = {j.packet: j for j in skbstream.journeys(records)}
    ends = {r.packet: r for r in records if isinstance(r, skbstream.JourneyRecord)}
    assert got.keys() == ends.keys() and len(got) > 5
    for packet, j in got.items():
        assert j.record == ends[packet] and j.how == ends[packet]["end"]["how"] and j.missing == 0
        assert [e.packet for e in j.events] == [packet] * ends[packet]["hops"] and len(j.hops) == len(j.events)
        assert (j.reason is not None) <= (j.how == "dropped")
    assert any(j.how == "dropped" and j.location for j in got.values())
    assert any(j.how == "delivered" and j.total_ns for j in got.values())
    # With little room they come in pieces, and say what they lack.
    pieces = list(skbstream.journeys(records, hold=3))
    assert sum(len(j.events) for j in pieces) == sum(len(j.events) for j in got.values())
    assert any(j.record is None or j.missing for j in pieces)
    # Without their ends, no end is known.
    assert all(j.how is None for j in skbstream.journeys(r for r in records if r.type != "journey"))


def test_journeys_of_streams_tracked_apart(tool):
    one = tool("skb-track", str(TRAFFIC[0]))
    other = tool("skb-track", str(TRAFFIC[1]))
    merged = sorted(skbstream.read(io.BytesIO(one)), key=lambda r: r.get("ts", 0))
    both = [r for pair in zip(merged, sorted(skbstream.read(io.BytesIO(other)), key=lambda r: r.get("ts", 0))) for r in pair]
    with pytest.raises(skbstream.StreamError, match="of two packets"):
        list(skbstream.journeys(both))


@pytest.mark.parametrize("path", TRAFFIC, ids=lambda p: p.name)
def test_scapy(path, tmp_path):
    """Addresses and ports are those that skb-pcap and tshark see."""
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.inet6 import IPv6

    events = [r for r in skbstream.read(path) if isinstance(r, skbstream.Event) and r.data is not None]
    capture = tmp_path / "x.pcapng"
    with capture.open("wb") as out:
        subprocess.run([ROOT / "bin/skb-pcap", str(path)], stdout=out, check=True)
    fields = ["ip.src", "ip.dst", "ipv6.src", "udp.srcport", "tcp.dstport", "frame.time_epoch"]
    seen = subprocess.run(["tshark", "-r", str(capture), "-T", "fields", "-E", "occurrence=f",
                           *(a for f in fields for a in ("-e", f))], capture_output=True, check=True, text=True).stdout.splitlines()
    # skb-pcap leaves out what has no place in a capture.
    times = [line.split("\t")[-1] for line in seen]
    events = [e for e in events if f"{e.time_ns // 10**9}.{e.time_ns % 10**9:09}" in times]
    assert len(seen) == len(events) > 50
    agreed = 0
    for event, line in zip(events, seen):
        packet = skbstream.to_scapy(event)
        assert event.path("packet.data") == bytes(packet)[:len(event.data)] or not packet.haslayer(IP)
        assert packet.wirelen == event.path("packet.len") and int(packet.time * 10**9) == event.time_ns
        want = dict(zip(fields, line.split("\t")))
        if IP in packet:
            assert (packet[IP].src, packet[IP].dst) == (want["ip.src"], want["ip.dst"])
            agreed += 1
        elif IPv6 in packet:
            assert pd.Series([packet[IPv6].src]).str.lower()[0] == want["ipv6.src"]
        if UDP in packet and IP in packet and packet[IP].frag == 0 and want["udp.srcport"]:
            assert str(packet[UDP].sport) == want["udp.srcport"]
        if TCP in packet and want["tcp.dstport"]:
            assert str(packet[TCP].dport) == want["tcp.dstport"]
    assert agreed > 50
    with pytest.raises(ValueError, match="no packet bytes"):
        skbstream.new("event", ts=1).to_scapy()


def test_dataframe(tool):
    path = TRAFFIC[0]
    events = [json.loads(line) for line in tool("skb-sort", "-o", "json", str(path)).splitlines()]
    events = [e for e in events if e["type"] == "event"]
    table = skbstream.to_dataframe(skbstream.read(path))
    assert len(table) == len(events) and set(table["host"]) == {"guest"}
    # 64-bit addresses stay exact, and what is absent is <NA>.
    assert sorted(map(int, table["skb.addr"].dropna())) == sorted(int(e["skb"]["addr"]) for e in events if "skb" in e)
    assert table["skb.addr"].dtype == "UInt64" and table["skb.len"].dtype == "Int64"
    without = sum("len" not in e.get("skb", {}) for e in events)
    assert without and int(table["skb.len"].isna().sum()) == without
    start = next(skbstream.read(path))
    assert table["time"].dt.tz == datetime.timezone.utc
    assert [t.value for t in table["time"]] == [ts + start.clock_offset for ts in table["ts"]]
    drops = skbstream.to_dataframe((r for r in skbstream.read(path) if "drop" in r), ["drop.name", "dev.name", "no.such"])
    assert list(drops.columns) == ["host", "time", "drop.name", "dev.name", "no.such"] and len(drops)
    assert drops["no.such"].isna().all()
    assert len(skbstream.to_dataframe(iter(()))) == 0
    assert "end" in set(skbstream.to_dataframe(skbstream.read(path), ["type"], types=None)["type"])


def test_what_a_record_tells():
    records = list(skbstream.read(TRAFFIC[0]))
    start = records[0]
    assert isinstance(start, skbstream.Start) and start.start is start and start.host == "guest" and start.kernel
    event = next(r for r in records if isinstance(r, skbstream.Event))
    assert event.start is start and event.time_ns == event.ts + start["clock_offset"]
    assert abs(event.time.timestamp() * 1e9 - event.time_ns) < 2000
    assert event.path("no.such") is None and event.path("ts.deeper", 7) == 7 and event.probe and event.cpu is not None
    assert skbstream.new("event", ts=1).time is None


def test_without_extras():
    """Only msgpack is needed: pandas, scapy, zstandard and lz4 are asked for where they are used."""
    code = "import sys, skbstream; sys.exit(any(m in sys.modules for m in ('pandas', 'scapy', 'zstandard', 'lz4')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = ("import sys, io; sys.modules['zstandard'] = None; import skbstream\n"
            "try: list(skbstream.read(io.BytesIO(b'\\x28\\xb5\\x2f\\xfdxxxx')))\n"
            "except skbstream.StreamError as e: print(e)")
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "needs the module zstandard: pip install 'skbstream[compressed]', or zstd -dc FILE" in said


def test_readme(tmp_path, tool):
    """What README.md shows does what it says."""
    page = (ROOT / "contrib/python/README.md").read_text()
    filters, reads = (part.split("```")[0] for part in page.split("```python\n")[1:])
    (tmp_path / "keep").write_text(filters)
    out = subprocess.run([sys.executable, str(tmp_path / "keep"), str(TRAFFIC[0])], check=True, capture_output=True).stdout
    assert any(r.path("mine.large") is False for r in skbstream.read(io.BytesIO(out)))
    import zstandard

    (tmp_path / "tracked.skb.zst").write_bytes(zstandard.compress(tool("skb-track", str(TRAFFIC[0]))))
    said = subprocess.run([sys.executable, "-c", reads], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert "__udp4_lib_rcv" in said or "kfree_skb" in said or "+0x" in said


def test_types():
    """mypy finds nothing in the package, in its strict mode."""
    done = subprocess.run([sys.executable, "-m", "mypy", "--no-incremental"], cwd=ROOT / "contrib/python", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
