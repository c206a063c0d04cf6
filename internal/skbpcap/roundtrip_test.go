package skbpcap

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// randomStream is a stream of two hosts with events of all kinds, names among them that
// no kernel would give.
func randomStream(t *testing.T, r *rand.Rand) []byte {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	name := func() string {
		return pick("ip_rcv", "net:netif_receive_skb", "net:net_dev_start_xmit", "ret:ip_rcv", "skb:kfree_skb", "a b", "x\\y", "ü", "\xff\n", "p=q", "")
	}
	var records []format.Appender
	for range 1 + r.IntN(3) {
		records = append(records, &format.Start{TS: r.Uint64N(1e9), ClockOffset: int64(r.Uint64N(2e18)), Host: pick("a", "b", "b\\", "c d"),
			Kernel: pick("6.12", "5.10", ""), Arch: "amd64", Tool: "skb-collect 1", Cmdline: []string{"skb-collect", "-p", name()}})
		for range r.IntN(20) {
			if r.IntN(8) == 0 {
				records = append(records, &format.Loss{What: "event", Count: 1 + r.Uint64N(1<<40)})
			}
			data := make([]byte, 1+r.IntN(100))
			if r.IntN(4) > 0 {
				for i := range data {
					data[i] = byte(r.Uint32())
				}
			}
			data[0] = byte(r.Uint32())
			e := &format.Event{TS: r.Uint64N(1e18), CPU: r.Uint32N(4), Probe: name(),
				Packet: format.Packet{Len: uint32(r.IntN(200)), At: pick("mac", "network", "network"), Data: data}}
			if r.IntN(2) == 0 {
				e.Process = format.Process{PID: r.Uint32(), Comm: pick("sh", "a=b", "\\x41", "\x00", "é")}
			}
			if r.IntN(3) > 0 {
				e.Dev = format.Dev{Name: pick("eth0", "l0", "\\"), Ifindex: r.Uint32N(9), Type: uint16(1 + r.IntN(2)*(65534-1))}
			}
			if r.IntN(3) > 0 {
				e.Netns.Inum = 4026531840 + r.Uint32N(2)
			}
			if r.IntN(3) == 0 {
				e.Drop = format.Drop{Name: pick("NO_SOCKET", "", "?"), Location: "f+0x1"}
			}
			for f, limit := range map[format.SkbField]uint64{format.SkbID: 9, format.SkbProtocol: 65536, format.SkbPktType: 7,
				format.SkbMark: 3, format.SkbQueue: 4, format.SkbMacLen: 30} {
				if r.IntN(2) == 0 {
					e.Skb.Set(f, r.Uint64N(limit))
				}
			}
			if r.IntN(3) == 0 {
				e.Skb.Set(format.SkbVlanTCI, r.Uint64N(65536))
				e.Skb.Set(format.SkbVlanProto, 0x8100)
			}
			raw := e.AppendMsgpack(nil)
			if r.IntN(2) == 0 {
				track := format.Track{Packet: 1 + r.Uint64N(9), Hop: r.Uint32N(3), Since: r.Uint64() >> r.IntN(64)}
				if r.IntN(2) == 0 {
					track.Changed = format.AppendStr(format.AppendMap(nil, 2), name())
					track.Changed = format.AppendUint(format.AppendInt(format.AppendArray(track.Changed, 2), -5), 63)
					track.Changed = format.AppendArray(format.AppendStr(track.Changed, "other"), 1)
					track.Changed = format.AppendStr(track.Changed, name())
				}
				raw = format.Splice(nil, raw, "track", track.AppendMsgpack(nil))
			}
			if r.IntN(4) == 0 {
				why := format.AppendStr(format.AppendMap(nil, 2), pick("meaning", "cause"))
				why = format.AppendStr(format.AppendStr(why, "nobody listens\n"), "reason")
				raw = format.Splice(nil, raw, "why", format.AppendStr(why, "GUESSED"))
			}
			records = append(records, recorded(raw))
		}
	}
	return stream(t, records...)
}

type recorded format.Raw

func (r recorded) AppendMsgpack(dst []byte) []byte { return append(dst, r...) }

func run(t *testing.T, o Options, in []byte) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	if err := Run(context.Background(), o, bytes.NewReader(in), &out, &errs); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A capture that becomes a stream and a capture again is the same capture, byte for byte:
// packets, times, interfaces, comments, everything.
func TestThereAndBack(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 0))
		in := randomStream(t, r)
		for _, linkType := range []string{"ethernet", "raw", "sll2"} {
			o := Options{Linktype: linkType, InterfaceBy: []string{"probe", "dev", "netns", "cpu"}[r.IntN(4)]}
			if o.NoComment = r.IntN(8) == 0; o.NoComment {
				o.InterfaceBy = "probe"
			}
			first := run(t, o, in)
			back := run(t, Options{Read: "-"}, first)
			d := format.NewDecoder(bytes.NewReader(back))
			for raw, err := d.Next(); err == nil; raw, err = d.Next() {
				if err := format.Valid(raw); err != nil {
					t.Fatalf("seed %d: the stream has a bad record: %v", seed, err)
				}
			}
			second := run(t, o, back)
			if !bytes.Equal(first, second) {
				dir, err := os.MkdirTemp("", "thereandback")
				if err != nil {
					t.Fatal(err)
				}
				for i, b := range [][]byte{first, back, second} {
					_ = os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), b, 0o644)
				}
				t.Fatalf("seed %d, %+v: not the same, see %s", seed, o, dir)
			}
		}
	}
}
