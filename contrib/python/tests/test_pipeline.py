"""A script between two of ours, and what it does when it is disturbed."""

import os
import select
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from conftest import ROOT

import skbstream

TRAFFIC = ROOT / "testdata/traffic-6.12.skb"
BIN = ROOT / "bin"


@pytest.fixture
def script(tmp_path):
    """Writes a script and gives the command that runs it."""

    def make(text):
        path = tmp_path / "filter.py"
        path.write_text("import skbstream\n" + textwrap.dedent(text))
        return [sys.executable, str(path)]

    return make


def pipeline(*commands, data=None):
    """Runs commands as a shell does; their statuses, and what the last one writes."""
    running = []
    source = subprocess.PIPE
    for c in commands:
        p = subprocess.Popen([str(a) for a in c], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if running:
            running[-1].stdout.close()
            running[-1].stdout = None
        running.append(p)
        source = p.stdout
    def feed(stdin):
        try:
            stdin.write(data or b"")
            stdin.close()
        except BrokenPipeError:
            pass

    feeder = threading.Thread(target=feed, args=(running[0].stdin,))
    feeder.start()
    out = running[-1].stdout.read()
    feeder.join()
    said = [p.stderr.read().decode() for p in running]
    return [p.wait() for p in running], out, said


def records(data, **how):
    import io

    return list(skbstream.read(io.BytesIO(data), **how))


def frames(stream):
    """The records, in an order of their own: where a live pipe pauses, skb-track may write a journey earlier."""
    all_of_them = []
    while stream:
        size = 4 + int.from_bytes(stream[:4], "big")
        all_of_them.append(stream[:size])
        stream = stream[size:]
    return sorted(all_of_them)


def test_between_two_of_ours(script):
    mark = script("""
        def keep(record):
            if record.type == "event":
                record["mine"] = {"probe": record.probe.upper()}
            return record.type != "event" or record.path("dev.name") != "veth-a"

        skbstream.run(keep)
    """)
    sort, track = [BIN / "skb-sort", TRAFFIC], [BIN / "skb-track"]
    status, out, said = pipeline(sort, mark, track)
    assert status == [0, 0, 0] and said == ["", "", ""], said
    got = records(out)  # which is whole: the ends count what is left
    events = [r for r in got if r.type == "event"]
    before = [r for r in skbstream.read(TRAFFIC) if r.type == "event"]
    left = [r for r in before if r.path("dev.name") != "veth-a"]
    assert 0 < len(left) < len(before) and len(events) == len(left)
    assert all(r.path("mine.probe") == r.probe.upper() and r.packet for r in events)
    assert next(r for r in got if r.type == "end")["events"] == len(left)
    # Without the script's work it is what it would be without the script.
    status, out, _ = pipeline(sort, script("skbstream.run(lambda r: True)"), track)
    assert status == [0, 0, 0] and frames(out) == frames(pipeline(sort, track)[1])
    status, out, _ = pipeline(sort, [*script("skbstream.run(lambda r: True)"), "-o", "json"], track)
    assert status == [0, 0, 0] and frames(out) == frames(pipeline(sort, track)[1])


def test_what_must_stay_is_what_the_format_says():
    text = (ROOT / "format/FORMAT.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("- MUST pass on `loss`"))
    named = set(line.split("`")[1::2])
    assert named | {"start"} == skbstream.writer.ALWAYS


def test_what_must_stay_stays(script):
    status, out, said = pipeline([BIN / "skb-sort", TRAFFIC], script("skbstream.run(lambda r: False)"))
    assert status == [0, 0], said
    assert {r.type for r in records(out)} <= skbstream.writer.ALWAYS
    assert {r.type for r in records(out)} >= {"start", "end"}
    status, out, said = pipeline([BIN / "skb-sort", TRAFFIC], script("skbstream.run(lambda r: [])"))
    assert status == [0, 0] and records(out), said
    # One event becomes two: then there are more than the end counts, and --part says what there is.
    twice = script("skbstream.run(lambda r: [r, r] if r.type == 'event' else True)")
    _, out, _ = pipeline([BIN / "skb-sort", TRAFFIC], twice)
    with pytest.raises(skbstream.NotWhole, match="and there are"):
        records(out)
    _, out, _ = pipeline([BIN / "skb-sort", TRAFFIC], [*twice, "--part"])
    records(out)


def test_a_filter_that_says_nothing_is_a_fault(script):
    status, _, said = pipeline([BIN / "skb-sort", TRAFFIC], script("skbstream.run(lambda r: None)"))
    assert status[1] == 1 and "True keeps it, False leaves it out" in said[1]


def test_cut_off(script):
    data = TRAFFIC.read_bytes()
    cut = data[:len(data) // 2]
    status, out, said = pipeline(script("skbstream.run(lambda r: True)"), data=cut)
    assert status == [1] and said[0].count("\n") == 1 and "filter.py: stdin: at byte " in said[0]
    assert cut.startswith(out) and len(cut) - len(out) < 1000
    # What is missing in the input is missing behind the filter, too.
    some = skbstream.read(TRAFFIC)
    gone = b"".join(len(b).to_bytes(4, "big") + b for i, b in enumerate(r.to_msgpack() for r in some) if i != 20)
    status, out, said = pipeline(script("skbstream.run(lambda r: True)"), [BIN / "skb-sort"], data=gone)
    assert status == [1, 1] and "not a whole stream" in said[0] and "not a whole stream" in said[1]
    status, out, said = pipeline([*script("skbstream.run(lambda r: True)"), "--part"], data=gone)
    assert status == [0] and len(records(out, part=True)) == len(list(skbstream.read(TRAFFIC))) - 1


def test_files_and_flags(script, tmp_path):
    run = script("skbstream.run(lambda r: True)")
    assert pipeline([*run, TRAFFIC])[1] == TRAFFIC.read_bytes()
    assert pipeline([*run, TRAFFIC, "-"], data=TRAFFIC.read_bytes())[1] == 2 * TRAFFIC.read_bytes()
    status, out, said = pipeline([*run, tmp_path / "no\x1b", TRAFFIC])
    assert status == [1] and out == TRAFFIC.read_bytes() and said[0].count("\n") == 1 and "\x1b" not in said[0]
    assert pipeline([*run, "--bad"])[0] == [2] and pipeline([*run, "-o", "text"])[0] == [2]
    assert pipeline([*run, "--help"])[0] == [0]


def test_live_and_interrupted(script):
    """What comes is handed on when the input pauses; ^C does not cut the stream off."""
    p = subprocess.Popen(script("skbstream.run(lambda r: True)"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    data = TRAFFIC.read_bytes()
    half = len(data) // 2
    whole = 0
    for r in records(data):
        whole = r.offset if r.offset <= half else whole
    p.stdin.write(data[:half])
    p.stdin.flush()
    got = b""
    while len(got) < whole:
        got += os.read(p.stdout.fileno(), 65536)
    p.send_signal(signal.SIGINT)
    p.stdin.write(data[half:])
    p.stdin.close()
    got += p.stdout.read()
    assert p.wait() == 0 and p.stderr.read() == b"" and got == data


@pytest.mark.parametrize("signals", [1, 2])
def test_interrupted_and_the_writer_stays(script, signals):
    patience = "skbstream.writer._Stdin.patience = 1e6\n" if signals > 1 else ""
    p = subprocess.Popen(script(patience + "skbstream.run(lambda r: True)"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    data = TRAFFIC.read_bytes()
    p.stdin.write(data)
    p.stdin.flush()
    got = b""
    while len(got) < len(data):
        got += os.read(p.stdout.fileno(), 65536)
    p.send_signal(signal.SIGTERM)
    while signals > 1 and not select.select([p.stderr], [], [], 0.05)[0]:  # two that come at once are one
        p.send_signal(signal.SIGTERM)
    said = p.stderr.read().decode()
    assert p.wait() == 1 and said == "filter.py: stopped before the end of stdin: this is a part\n"
    p.stdin.close()


def test_the_reader_leaves(script, tmp_path):
    big = tmp_path / "big.skb"
    big.write_bytes(TRAFFIC.read_bytes() * 50)
    status, out, said = pipeline([*script("skbstream.run(lambda r: True)"), big], ["head", "-c", "10"])
    assert status == [0, 0] and len(out) == 10 and said[0] == ""


def test_what_a_record_cant_hold_in_json(script):
    odd = b"\x00\x00\x00\x0f\x82\xa4type\xa1x\xa1v\xc7\x02\x05ab"
    status, out, said = pipeline([*script("skbstream.run(lambda r: True)"), "-o", "json", "--part"], data=odd)
    assert status == [1] and said[0] == "filter.py: stdin: at byte 0: a value of type ExtType has no form in JSON\n"
