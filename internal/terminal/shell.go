package terminal

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// IsPlain reports whether a shell takes value as it is, within quotes and without.
func IsPlain(value []byte) bool {
	for _, c := range value {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_./:@%+,=-", c) >= 0:
		default:
			return false
		}
	}
	return len(value) > 0
}

// Word makes dst[from:] one word of a POSIX shell. A stream may come from anyone,
// and its device and chain names may hold anything: whoever pastes the command must run
// that command and no other. False: the value would be taken for an option, or has bytes
// that no name to be typed has.
func Word(dst []byte, from int) ([]byte, bool) {
	value := dst[from:]
	if len(value) == 0 || value[0] == '-' {
		return dst, false
	}
	if IsPlain(value) {
		return dst, true
	}
	quotes := 0
	for i := 0; i < len(value); {
		r, n := utf8.DecodeRune(value[i:])
		if r == utf8.RuneError && n == 1 || !escape.Printable(r) {
			return dst, false
		}
		if r == '\'' {
			quotes++
		}
		i += n
	}
	word := append(make([]byte, 0, len(value)+2+3*quotes), '\'')
	for _, c := range value {
		if c == '\'' {
			word = append(word, `'\'`...)
		}
		word = append(word, c)
	}
	return append(append(dst[:from], word...), '\''), true
}

// Typable reports whether the program that command runs takes value, which is one word of
// its command line, for a name and nothing else. The shell's quoting says nothing of what
// a program makes of its words:
//
//   - nft joins them and parses the line anew (src/main.c): only what its scanner takes for a
//     string may stand there (src/scanner.l: string), since ; and { begin a command of its own,
//     and quotes are not taken for every name;
//   - sysctl writes where there is a = in a word (sysctl(8));
//   - ovs-vsctl, ovs-ofctl and ovs-appctl connect to what has a : or / (ovs-ofctl(8)). A packet that ofproto/trace is
//     asked about has addresses, and is no such word. The device of all tunnels of a kind is a port of no bridge under
//     its own name.
//
// ip, tc, bridge, iw, ss and bpftool take a word as it is, unless it begins with a dash, which
// Word refuses (ip-link(8), tc(8)).
func Typable(command string, value []byte) bool {
	program, _, _ := strings.Cut(command, " ")
	switch {
	case program == "nft":
		return isNFTName(value)
	case program == "sysctl":
		return IsPlain(value) && bytes.IndexByte(value, '=') < 0
	case strings.HasPrefix(command, "ovs-appctl ofproto/trace ") && bytes.HasPrefix(value, []byte("in_port=")):
		return IsPlain(value)
	case strings.HasPrefix(program, "ovs-"):
		return IsPlain(value) && !bytes.ContainsAny(value, ":/=,") && !isOVSTunnel(value)
	}
	return true
}

// isOVSTunnel reports whether Open vSwitch gave a device this name, as vxlan_sys_4789 and gre_sys: the kernel's one
// device for all its ports of tunnels of that kind (netdev_vport_get_dpif_port in lib/netdev-vport.c of Open vSwitch).
func isOVSTunnel(dev []byte) bool {
	kind, udpPort, ok := bytes.Cut(dev, []byte("_sys"))
	return ok && len(kind) > 0 && (len(udpPort) == 0 || udpPort[0] == '_')
}

// isNFTName reports whether nft can type value: a letter, _ or . and then letters, digits
// and / - _ .
func isNFTName(value []byte) bool {
	for i, c := range value {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c == '.':
		case i > 0 && ('0' <= c && c <= '9' || c == '/' || c == '-'):
		default:
			return false
		}
	}
	return len(value) > 0
}
