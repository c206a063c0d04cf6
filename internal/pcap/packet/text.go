package packet

import (
	"strconv"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// SummedNames are those of skb->ip_summed, CHECKSUM_* of include/linux/skbuff.h.
var SummedNames = [...]string{"NONE", "UNNECESSARY", "COMPLETE", "PARTIAL"}

// AppendEscaped appends s as UTF-8 that stays on its line: what is not, and a backslash,
// as \xNN.
func AppendEscaped(dst, s []byte) []byte {
	if n := Plain(s); n < len(s) {
		return escape.AppendBytes(append(dst, s[:n]...), s[n:])
	}
	return append(dst, s...)
}

// Plain returns how many bytes at the front of s are neither escaped nor need a look.
func Plain(s []byte) int {
	for i, c := range s {
		if c < ' ' || c >= 0x7f || c == '\\' {
			return i
		}
	}
	return len(s)
}

// AppendDuration appends ns exactly, in the largest unit that leaves it at least 1.
func AppendDuration(dst []byte, ns uint64) []byte {
	unit, name := uint64(1), "ns"
	switch {
	case ns >= 1e9:
		unit, name = 1e9, "s"
	case ns >= 1e6:
		unit, name = 1e6, "ms"
	case ns >= 1e3:
		unit, name = 1e3, "us"
	}
	dst = strconv.AppendUint(dst, ns/unit, 10)
	if rest := ns % unit; rest != 0 {
		dst = append(dst, '.')
		for rest != 0 {
			unit /= 10
			dst = append(dst, byte('0'+rest/unit))
			rest %= unit
		}
	}
	return append(dst, name...)
}
