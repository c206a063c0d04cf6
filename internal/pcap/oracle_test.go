package pcap

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// What another reader finds in a capture is what the events of the stream hold, as
// format.Event decodes them: bytes, lengths, times, interfaces, numbers, losses, and comments.
func TestAgainstEvents(t *testing.T) {
	packets := 0
	for seed := range uint64(200) {
		in := randomStream(t, rand.New(rand.NewPCG(seed, 7)))
		r, err := pcapgo.NewNgReader(bytes.NewReader(run(t, Options{}, in)), pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		var start format.Start
		var first string
		lost := map[string]uint64{} // since the last packet, by start record
		key := ""
		d := format.NewDecoder(bytes.NewReader(in))
		for raw, err := d.Next(); err == nil; raw, err = d.Next() {
			switch raw.Type() {
			case format.TypeStart:
				if err := start.Decode(raw); err != nil {
					t.Fatal(err)
				}
				if key = string(raw); first == "" {
					first = start.Host
				}
				continue
			case format.TypeLoss:
				n, _ := raw.Get("count").Uint()
				lost[key] += n
				continue
			case format.TypeEvent:
			default:
				continue
			}
			var e format.Event
			if err := e.Decode(raw); err != nil {
				t.Fatal(err)
			}
			var track format.Track
			track.Decode(raw.Get("track"))
			hasEthernet := e.Packet.At == "mac" && (e.Dev.Type == 0 || e.Dev.Type == 1)
			if e.Packet.At == "mac" && !hasEthernet { // a header of another kind, which is taken off
				if macLen, _ := e.Skb.Get(format.SkbMacLen); int(macLen) >= len(e.Packet.Data) {
					continue
				}
			}
			data, ci, o, err := r.ReadPacketDataWithOptions()
			if err != nil {
				t.Fatalf("seed %d: a packet is missing: %v", seed, err)
			}
			packets++
			want := e.Packet.Data
			length := max(int(e.Packet.Len), len(want))
			tag, tagged := e.Skb.Get(format.SkbVlanTCI)
			switch {
			case hasEthernet && tagged && len(want) >= 12:
				want = slices.Concat(want[:12], []byte{0x81, 0, byte(tag >> 8), byte(tag)}, want[12:])
				length += 4
			case !hasEthernet:
				if e.Packet.At == "mac" {
					macLen, _ := e.Skb.Get(format.SkbMacLen)
					want = want[macLen:]
					length -= int(macLen)
				}
				if !bytes.Equal(data[:12], make([]byte, 12)) {
					t.Fatalf("seed %d: addresses from nowhere", seed)
				}
				data = data[14:]
				ci.Length -= 14
			}
			if !bytes.Equal(data, want) || ci.Length != length {
				t.Fatalf("seed %d: bytes %x of %d, want %x of %d", seed, data, ci.Length, want, length)
			}
			if ns := uint64(ci.Timestamp.UnixNano()); ns != e.TS+uint64(start.ClockOffset) {
				t.Fatalf("seed %d: time %d", seed, ns)
			}
			i, err := r.Interface(ci.InterfaceIndex)
			if name := string(packet.AppendEscaped(nil, []byte(e.Probe))); err != nil || i.Name != name {
				t.Fatalf("seed %d: interface %q, want %q", seed, i.Name, name)
			}
			if got := o.PacketID; (got != nil) != track.Present() || got != nil && *got != track.Packet {
				t.Fatalf("seed %d: packet id %v, want %d", seed, got, track.Packet)
			}
			if got := o.DropCount; (got != nil) != (lost[key] > 0) || got != nil && *got != lost[key] {
				t.Fatalf("seed %d: drop count %v, want %d", seed, got, lost[key])
			}
			lost[key] = 0
			checkComments(t, seed, &e, &track, o.Comments, start.Host != first)
		}
		if _, _, err := r.ReadPacketData(); err == nil {
			t.Fatalf("seed %d: a packet too many", seed)
		}
	}
	if packets < 1000 {
		t.Errorf("only %d packets were compared", packets)
	}
}

// checkComments compares those that tell one value with what the event has.
func checkComments(t *testing.T, seed uint64, e *format.Event, track *format.Track, comments []string, foreign bool) {
	t.Helper()
	has := func(c string, want bool) {
		if slices.Contains(comments, c) != want {
			t.Fatalf("seed %d: %q is among the comments %q: %v, want %v", seed, c, comments, !want, want)
		}
	}
	has("probe="+string(packet.AppendEscaped(nil, []byte(e.Probe))), true)
	has("host=a", foreign && slices.Contains(comments, "host=a"))
	has("track.uncertain=true", track.Present() && track.Uncertain)
	has("track.inferred=true", track.Present() && track.Inferred)
	has("drop=NO_SOCKET", e.Drop.Name == "NO_SOCKET")
	has("location=f+0x1", e.Drop.Present())
	priority, _ := e.Skb.Get(format.SkbPriority)
	has("skb.priority=1", priority == 1)
	summed, _ := e.Skb.Get(format.SkbIPSummed)
	has("skb.ip_summed=PARTIAL", summed == 3)
	has("dev.rx_ifindex=2", e.Dev.Present() && e.Dev.RxIfindex == 2)
	has("netns=4026531841", e.Netns.Inum == 4026531841)
}
