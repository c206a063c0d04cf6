package pcap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcap/read"
	"github.com/skb-tools/skb-tools/internal/pipe"
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
			Kernel: pick("6.12", "5.10", ""), Arch: "amd64", Tool: "skb-collect 1", Cmdline: []string{"skb-collect", "-p", name()},
			Namespaces: map[uint32]format.Namespace{4026531840: {Name: name(), By: "program"}}})
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
			for r.IntN(4) == 0 {
				e.Packet.Missing = append(e.Packet.Missing, [2]uint32{r.Uint32N(120), r.Uint32N(40)})
			}
			if r.IntN(2) == 0 {
				e.Process = format.Process{PID: r.Uint32(), TGID: r.Uint32N(3), Comm: pick("sh", "a=b", "\\x41", "\x00", "é")}
			}
			if r.IntN(3) > 0 {
				e.Dev = format.Dev{Name: pick("eth0", "l0", "\\"), Ifindex: r.Uint32N(9), RxIfindex: r.Uint32N(3), Type: uint16(1 + r.IntN(2)*(65534-1))}
			}
			if r.IntN(8) == 0 {
				records = append(records, &format.NamespaceFound{Inum: 4026531840 + r.Uint32N(2), Namespace: format.Namespace{Name: name()}})
			}
			if r.IntN(3) > 0 {
				e.Netns.Inum, e.Netns.Cookie = 4026531840+r.Uint32N(2), r.Uint64N(3)
			}
			if r.IntN(3) == 0 {
				e.Drop = format.Drop{Name: pick("NO_SOCKET", "", "?"), Location: "f+0x1"}
			}
			for f, limit := range map[format.SkbField]uint64{format.SkbID: 9, format.SkbProtocol: 65536, format.SkbPktType: 7,
				format.SkbMark: 3, format.SkbPriority: 2, format.SkbHash: 2, format.SkbIPSummed: 5, format.SkbQueue: 4, format.SkbMacLen: 30} {
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
				track := format.Track{Packet: 1 + r.Uint64N(9), Hop: r.Uint32N(3), Since: r.Uint64() >> r.IntN(64), Total: r.Uint64() >> r.IntN(64),
					Branch: r.Uint32N(2), By: pick("", "addr", "content"), Uncertain: r.IntN(3) == 0, Inferred: r.IntN(3) == 0}
				if r.IntN(2) == 0 {
					track.From = format.From{How: pick("clone", "wire"), Branch: r.Uint32N(2), Packet: r.Uint64N(3)}
				}
				if r.IntN(2) == 0 {
					track.Changed = wire.AppendStr(wire.AppendMap(nil, 2), name())
					track.Changed = wire.AppendUint(wire.AppendInt(wire.AppendArray(track.Changed, 2), -5), 63)
					track.Changed = wire.AppendArray(wire.AppendStr(track.Changed, "other"), 1)
					track.Changed = wire.AppendStr(track.Changed, name())
				}
				raw = wire.Splice(nil, raw, "track", track.AppendMsgpack(nil))
			}
			if r.IntN(4) == 0 {
				raw = wire.Splice(nil, raw, "why", randomWhy(r, name))
			}
			if r.IntN(4) == 0 {
				records = append(records, randomStack(r, name))
			}
			records = append(records, recorded(sprinkle(r, raw, name)))
		}
	}
	return stream(t, records...)
}

// sprinkle adds what most events do not have: sections of any content, and calls whose
// stack record may be there or not.
func sprinkle(r *rand.Rand, raw format.Raw, name func() string) format.Raw {
	value := func(dst []byte) []byte {
		switch r.IntN(7) {
		case 0:
			return wire.AppendInt(dst, -r.Int64())
		case 1:
			return wire.AppendBool(dst, r.IntN(2) == 0)
		case 2:
			return wire.AppendStr(dst, []string{"-5", "-0", "007", "0x10", "0x0", "16", "true", "=", "."}[r.IntN(9)])
		case 3:
			return wire.AppendStr(dst, name())
		case 4:
			return append(dst, 0xc0) // nil, which has no plain form
		}
		return wire.AppendUint(dst, r.Uint64()>>r.IntN(64))
	}
	var tree func(dst []byte, depth int) []byte
	tree = func(dst []byte, depth int) []byte {
		names := []string{"state", "addr", "mark", "status", "orig", "a.b", "labels", "skb", "type", "=", "src"}
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		names = names[:r.IntN(6)]
		dst = wire.AppendMap(dst, len(names))
		for _, n := range names {
			dst = wire.AppendStr(dst, n)
			switch r.IntN(4) {
			case 0:
				if depth > 0 {
					dst = tree(dst, depth-1)
					continue
				}
				fallthrough
			case 1:
				m := r.IntN(4)
				dst = wire.AppendArray(dst, m)
				for range m {
					dst = value(dst)
				}
			default:
				dst = value(dst)
			}
		}
		return dst
	}
	for _, s := range packet.Sections {
		if r.IntN(4) == 0 {
			raw = wire.Splice(nil, raw, s, tree(nil, 4))
		}
	}
	if r.IntN(3) == 0 {
		raw = wire.Splice(nil, raw, "caller", wire.AppendStr(nil, name()))
	}
	if r.IntN(3) == 0 {
		raw = wire.Splice(nil, raw, "stack", wire.AppendUint(nil, r.Uint64N(5)))
	}
	return raw
}

// randomWhy is a section as skb-drops writes it, or not quite.
func randomWhy(r *rand.Rand, name func() string) []byte {
	keys := []string{"meaning", "cause", "where", "severity", "confidence", "reason"}
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	keys = keys[:r.IntN(len(keys)+1)]
	why := wire.AppendMap(nil, len(keys)+1)
	for _, k := range keys {
		why = wire.AppendStr(wire.AppendStr(why, k), name())
	}
	why = wire.AppendStr(why, "look")
	n := r.IntN(3)
	why = wire.AppendArray(why, n)
	for range n {
		why = wire.AppendStr(why, name())
	}
	return why
}

// randomStack is a stack record, whose frames may be too many for a comment.
func randomStack(r *rand.Rand, name func() string) *format.Stack {
	s := &format.Stack{ID: r.Uint64N(5)}
	for range r.IntN(4) {
		s.Frames = append(s.Frames, name()+"+0x1")
	}
	if r.IntN(3) == 0 {
		for range r.IntN(200) {
			s.Frames = append(s.Frames, "a_function_of_the_kernel+0x12")
		}
	}
	return s
}

type recorded format.Raw

func (r recorded) AppendMsgpack(dst []byte) []byte { return append(dst, r...) }

func run(t *testing.T, o Options, in []byte) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	o.Part = o.Read == ""
	if err := Run(context.Background(), o, bytes.NewReader(in), &out, &errs); unread(err) != nil {
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
				if c := raw.Get("pcapng", "comments"); c != nil {
					t.Fatalf("seed %d: comments of our own are not understood: %q", seed, c)
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

// unread is err unless it is that of a stream which was read to its end: random sections have
// values that FORMAT.md does not.
func unread(err error) error {
	var lacks *pipe.NotWholeError
	var half *read.HalfError
	if errors.As(err, &lacks) || errors.As(err, &half) {
		return nil
	}
	return err
}
