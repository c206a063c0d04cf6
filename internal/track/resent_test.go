package track

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
)

// A retransmission is a branch of the packet that it sends again, by its number; the summary
// tells the wait apart from the times between probes.
func TestResent(t *testing.T) {
	segment := packet(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolTCP), &layers.TCP{SrcPort: 1, DstPort: 2, ACK: true, Seq: 5}, gopacket.Payload("hello"))
	ev := func(ts int, probe string, addr int, data []byte) string {
		return strings.Replace(at(ts, probe, 1, data), `"addr":16`, fmt.Sprintf(`"addr":%d`, addr), 1)
	}
	clone := func(ts, from, to int) string {
		return fmt.Sprintf(`{"type":"link","ts":%d,"cpu":0,"how":"clone","from":{"addr":%d,"id":1},"to":{"addr":%d,"id":1}}`, ts, from, to)
	}
	gone := func(ts, addr int, last bool) string {
		return fmt.Sprintf(`{"type":"free","ts":%d,"cpu":0,"how":"consumed","skb":{"addr":%d,"id":1},"last":%v}`, ts, addr, last)
	}
	for name, c := range map[string]struct {
		records []string
		want    string // branch, times of each event
		times   uint32
		hops    string // of the summary, with the longest
	}{
		// The sk_buff that TCP keeps, 16, is seen: a tap takes a clone of what is sent, too.
		"TCP's own is seen": {[]string{
			ev(1000, "__tcp_transmit_skb", 16, nil), clone(1001, 16, 32), ev(1010, "ip_output", 32, segment), clone(1011, 32, 64), gone(1012, 64, false), gone(1020, 32, false),
			ev(200_000_000, "tcp_retransmit_skb", 16, nil), ev(200_000_010, "__tcp_transmit_skb", 16, nil), clone(200_000_011, 16, 48), ev(200_000_020, "ip_output", 48, segment), gone(200_000_030, 48, false),
			ev(600_000_000, "__tcp_transmit_skb", 16, nil), clone(600_000_011, 16, 80), ev(600_000_020, "ip_output", 80, segment), gone(600_000_030, 80, false), gone(600_000_040, 16, true),
		}, "0,0 1,0 0,1 0,1 3,1 0,2 4,2", 2, "__tcp_transmit_skb>ip_output 3 20ns, tcp_retransmit_skb>__tcp_transmit_skb 1 10ns"},
		"it is not": {[]string{
			ev(1000, "ip_output", 32, segment), ev(1010, "ip_rcv", 32, segment), gone(1020, 32, false),
			clone(200_000_000, 16, 48), ev(200_000_020, "ip_output", 48, segment), ev(200_000_030, "ip_rcv", 48, segment), gone(200_000_040, 48, false),
			clone(600_000_000, 16, 80), ev(600_000_020, "ip_output", 80, segment), ev(600_000_030, "ip_rcv", 80, segment), gone(600_000_040, 80, false), gone(600_000_050, 16, true),
		}, "0,0 0,0 2,1 2,1 3,2 3,2", 2, "ip_output>ip_rcv 3 10ns"},
		"a bridge floods": {[]string{
			ev(1000, "ip_rcv", 32, segment), clone(1010, 32, 48), ev(1020, "dev_hard_start_xmit", 48, segment), clone(1030, 32, 64), ev(1040, "dev_hard_start_xmit", 64, segment),
			gone(1050, 32, false), gone(1060, 48, false), gone(1070, 64, true),
		}, "0,0 1,0 2,0", 0, "ip_rcv>dev_hard_start_xmit 2 40ns"},
	} {
		stream := []byte(`{"type":"start","ts":1,"version":1,"drop_reasons":{"3":"NO_SOCKET"}}` + "\n" + strings.Join(c.records, "\n") + "\n")
		var got []string
		journeys := 0
		each(t, runTrack(t, options(), stream), func(r format.Raw) {
			switch r.Type() {
			case format.TypeEvent:
				var track format.Track
				track.Decode(r.Get("track"))
				got = append(got, fmt.Sprint(track.Branch, ",", track.Resent))
			case format.TypeJourney:
				journeys++
				var j format.Journey
				if err := j.Decode(r); err != nil || j.Resent != c.times {
					t.Errorf("%s: sent again %d times, want %d (%v)", name, j.Resent, c.times, err)
				}
			}
		})
		if s := strings.Join(got, " "); s != c.want || journeys != 1 {
			t.Errorf("%s: %s in %d journeys, want %s in one", name, s, journeys, c.want)
		}
		o := options()
		o.Summary = true
		o.Output = "json"
		var r report
		if err := json.NewDecoder(bytes.NewReader(runTrack(t, o, stream))).Decode(&r); err != nil {
			t.Fatal(err)
		}
		var hops []string
		for _, h := range r.Hops {
			hops = append(hops, fmt.Sprintf("%s>%s %d %dns", h.From, h.To, h.Count, h.Max))
		}
		if s := strings.Join(hops, ", "); s != c.hops {
			t.Errorf("%s: times between probes %s, want %s", name, s, c.hops)
		}
		if r.Resent.Times != uint64(c.times) || c.times > 0 && (r.Resent.Journeys != 1 || r.Resent.After.Count != 2 || r.Resent.After.Max < 390_000_000) {
			t.Errorf("%s: %+v", name, r.Resent)
		}
	}
}

