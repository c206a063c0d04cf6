//go:build kernel

package kerneltest

import (
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestConntrackKinds: beside TCP over IPv4, ct tells of ICMP and SCTP, of IPv6, and of what
// rules gave a connection: zone, mark, labels, a helper, and by that a parent.
func TestConntrackKinds(t *testing.T) {
	for _, m := range []string{"nf_conntrack_ftp", "sctp"} {
		run(t, "modprobe", m)
	}
	net := chain(t, 2)
	net.in(1, `nft -f - <<'.'
		table inet zoo {
			ct helper ftp { type "ftp" protocol tcp; l3proto ip; }
			chain zones { type filter hook prerouting priority -300; udp dport 70 ct zone set 7; }
			chain marks { type filter hook prerouting priority -150; udp dport 70 ct mark set 0x2a ct label set 9; tcp dport 21 ct helper set "ftp"; }
			chain out { type filter hook output priority 0; ct state new accept; }
		}
.
		socat -u SCTP-LISTEN:7000,reuseaddr CREATE:/tmp/received > /dev/null 2>&1 &
		socat TCP-LISTEN:21,reuseaddr SYSTEM:'read -r user; echo 331; read -r port; echo data | socat -u - TCP\:10.0.0.1\:6927; echo 200' > /dev/null 2>&1 &
		until ss -Hlnt 'sport = 21' | grep -q 21 && grep -q 7000 /proc/net/sctp/eps; do sleep 0.05; done`)
	t.Cleanup(func() { run(t, "rm", "-f", "/tmp/received") })
	net.in(0, `socat -u TCP-LISTEN:6927 OPEN:/dev/null > /dev/null 2>&1 & until ss -Hlnt 'sport = 6927' | grep -q 6927; do sleep 0.05; done`)
	collector, file := collect(t, "--no-follow", "--with", "ct", "-p", "ip_local_deliver,ip6_input,ip_output", "--netns", "ns1")
	net.in(0, `echo x > /dev/udp/10.0.0.2/70; ping -qc 1 10.0.0.2; ping -qc 1 fd00::2; ! echo x 2> /dev/null > /dev/tcp/fd00::2/81
		echo hello | socat -u - SCTP:10.0.0.2:7000; until [ "$(cat /tmp/received)" = hello ]; do sleep 0.05; done
		exec 3<> /dev/tcp/10.0.0.2/21
		printf 'USER x\r\n' >&3; read -r -t 60 answer <&3
		printf 'PORT 10,0,0,1,27,15\r\n' >&3; read -r -t 60 answer <&3; [ "$answer" = 200 ]`)
	collector.stop()
	s := readStream(t, file)
	is := func(tuple format.Tuple, proto uint8, src, dst string, dport uint16) bool {
		return tuple.Proto == proto && tuple.Src.String() == src && tuple.Dst.String() == dst && tuple.Dport == dport
	}
	for what, is := range map[string]func(c *format.Ct) bool{
		"a zone, a mark and a label": func(c *format.Ct) bool {
			return is(c.Orig, 17, "10.0.0.1", "10.0.0.2", 70) && c.State == "NEW" && c.Zone == 7 && c.Mark == 0x2a && c.Labels == [16]byte{1: 1 << 1}
		},
		"no zone, mark and label where none was given": func(c *format.Ct) bool {
			return is(c.Orig, 6, "10.0.0.1", "10.0.0.2", 21) && c.Zone == 0 && c.Mark == 0 && c.Labels == [16]byte{}
		},
		"ICMP": func(c *format.Ct) bool {
			o, r := c.Orig, c.Reply
			return is(o, 1, "10.0.0.1", "10.0.0.2", 0) && o.ICMP && o.Type == 8 && o.Code == 0 && o.ID != 0 && r.Type == 0 && r.ID == o.ID && c.State == "NEW"
		},
		"the answer to it": func(c *format.Ct) bool {
			return c.Orig.ICMP && c.Orig.Type == 8 && c.State == "ESTABLISHED" && c.Dir == "reply"
		},
		"ICMPv6": func(c *format.Ct) bool {
			return is(c.Orig, 58, "fd00::1", "fd00::2", 0) && c.Orig.ICMP && c.Orig.Type == 128 && c.Reply.Type == 129 && c.Reply.Src.String() == "fd00::2"
		},
		"TCP over IPv6": func(c *format.Ct) bool {
			return is(c.Orig, 6, "fd00::1", "fd00::2", 81) && c.Reply.Sport == 81 && c.Reply.Dport == c.Orig.Sport && c.ProtoState == "SYN_SENT"
		},
		"SCTP": func(c *format.Ct) bool {
			return is(c.Orig, 132, "10.0.0.1", "10.0.0.2", 7000) && c.State == "ESTABLISHED" && c.ProtoState == "ESTABLISHED"
		},
		"a helper": func(c *format.Ct) bool {
			return is(c.Orig, 6, "10.0.0.1", "10.0.0.2", 21) && c.Helper == "ftp" && c.Parent.Proto == 0
		},
		"a parent": func(c *format.Ct) bool {
			return is(c.Orig, 6, "10.0.0.2", "10.0.0.1", 6927) && c.State == "RELATED" && is(c.Parent, 6, "10.0.0.1", "10.0.0.2", 21)
		},
	} {
		found := false
		for i := range s.events {
			found = found || s.events[i].Ct.Present() && is(&s.events[i].Ct)
		}
		if !found {
			t.Errorf("no event with %s", what)
		}
	}
	if t.Failed() {
		for _, e := range s.sorted(func(e *format.Event) bool { return e.Ct.Present() }) {
			t.Logf("%s: %+v", e.Probe, e.Ct)
		}
	}
}
