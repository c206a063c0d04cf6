package text

import (
	"math/rand/v2"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// TestTCPOptions: options are read as gopacket reads them, of any bytes.
func TestTCPOptions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	kinds := []byte{0, 1, 1, 2, 3, 4, 5, 8, 19, 28, 29, 34, 200}
	lengths := []byte{0, 1, 2, 3, 4, 6, 10, 12, 18, 41, 255}
	for range 100_000 {
		header := make([]byte, 24+4*random.IntN(10))
		header[12] = byte(len(header)/4) << 4
		for i := 20; i < len(header); {
			header[i] = kinds[random.IntN(len(kinds))]
			if i++; i < len(header) && random.IntN(2) == 0 {
				header[i] = lengths[random.IntN(len(lengths))]
				i += max(0, int(header[i])-1)
			}
		}
		var own dissector
		own.tcpOptions(dissect.TCPHeader(header).Options())
		if theirs := theirOptions(t, header); string(own.out) != theirs {
			t.Fatalf("% x: %s, want %s", header[20:], own.out, theirs)
		}
	}
}

// theirOptions prints what gopacket finds of options.
func theirOptions(t *testing.T, header []byte) string {
	var l layers.TCP
	if err := l.DecodeFromBytes(header, gopacket.NilDecodeFeedback); err != nil {
		t.Fatal(err)
	}
	var d dissector
	end := false
	for i, o := range l.Options {
		if i > 0 {
			d.str(",")
		}
		end = end || o.OptionType == layers.TCPOptionKindEndList
		d.tcpOption(byte(o.OptionType), o.OptionData)
	}
	if len(l.Padding) > 0 && !end {
		if len(l.Options) > 0 {
			d.str(",")
		}
		d.str("bad option 0x").hex(l.Padding, 0)
	}
	return string(d.out)
}
