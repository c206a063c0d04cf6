package write

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// readNames reads a file in the form of hosts(5): an address, its name, and others, which
// a capture has no use for.
func readNames(file string) ([]pcapng.Name, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--names %s: %w", file, errors.Unwrap(err))
	}
	var names []pcapng.Name
	line := 0
	for text := range bytes.Lines(content) {
		line++
		text, _, _ = bytes.Cut(text, []byte("#"))
		words := bytes.Fields(text)
		if len(words) == 0 {
			continue
		}
		addr, err := netip.ParseAddr(string(words[0]))
		if err != nil || len(words) < 2 {
			return nil, fmt.Errorf("--names %s: line %d is not an address and a name", file, line)
		}
		names = append(names, pcapng.Name{Addr: addr.WithZone(""), Name: string(words[1])})
	}
	return names, nil
}
