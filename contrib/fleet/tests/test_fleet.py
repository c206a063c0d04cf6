"""The whole way of a hundred hosts: host/skb-fleet, Kafka, ClickHouse's tables and queries, DuckDB's.

One broker, which is killed in between. What comes out is compared with what went in, line by line, and the answers of the
queries with what the streams were made of.
"""

import collections
import concurrent.futures
import gzip
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import duckdb
import pytest
from broker import Broker
from chdb import session
from hosts import FRESH, GREW, HELD, HOSTS, LOST, NAT, NEW, ON_THE_WAY, PORT, ROOT, Maker, name

FLEET = ROOT / "contrib/fleet"
# What stands for skb-collect: it writes the stream that SKB_STREAM names, and does on SIGTERM as that does.
COLLECT = """#!/bin/bash
case $* in
*'--profile drop'*|*'--profile generic -f tcp port 443'*) ;;
*) echo "skb-collect: $*" >&2; exit 2 ;;
esac
[ "${SKB_HALF-}" ] || exec cat "$SKB_STREAM"
trap 'tail -n +$((SKB_HALF + 1)) "$SKB_STREAM"; exit 0' TERM
head -n "$SKB_HALF" "$SKB_STREAM"
echo $$ > "$SKB_READY.new"; mv "$SKB_READY.new" "$SKB_READY"
while :; do sleep 0.1; done
"""
# kcat, and a copy of what it is given.
KCAT = """#!/bin/bash
set -o pipefail
[ "$1" = -P ] || exec "$KCAT" "$@"
tee "$SKB_SENT" | "$KCAT" "$@"
"""


def unkeyed(file):
    """The lines of a file for kcat, without their keys."""
    return [line.split("\t", 1)[1] for line in file.read_text().splitlines()]


