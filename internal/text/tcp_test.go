package text

import (
	"math/rand/v2"
	"testing"
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
		var own, theirs dissector
		own.tcpOptions(header)
		theirs.str(", options [").tcpMultipath(header)
		theirs.str("]")
		if string(own.out) != string(theirs.out) {
			t.Fatalf("% x: %s, want %s", header[20:], own.out, theirs.out)
		}
	}
}