// What TCP sent again is not dropped because it was the first time.
func TestResentEnd(t *testing.T) {
	segment := packet(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolTCP), &layers.TCP{SrcPort: 1, DstPort: 2, ACK: true, Seq: 5}, gopacket.Payload("hello"))
	ev := func(ts int, addr int) string {
		return strings.Replace(at(ts, "ip_rcv", 1, segment), `"addr":16`, fmt.Sprintf(`"addr":%d`, addr), 1)
	}
	clone := func(ts, to int) string {
		return fmt.Sprintf(`{"type":"link","ts":%d,"cpu":0,"how":"clone","from":{"addr":16,"id":1},"to":{"addr":%d,"id":1}}`, ts, to)
	}
	gone := func(ts, addr int, how string) string {
		return fmt.Sprintf(`{"type":"free","ts":%d,"cpu":0,"how":"%s","skb":{"addr":%d,"id":1},"last":%v}`, ts, how, addr, addr == 16)
	}
	held := func(ts int) string { // TCP's own goes, and its data is still the receiver's
		return strings.Replace(gone(ts, 16, "consumed"), `"last":true`, `"last":false`, 1)
	}
	const first, second, third = 32, 48, 80
	for name, c := range map[string]struct {
		records []string
		want    string
	}{
		"held by the receiver":           {[]string{ev(1000, first), gone(1010, first, "dropped"), clone(200_000_000, second), ev(200_000_010, second), held(800_000_000), `{"type":"end","ts":900000000,"events":2}`}, "open"},
		"held, its first long forgotten": {[]string{ev(1000, first), gone(1010, first, "dropped"), clone(700_000_000, second), ev(700_000_010, second), held(800_000_000), `{"type":"end","ts":2900000000,"events":2}`}, "open"},
		"taken":                          {[]string{ev(1000, first), gone(1010, first, "dropped"), clone(200_000_000, second), ev(200_000_010, second), gone(200_000_020, second, "consumed"), gone(200_000_030, 16, "consumed")}, "consumed"},
		"dropped each time":              {[]string{ev(1000, first), gone(1010, first, "dropped"), clone(200_000_000, second), ev(200_000_010, second), gone(200_000_020, second, "dropped"), gone(200_000_030, 16, "consumed")}, "dropped"},
		"a copy of the first is dropped": {[]string{ev(1000, first), `{"type":"link","ts":1001,"cpu":0,"how":"copy","from":{"addr":32,"id":1},"to":{"addr":96,"id":2}}`, gone(1002, first, "consumed"),
			`{"type":"free","ts":1010,"cpu":0,"how":"dropped","skb":{"addr":96,"id":2},"last":true}`, clone(200_000_000, second), ev(200_000_010, second), gone(200_000_020, second, "consumed"), gone(200_000_030, 16, "consumed")}, "consumed"},
		"dropped twice": {[]string{ev(1000, first), gone(1010, first, "dropped"), clone(200_000_000, second), ev(200_000_010, second), gone(200_000_020, second, "dropped"),
			clone(600_000_000, third), ev(600_000_010, third), gone(600_000_020, third, "consumed"), gone(600_000_030, 16, "consumed")}, "consumed"},
	} {
		stream := []byte(`{"type":"start","ts":1,"version":1,"drop_reasons":{"3":"NO_SOCKET"}}` + "\n" + strings.Join(c.records, "\n") + "\n")
		var got []string
		each(t, runTrack(t, options(), stream), func(r format.Raw) {
			if r.Type() == format.TypeJourney {
				var j format.Journey
				if err := j.Decode(r); err != nil || j.Ends[dropped] == 0 {
					t.Errorf("%s: %+v (%v)", name, j, err)
				}
				got = append(got, j.End.How)
			}
		})
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: it ended %s, want %s", name, s, c.want)
		}
	}
}