class Fleet:
    """What was sent, and how it came out."""

    def __init__(self, folder):
        self.folder = folder
        self.made = folder / "made"
        self.made.mkdir()
        self.maker = Maker(self.made)
        tools = folder / "tools"
        tools.mkdir()
        (tools / "skb-collect").write_text(COLLECT)
        (tools / "skb-collect").chmod(0o755)
        (tools / "kcat").write_text(KCAT)
        (tools / "kcat").chmod(0o755)
        self.env = {**os.environ, "PATH": f"{tools}:{ROOT / 'build/fleet'}:{ROOT / 'bin'}:{os.environ['PATH']}", "TZ": "UTC", "TOPIC": "skb",
                    "FILTER": "tcp port 443", "KCAT": shutil.which("kcat")}
        self.given = []  # files with what kcat was given, one for each sender
        self.sent = []  # the lines of these, and further ones, once each
        self.states = {}  # of streams that were not: (host, name) to the state
        (folder / "broker").mkdir()
        self.broker = Broker(folder / "broker")

    def sender(self, what, file, **env):
        given = self.folder / f"given-{len(self.given)}"
        self.given.append(given)
        env = {**self.env, "BROKERS": self.broker.address, "SKB_STREAM": str(file), "SKB_SENT": str(given), **env}
        return subprocess.Popen([FLEET / "host/skb-fleet", what], env=env, stderr=subprocess.PIPE, text=True)

    def send(self, what, file):
        run = self.sender(what, file)
        _, err = run.communicate(timeout=300)
        assert run.returncode == 0, err

    def half(self, what, file):
        """Starts to send a stream, and returns when its first half is out of skb-collect: the sender, and that's pid."""
        ready = self.folder / f"ready-{file.name}"
        run = self.sender(what, file, SKB_HALF=str(len(file.read_text().splitlines()) // 2), SKB_READY=str(ready))
        deadline = time.monotonic() + 120
        while not ready.exists():
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        return run, int(ready.read_text())

    def stamped(self, file):
        """Lines of a file, as skb-fleet makes them of drops."""
        made = subprocess.run(["bash", "-c", f"skb-drops -o stream {file} | skb-stamp --name drops --bare"], env=self.env,
                              stdout=subprocess.PIPE, check=True)
        return made.stdout.decode().splitlines()

    def produce(self, lines):
        keyed = "".join(json.loads(line)["fleet"]["host"] + "\t" + line + "\n" for line in lines)
        subprocess.run(["kcat", "-P", "-b", self.broker.address, "-t", "skb", "-K", "\\t"], input=keyed.encode(), check=True)

    def run_recipe(self, title):
        """What the commands under a title of docs/recipes.md print, and what the page shows."""
        work = self.folder / title
        work.mkdir()
        shutil.copy(ROOT / "testdata/traffic-6.12.skb", work / "x.skb")
        body = re.search(rf"^## {title}:.*?```console\n(.*?)```\n", (ROOT / "docs/recipes.md").read_text(), re.S | re.M)[1]
        shown, printed = [], []
        for line in body.splitlines():
            if not line.startswith("$ "):
                shown.append(line)
                continue
            command = line[2:].replace("localhost:9092", self.broker.address).replace("-t skb", "-t recipe")
            command = command.replace("python3 ", sys.executable + " ")
            done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=work, stdout=subprocess.PIPE, text=True,
                                  env={**self.env, "SKB_SENT": str(work / "sent")})
            assert done.returncode == 0, command
            printed += done.stdout.splitlines()
        return printed, shown

    def run(self):
        make = self.maker
        self.broker.start()
        self.broker.make_topic("skb")
        sends = [(what, getattr(make, what)(i)) for i in range(HOSTS) for what in ("drops", "journeys")]
        # What hosts sent the day before yesterday is one merged stream of all, sent as saved files are.
        old = [make.drops(i, ago=2 * 86400 * 10**9, old=True) for i in range(HOSTS) if i != FRESH]
        merged = self.made / "old.skb"
        subprocess.run([ROOT / "bin/skb-sort", "-o", "stream", *old], stdout=merged.open("wb"), check=True)
        self.sent += self.stamped(merged)
        self.produce(self.sent)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            # The broker is killed when some have been sent and others wait, and comes back.
            done = [pool.submit(self.send, *s) for s in sends]
            concurrent.futures.wait(done[:60])
            self.broker.kill()
            self.broker.start()
            for d in done:
                d.result()
        # A line comes twice: a producer that does not know that it was heard sends it again.
        self.produce(unkeyed(self.given[40]))
        self.produce(unkeyed(self.given[41])[:100])
        # A collector that is told to end sends all.
        told = make.drops(100)
        run, _ = self.half("drops", told)
        run.send_signal(signal.SIGTERM)
        _, err = run.communicate(timeout=120)
        assert run.returncode == 0, err
        # Collectors that are killed: one is started again, one is not.
        for i, state in (101, "cut"), (102, "open"):
            run, pid = self.half("drops", make.drops(i))
            os.kill(pid, signal.SIGKILL)
            _, err = run.communicate(timeout=120)
            assert run.returncode != 0 and "no end record" in err, err
            self.states[name(i), "drops"] = state
        again = make.drops(101, ago=200 * 10**9)
        text = again.read_text().splitlines()
        first = json.loads(text[0])
        first["ts"] += 1
        again.write_text("\n".join([json.dumps(first, separators=(",", ":")), *text[1:]]) + "\n")
        self.send("drops", again)
        # A line that gets lost on the way, and lines that are none of ours.
        lines = self.stamped(make.drops(103))
        del lines[5]
        self.produce(lines)
        self.sent += lines
        self.states[name(103), "drops"] = "lines missing"
        for alien in b"x", b'{"type":"event"}', b'{"fleet":{"seq":"no"}}', b"\xff\xfe", b'{"type":3,"fleet":{"seq":1}}':
            subprocess.run(["kcat", "-P", "-b", self.broker.address, "-t", "skb"], input=alien, check=True)
        self.broker.make_topic("recipe")
        self.recipe = self.run_recipe("Kafka")
        got = subprocess.run(["kcat", "-C", "-b", self.broker.address, "-t", "skb", "-o", "beginning", "-e", "-q"],
                             stdout=subprocess.PIPE, check=True)
        self.lines = got.stdout.split(b"\n")[:-1]
        self.sent += [line for file in self.given for line in unkeyed(file)]
        self.broker.kill()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    f = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        f.run()
    finally:
        if f.broker.process and f.broker.process.poll() is None:
            f.broker.kill()
    return f


@pytest.fixture(scope="module")
def sent(fleet):
    """The lines that were sent, once each."""
    return fleet.sent


def statements(file):
    text = "\n".join(line for line in (FLEET / file).read_text().splitlines() if not line.startswith("--"))
    return [s.strip() for s in re.split(r";\n", text + "\n") if s.strip()]


def queries(file):
    """The queries of a file by their names."""
    parts = re.split(r"^-- ([a-z0-9-]+)(?::.*)?\n", (FLEET / file).read_text(), flags=re.M)
    return {parts[i]: "\n".join(x for x in parts[i + 1].splitlines() if not x.startswith("--")).strip().rstrip(";")
            for i in range(1, len(parts), 2)}


class ClickHouse:
    def __init__(self, folder, batches):
        self.session = session.Session(str(folder / "clickhouse"))
        for s in statements("clickhouse/schema.sql") * 2:  # twice: it can be run again
            self.session.query(s)
        for i, lines in enumerate(batches):
            file = folder / f"batch-{i}"
            file.write_bytes(b"\n".join(lines) + b"\n")
            self.session.query(f"INSERT INTO skb.lines SELECT line FROM file('{file}', LineAsString, 'line String')")
        self.asks = queries("clickhouse/queries.sql")

    def rows(self, sql, **params):
        return [json.loads(x) for x in str(self.session.query(sql, "JSONEachRow", params=params)).splitlines()]

    def ask(self, query, **params):
        return self.rows(self.asks[query], **params)


@pytest.fixture(scope="module")
def clickhouse(fleet, tmp_path_factory):
    third = len(fleet.lines) // 3
    # The middle comes twice: ClickHouse ended before it could tell the broker that it has it.
    return ClickHouse(tmp_path_factory.mktemp("ch"), [fleet.lines[:2 * third], fleet.lines[third:]])


@pytest.fixture(scope="module")
def duck(fleet, tmp_path_factory):
    folder = tmp_path_factory.mktemp("duck")
    half = len(fleet.lines) // 2
    (folder / "a.jsonl").write_bytes(b"\n".join(x for x in fleet.lines[:half] if x.startswith(b'{"type":"')) + b"\n")
    with gzip.open(folder / "b.jsonl.gz", "wb") as f:
        f.write(b"\n".join(x for x in fleet.lines[half:] if x.startswith(b'{"type":"')) + b"\n")
    con = duckdb.connect(config={"home_directory": str(folder)})
    con.execute(f"SET file_search_path = '{folder}'")
    os.chdir(folder)
    for s in statements("duckdb/load.sql"):
        con.execute(s)
    asks = queries("duckdb/queries.sql")

    def ask(query, **params):
        for key, value in params.items():
            con.execute(f"SET VARIABLE {key} = {value!r}")
        done = con.execute(asks[query])
        return [dict(zip([c[0] for c in done.description], row)) for row in done.fetchall()]

    return ask


def now(of):
    """Minutes and hours that take in the streams of today, however long the test took."""
    return {"minutes": 60, "hours": 2}[of]


def test_every_line_once(fleet, sent, clickhouse):
    """All that was sent is there, once, and nothing else but what is of strangers."""
    got = collections.Counter(r["line"] for r in clickhouse.rows("SELECT line FROM skb.records FINAL"))
    want = collections.Counter(sent)
    assert max(want.values()) == 1
    assert not want - got and not got - want
    assert len(fleet.lines) > len(sent) + 100  # lines did come twice
    assert clickhouse.rows("SELECT uniqExact(line) AS n FROM skb.rejected")[0]["n"] == 5
    # The streams are those that were made: all of them, and all that a whole one has.
    hosts = collections.Counter(json.loads(x)["fleet"]["host"] for x in sent if '"type":"end"' in x[:20])
    assert hosts == {name(i): 2 + (i != FRESH) for i in range(HOSTS)} | {name(100): 1, name(101): 1, name(103): 1}


def test_stream_comes_back(sent, clickhouse):
    """The records of one host are the stream again, byte for byte."""
    lines = [r["line"] for r in clickhouse.rows(
        "SELECT line FROM skb.records FINAL WHERE host = 'node-020' AND stream LIKE 'journeys-%' ORDER BY seq")]
    assert lines == [x for x in sent if json.loads(x)["fleet"]["host"] == "node-020" and '"stream":"journeys-' in x]
    back = subprocess.run([ROOT / "bin/skb-sort", "-o", "stream"], input="\n".join(lines).encode() + b"\n", stdout=subprocess.PIPE,
                          check=True)
    assert len(back.stdout) > 10000


def test_types(sent, clickhouse):
    """Each table has what the lines say, and as many."""
    by = collections.Counter(json.loads(x)["type"] for x in sent)
    count = {t: clickhouse.rows(f"SELECT count() AS n FROM skb.{t} FINAL")[0]["n"] for t in ("events", "journeys", "losses", "runs")}
    assert count == {"events": by["event"], "journeys": by["journey"], "losses": by["loss"], "runs": by["start"] + by["end"]}
    # A value of each kind, compared with the line.
    for line in [x for x in sent if x.startswith('{"type":"event"') and "node-013" in x and '"sport"' in x][:20]:
        r = json.loads(line)
        row = clickhouse.rows("SELECT *, IPv6NumToString(src) AS s, toUnixTimestamp64Nano(time) AS ns FROM skb.events FINAL WHERE host = 'node-013' AND boot = {boot:UUID} AND "
                              "stream = {stream:String} AND seq = {seq:UInt64}", boot=r["fleet"]["boot"], stream=r["fleet"]["stream"], seq=r["fleet"]["seq"])[0]
        assert str(row["ns"]) == r["fleet"]["time"] and row["cpu"] == r["cpu"] and row["probe"] == r["probe"]
        assert row["dev"] == r.get("dev", {}).get("name", "") and row["skb_id"] == r["skb"].get("id")
        assert row["s"].removeprefix("::ffff:") == r["decoded"]["src"] and row["sport"] == r["decoded"]["sport"]
        assert row["since"] == r.get("track", {}).get("since") and row["info"] == r["decoded"]["info"]


def test_drops_now(sent, clickhouse, duck):
    """Host i drops 1 + i packets for NO_SOCKET; host 3 counted more without an event, and these are no fault elsewhere."""
    today = [r for r in map(json.loads, sent) if r["type"] == "event" and "why" in r and int(r["fleet"]["time"]) > time.time_ns() - 3600 * 10**9]
    no_socket = [r for r in today if r["drop"]["location"].startswith("__udp4_lib_rcv")]
    assert len([r for r in no_socket if r["fleet"]["host"] < name(HOSTS)]) == sum(1 + i for i in range(HOSTS))
    for rows in clickhouse.ask("drops-now", minutes=now("minutes")), duck("drops-now", minutes=now("minutes")):
        top = rows[0]
        assert (top["reason"], top["function"]) == ("NO_SOCKET", "__udp4_lib_rcv")
        assert top["drops"] == len(no_socket) + HELD and top["hosts"] == len({r["fleet"]["host"] for r in no_socket})
        assert "nothing listens on UDP port 53" in top["example"]
        assert [r["drops"] for r in rows if r["reason"] == "TCP_CSUM"] == [sum(NEW.values())]
        assert not [r for r in rows if r["function"] == "icmp_rcv"]
    assert clickhouse.ask("drops-now", minutes=1) == [] == duck("drops-now", minutes=1)


def test_drops_of_whole_hosts(clickhouse):
    rows = clickhouse.rows("SELECT host, sum(count) AS n FROM skb.drops FINAL WHERE function = '__udp4_lib_rcv' AND NOT held AND "
                           "time > now() - INTERVAL 1 HOUR GROUP BY host HAVING host < 'node-100' ORDER BY host")
    assert [(r["host"], r["n"]) for r in rows] == [(name(i), 1 + i) for i in range(HOSTS)]


def test_new_reasons(clickhouse, duck):
    """A reason that the host did not have two days ago. All is new on a fresh host, which is left out."""
    want = [("TCP_CSUM", name(i), n) for i, n in NEW.items()]
    for rows in clickhouse.ask("new-reasons"), duck("new-reasons"):
        assert [(r["reason"], r["host"], r["drops"]) for r in rows] == want


def way(sent, wanted):
    """What events of a flow there are: `wanted` says of a `decoded` whether it is of it."""
    found = set()
    for line in sent:
        r = json.loads(line)
        if r["type"] == "event" and wanted(r["decoded"]) and int(r["fleet"]["time"]) > time.time_ns() - 3600 * 10**9:
            found.add((int(r["fleet"]["time"]), r["fleet"]["host"], r["probe"], r["decoded"]["info"]))
    return sorted(found)


def nanoseconds(x):
    if isinstance(x, str):
        whole, _, rest = x.partition(".")
        import calendar
        return calendar.timegm(time.strptime(whole, "%Y-%m-%d %H:%M:%S")) * 10**9 + int(rest.ljust(9, "0"))
    return x


def test_flow(sent, clickhouse, duck):
    """A flow's way over three hosts, and both of its names on a host that rewrites it."""
    udp = {"proto": "udp", "src": "10.0.0.1", "sport": PORT, "dst": "10.0.0.2", "dport": 53, "hours": now("hours")}
    want = way(sent, lambda d: d.get("proto") == "udp" and {d.get("sport"), d.get("dport")} == {PORT, 53})
    assert {w[1] for w in want} == {name(i) for i in ON_THE_WAY} and len(want) > 10
    back = {**udp, "src": udp["dst"], "sport": 53, "dst": udp["src"], "dport": PORT}
    ping = {"proto": "icmp", "src": "10.0.0.1", "sport": 0, "dst": "192.0.2.2", "dport": 0, "hours": now("hours")}
    other = {"10.0.0.1", "192.0.2.1"}
    pings = way(sent, lambda d: d.get("proto") == "icmp" and "192.0.2.2" in (d["src"], d["dst"]) and {d["src"], d["dst"]} & other)
    assert {w[1] for w in pings} == {name(NAT)}
    assert {"192.0.2.1", "10.0.0.1"} <= {a.rstrip(":") for w in pings for a in w[3].split()}
    for params, expected in (udp, want), (back, want), (ping, pings):
        rows = clickhouse.ask("flow", **params)
        assert [(nanoseconds(r["time"]), r["host"], r["probe"], r["info"]) for r in rows] == expected
        assert [(r["host"], r["probe"], r["info"]) for r in duck("flow", **params)] == [e[1:] for e in expected]
    assert clickhouse.ask("flow", **{**udp, "sport": 1}) == []


def p99(values):
    """Between the two values around it, as numpy has it."""
    values = sorted(values)
    at = 0.99 * (len(values) - 1)
    low = math.floor(at)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (at - low)


def test_hop_p99(sent, clickhouse, duck):
    hops = collections.defaultdict(list)
    branches = collections.defaultdict(list)
    for line in sent:
        r = json.loads(line)
        if r["type"] == "event" and "track" in r:
            t = r["track"]
            branches[r["fleet"]["host"], r["fleet"]["stream"], t["packet"], t.get("branch", 0)].append((t["hop"], r["probe"], t))
    for (host, *_), of in branches.items():
        before = ""
        for _, probe, t in sorted(of, key=lambda x: x[0]):
            if probe == "ip_rcv" and "since" in t and not t.get("resent") and not t.get("uncertain"):
                hops[host, before].append(t["since"])
            before = probe
    assert len(hops) >= HOSTS
    want = {key: (len(v), p99(v), max(v)) for key, v in hops.items()}
    for ask in clickhouse.ask, duck:
        rows = ask("hop-p99", probe="ip_rcv", hours=now("hours"))
        got = {(r["host"], r["before"]): (r["packets"], r["p99"], r["longest"]) for r in rows}
        assert got.keys() == want.keys()
        for key in want:
            assert got[key][0] == want[key][0] and got[key][2] == want[key][2]
            assert abs(got[key][1] - want[key][1]) <= 1
        assert [r["p99"] for r in rows] == sorted((r["p99"] for r in rows), reverse=True)


def test_not_whole(fleet, clickhouse):
    """What was killed or lost is marked, and nothing else."""
    rows = clickhouse.rows("SELECT host, stream, state, lost FROM skb.streams WHERE state != 'whole' ORDER BY host")
    assert {(r["host"], r["stream"].split("-")[0]): r["state"] for r in rows} == fleet.states
    assert len(clickhouse.rows("SELECT * FROM skb.streams")) == 2 * HOSTS + HOSTS - 1 + 5
    shown = clickhouse.ask("not-whole")
    # A test that takes long finds the open stream among them.
    assert {(r["host"], r["state"], r["lost"]) for r in shown} - {(name(102), "open", 0)} == {
        (name(101), "cut", 0), (name(103), "lines missing", 0), (name(5), "whole", LOST)}
    assert [(r["host"], r["lost"], r["what"], r["cause"]) for r in clickhouse.ask("losses")] == [
        (name(5), LOST, "event", "the buffer was full")]


def test_counters(clickhouse):
    rows = clickhouse.ask("counters", minutes=now("minutes"))
    assert [(r["name"], r["dev"], r["grown"], r["hosts"]) for r in rows] == [("rx_missed_errors", "eth0", GREW, 1)]
    assert clickhouse.rows("SELECT unread FROM skb.counters FINAL WHERE notEmpty(unread)") == [{"unread": ["tcp: not allowed"]}]


def test_kafka_engine(clickhouse):
    """kafka.sql is ClickHouse's language. chdb does not run the engine Kafka."""
    made = [str(clickhouse.session.query("EXPLAIN AST " + x)) for x in statements("clickhouse/kafka.sql")]
    assert len(made) == 2 and "CreateQuery skb kafka" in made[0]


def test_unit(tmp_path):
    """skb-fleet@.service is a unit of systemd."""
    unit = (FLEET / "host/skb-fleet@.service").read_text().replace("/usr/local/bin/skb-fleet", str(FLEET / "host/skb-fleet"))
    (tmp_path / "skb-fleet@drops.service").write_text(unit)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "skb-fleet@drops.service"], capture_output=True, text=True)
    assert done.returncode == 0 and "skb-fleet" not in done.stderr, done.stderr


def test_recipes(fleet):
    """docs/recipes.md, the parts about Kafka and ClickHouse."""
    for printed, shown in fleet.recipe, fleet.run_recipe("ClickHouse"):
        assert printed == shown and printed


@pytest.mark.parametrize("args, env, status, said", [
    ([], {"BROKERS": "x:1"}, 2, "usage: skb-fleet drops|journeys"),
    (["drops"], {}, 1, "set BROKERS in /etc/skb-fleet.conf"),
    (["journeys"], {"BROKERS": "x:1"}, 1, "set FILTER in /etc/skb-fleet.conf"),
])
def test_wrong_use(args, env, status, said):
    env = {"PATH": os.environ["PATH"], **env}
    done = subprocess.run([FLEET / "host/skb-fleet", *args], env=env, capture_output=True, text=True)
    assert done.returncode == status and said in done.stderr
