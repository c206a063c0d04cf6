package pcap

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Whatever a capture holds, what comes out is a good stream, and what came before damage
// is in it.
func FuzzRead(f *testing.F) {
	seed := randomStream(&testing.T{}, rand.New(rand.NewPCG(3, 3)))
	for _, linkType := range []string{"ethernet", "raw", "sll2"} {
		var out bytes.Buffer
		if err := Run(context.Background(), Options{Input: pipe.Input{Part: true}, Linktype: linkType}, bytes.NewReader(seed), &out, io.Discard); unread(err) != nil {
			f.Fatal(err)
		}
		f.Add(out.Bytes())
	}
	f.Add([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x71\x00\x00\x00" +
		"\x01\x00\x00\x00\x02\x00\x00\x00\x14\x00\x00\x00\x54\x00\x00\x00\x00\x04\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00\x08\x00E\x00\x00\x40"))
	f.Fuzz(func(t *testing.T, file []byte) {
		var out bytes.Buffer
		_ = Run(context.Background(), Options{Input: pipe.Input{Part: true}, Read: "-"}, bytes.NewReader(file), &out, io.Discard)
		d := format.NewDecoder(&out)
		starts := 0
		for {
			r, err := d.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := format.Valid(r); err != nil {
				t.Fatalf("%v: %x", err, r)
			}
			switch r.Type() {
			case format.TypeStart:
				starts++
			case format.TypeEvent:
				if starts == 0 {
					t.Fatal("an event before any start")
				}
			}
		}
	})
}

// pcap in the byte order of other machines reads as that of ours.
func TestBigEndian(t *testing.T) {
	var streams [2][]byte
	for i, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		file := o.AppendUint32(nil, 0xa1b2c3d4)
		file = o.AppendUint16(o.AppendUint16(file, 2), 4)
		file = o.AppendUint32(o.AppendUint32(append(file, make([]byte, 8)...), 65535), 1)
		file = o.AppendUint32(o.AppendUint32(file, 1732000000), 123456)
		file = o.AppendUint32(o.AppendUint32(file, 20), 60)
		file = append(file, "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00E\x00\x00\x2e\x00\x00"...)
		streams[i] = run(t, Options{Read: "-"}, file)
	}
	if !bytes.Equal(streams[0], streams[1]) || !bytes.Contains(streams[0], []byte("capture")) {
		t.Errorf("%x\n%x", streams[0], streams[1])
	}
}
