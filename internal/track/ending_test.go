package track

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// How journeys end, and what is told as the evidence.
func TestEndings(t *testing.T) {
	const (
		in    = `{"type":"event","ts":1000,"cpu":0,"probe":"ip_rcv","skb":{"addr":16,"id":1,"len":1},"dev":{"name":"eth0","ifindex":2,"type":1},"netns":{"inum":7}}`
		sent  = `{"type":"event","ts":2000,"cpu":0,"probe":"dev_hard_start_xmit","skb":{"addr":16,"id":1,"len":1},"dev":{"name":"eth1","ifindex":3,"type":1}}`
		udp   = `{"type":"event","ts":2000,"cpu":0,"probe":"udp_queue_rcv_skb","skb":{"addr":16,"id":1,"len":1},"sock":{"inode":99}}`
		read  = `{"type":"event","ts":3000,"cpu":0,"probe":"skb_consume_udp","process":{"pid":5,"tgid":5,"comm":"dig"},"skb":{"addr":16,"id":1,"len":1}}`
		tcp   = `{"type":"event","ts":2000,"cpu":0,"probe":"tcp_rcv_established","skb":{"addr":16,"id":1,"len":1}}`
		drop  = `{"type":"event","ts":3000,"cpu":0,"probe":"skb:kfree_skb","skb":{"addr":16,"id":1,"len":1},"drop":{"reason":3,"name":"NO_SOCKET","location":"udp_rcv+0x1"}}`
		free  = `{"type":"free","ts":4000,"cpu":0,"how":"consumed","skb":{"addr":16,"id":1},"last":true}`
		part  = `{"type":"free","ts":4000,"cpu":0,"how":"consumed","skb":{"addr":16,"id":1},"last":false}`
		loss  = `{"type":"loss","ts":3500,"since":2500,"count":1,"what":"free","why":"test"}`
		two   = `{"type":"event","ts":1500,"cpu":0,"probe":"ip_rcv","skb":{"addr":32,"id":2,"len":1}}`
		start = `{"type":"start","ts":1,"version":1}`
		end   = `{"type":"end","ts":9000}`
	)
	link := func(how string) string {
		return `{"type":"link","ts":3000,"cpu":0,"how":"` + how + `","from":{"addr":16,"id":1},"to":{"addr":32,"id":2}}`
	}
	for name, c := range map[string]struct {
		records []string
		want    format.JourneyEnd // of packet 1
	}{
		"consumed":    {[]string{in, free}, format.JourneyEnd{How: "consumed", TS: 4000, Record: "free", Probe: "ip_rcv", Dev: "eth0", Netns: 7}},
		"transmitted": {[]string{in, sent, free}, format.JourneyEnd{How: "transmitted", TS: 4000, Record: "free", Probe: "dev_hard_start_xmit", Dev: "eth1", Netns: 7}},
		"delivered":   {[]string{in, udp, free}, format.JourneyEnd{How: "delivered", TS: 4000, Record: "free", Probe: "udp_queue_rcv_skb", Dev: "eth0", Netns: 7, Sock: 99}},
		"read": {[]string{in, udp, read, free}, format.JourneyEnd{How: "delivered", TS: 4000, Record: "free", Probe: "skb_consume_udp", Dev: "eth0", Netns: 7,
			Comm: "dig", TGID: 5, Sock: 99}},
		"read, not freed": {[]string{in, read, end}, format.JourneyEnd{How: "delivered", TS: 3000, Record: "event", Probe: "skb_consume_udp", Dev: "eth0", Netns: 7,
			Comm: "dig", TGID: 5}},
		"dropped": {[]string{in, `{"type":"free","ts":4000,"cpu":0,"how":"dropped","skb":{"addr":16,"id":1},"last":true,"drop":{"reason":3,"name":"NO_SOCKET","location":"udp_rcv+0x1"}}`},
			format.JourneyEnd{How: "dropped", TS: 4000, Record: "free", Probe: "ip_rcv", Dev: "eth0", Netns: 7, Reason: "NO_SOCKET", Location: "udp_rcv+0x1"}},
		"dropped, by the event": {[]string{in, drop, end},
			format.JourneyEnd{How: "dropped", TS: 3000, Record: "event", Probe: "ip_rcv", Dev: "eth0", Netns: 7, Reason: "NO_SOCKET", Location: "udp_rcv+0x1"}},
		"merged":                {[]string{in, two, link("gro"), end}, format.JourneyEnd{How: "merged", TS: 3000, Record: "link", Probe: "ip_rcv", Dev: "eth0", Netns: 7, Into: 2}},
		"into a socket's queue": {[]string{in, tcp, two, link("coalesce"), end}, format.JourneyEnd{How: "delivered", TS: 3000, Record: "link", Probe: "tcp_rcv_established", Dev: "eth0", Netns: 7, Into: 2}},
		"open":                  {[]string{in, end}, format.JourneyEnd{How: "open", TS: 9000, Record: "end", Probe: "ip_rcv", Dev: "eth0", Netns: 7}},
		"cut off":               {[]string{in}, format.JourneyEnd{How: "open", Probe: "ip_rcv", Dev: "eth0", Netns: 7}},
		"lost":                  {[]string{in, loss, end}, format.JourneyEnd{How: "lost", TS: 3500, Record: "loss", Probe: "ip_rcv", Dev: "eth0", Netns: 7}},
		"data still held":       {[]string{in, part, end}, format.JourneyEnd{How: "consumed", TS: 4000, Record: "free", Probe: "ip_rcv", Dev: "eth0", Netns: 7}},
		"a copy goes on":        {[]string{in, link("copy"), free, end}, format.JourneyEnd{How: "open", Branch: 1, TS: 9000, Record: "end", Dev: "eth0", Netns: 7}},
	} {
		var got []format.JourneyEnd
		each(t, runTrack(t, options(), []byte(start+"\n"+strings.Join(c.records, "\n")+"\n")), func(r format.Raw) {
			if r.Type() == format.TypeJourney {
				var j format.Journey
				if err := j.Decode(r); err != nil {
					t.Fatal(err)
				}
				if j.Packet == 1 {
					got = append(got, j.End)
				}
			}
		})
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", []format.JourneyEnd{c.want}) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got, c.want)
		}
	}
}
