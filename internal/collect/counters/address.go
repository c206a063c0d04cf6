//go:build linux

package counters

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
)

// address is one of /proc/net/udp as people write it: hexadecimal, each four bytes in the order of the machine, then
// the port. Of a raw socket the port is the protocol.
func address(word []byte) string {
	host, port, _ := bytes.Cut(word, []byte(":"))
	b := make([]byte, hex.DecodedLen(len(host)))
	n, err := strconv.ParseUint(string(port), 16, 16)
	if _, e := hex.Decode(b, host); e != nil || err != nil {
		return string(word)
	}
	for i := 0; i+4 <= len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	if !ok {
		return string(word)
	}
	return netip.AddrPortFrom(addr, uint16(n)).String()
}
