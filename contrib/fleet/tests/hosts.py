"""A hundred hosts: streams of which it is known what is in them. They are recorded streams with other hosts, times and
counts."""

import base64
import copy
import json
import pathlib
import subprocess
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[3]
HOSTS = 100
DAY = 86400 * 10**9
FRESH = 99  # nothing older is known of this host
NAT = 50  # its router rewrites addresses
ON_THE_WAY = (10, 11, 12)  # hosts of a flow with a source port of its own
PORT = 40000
NEW = {7: 1, 42: 3}  # hosts that drop for a new reason today, and how often
HELD = 1000  # drops that host 3 counted without an event
LOST = 12  # of host 5
GREW = 34  # a counter of host 6


def records(path):
    done = subprocess.run([ROOT / "bin/skb-sort", "-o", "json", path], stdout=subprocess.PIPE, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for r in found:
        r.pop("decoded", None)
    return found


def name(i):
    return f"node-{i:03}"


class Maker:
    """Makes streams, each as lines of JSON in a file of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.base = records(ROOT / "testdata/traffic-6.12.skb")
        self.nat = records(ROOT / "internal/pcap/testdata/nat.skb")
        self.now = time.time_ns()

    def stream(self, i, of, ago, what):
        """The records of a host: times 1 % longer for each number, the last one `ago` ns before now."""
        of = copy.deepcopy(of)
        first, last = of[0]["ts"], of[-1]["ts"]
        for r in of:
            for key in ("ts", "since"):
                if key in r:
                    r[key] = first + (r[key] - first) * (100 + i) // 100
        start = of[0]
        start["host"] = name(i)
        start["boot_id"] = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name(i)} {what}"))
        start["clock_offset"] = str(self.now - ago - of[-1]["ts"])
        assert last > first
        return of

    def write(self, file, of):
        path = self.folder / file
        path.write_text("".join(json.dumps(r, separators=(",", ":"), ensure_ascii=False) + "\n" for r in of))
        return path

    def drops(self, i, ago=300 * 10**9, old=False):
        """Only drops, as of the profile drop: each host has one more of the reason NO_SOCKET than the one before."""
        of = [r for r in self.base if r["type"] in ("start", "end") or "drop" in r and r["type"] == "event"]
        no_socket = next(r for r in of if r.get("drop", {}).get("location", "").startswith("__udp4_lib_rcv"))
        innocent = next(r for r in of if r.get("drop", {}).get("location", "").startswith("icmp_rcv"))
        end = copy.deepcopy(of.pop())
        more = []
        if not old:
            more += [dict(no_socket) for _ in range(i)]
            more += [{**no_socket, "drop": {"reason": 9, "name": "TCP_CSUM", "location": "tcp_v4_rcv+0x1a"}}] * NEW.get(i, 0)
        if i == 3 and not old:
            for count, like in (HELD, no_socket), (77, innocent):
                more.append({"type": "held", "ts": no_socket["ts"] + 1, "since": no_socket["ts"], "count": count, "cause": "limit",
                             "probe": "skb:kfree_skb", "drop": like["drop"], "dev": {"name": "veth-b", "ifindex": 2},
                             "netns": {"inum": 4026532166}, "skb": {"protocol": 2048}})
        if i == 5 and not old:
            more.append({"type": "loss", "ts": no_socket["ts"], "since": of[0]["ts"], "count": LOST, "what": "event", "cause": "the buffer was full"})
            end["lost"] = LOST
        if i == 6 and not old:
            more.append({"type": "counters", "ts": no_socket["ts"], "took": 1000, "since": of[0]["ts"], "before": 1000, "drops": True,
                         "netns": [4026531840], "unread": ["tcp: not allowed"],
                         "grew": [{"name": "rx_missed_errors", "source": "link", "netns": 4026531840, "dev": "eth0", "from": 6, "to": 6 + GREW}]})
        of += sorted(more, key=lambda r: r["ts"])
        end["events"] = sum(r["type"] == "event" for r in of)
        end["links"] = end["frees"] = 0
        of.append(end)
        return self.write(f"{name(i)}-{'old' if old else 'drops'}.jsonl", self.stream(i, of, ago, "old" if old else ""))

    def journeys(self, i):
        of = self.stream(i, self.nat if i == NAT else self.base, 300 * 10**9, "")
        if i in ON_THE_WAY:
            for r in of:
                if "data" in r.get("packet", {}):
                    data = base64.b64decode(r["packet"]["data"])
                    data = data.replace(bytes.fromhex("84a30035"), PORT.to_bytes(2, "big") + bytes.fromhex("0035"))
                    r["packet"]["data"] = base64.b64encode(data).decode()
        return self.write(f"{name(i)}-journeys.jsonl", of)
