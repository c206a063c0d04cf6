//go:build cgo && !nopcap

package filter

import (
	"errors"
	"strings"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcap"
	"golang.org/x/net/bpf"
)

// maxExpr is in bytes, some 3,400 hosts: libpcap's optimizer needs 1.1 s for 2,000 of them,
// and four times as long for twice as many.
const maxExpr = 1 << 16

// compileClassic has libpcap compile expr for packets that begin with the header of link.
func compileClassic(link linkType, expr string) (prog []bpf.Instruction, err error) {
	if len(expr) > maxExpr {
		return nil, errTooLarge{len(expr), "bytes", maxExpr}
	}
	if strings.IndexByte(expr, 0) >= 0 {
		return nil, errors.New("it contains a NUL byte")
	}
	defer func() {
		// pcap.CompileBPFFilter cuts the program out of an array of that size.
		if recover() != nil {
			prog, err = nil, errors.New("it is too large: more than 32768 instructions")
		}
	}()
	raw, err := pcap.CompileBPFFilter(layers.LinkType(link), 262144, expr)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "can't parse filter expression: "))
	}
	prog = make([]bpf.Instruction, len(raw))
	for i, r := range raw {
		prog[i] = bpf.RawInstruction{Op: r.Code, Jt: r.Jt, Jf: r.Jf, K: r.K}.Disassemble()
	}
	return prog, nil
}
