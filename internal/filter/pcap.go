//go:build linux && (amd64 || arm64) && cgo && !nopcap

package filter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcap"
	"golang.org/x/net/bpf"
)

// maxExpr is in bytes, some 3,400 hosts.
const maxExpr = 1 << 16

// patience is how long libpcap may compile. `host A or host B or ...` with 300 hosts takes
// its optimizer 1 s, and eight times as long with twice as many; within `ip and (...)`,
// where it need not think of ARP, 500 hosts take 0.06 s.
const patience = time.Minute

// compileClassic has libpcap compile expr for packets that begin with the header of link.
func compileClassic(link linkType, expr string) (prog []bpf.Instruction, err error) {
	if len(expr) > maxExpr {
		return nil, errTooLarge{len(expr), "bytes", maxExpr}
	}
	if strings.IndexByte(expr, 0) >= 0 {
		return nil, errors.New("it contains a NUL byte")
	}
	type result struct {
		prog []bpf.Instruction
		err  error
	}
	compiled := make(chan result, 1)
	go func() {
		prog, err := compileSlowly(link, expr)
		compiled <- result{prog, err}
	}()
	select {
	case r := <-compiled:
		return r.prog, r.err
	case <-time.After(patience):
		return nil, fmt.Errorf("it is too large: libpcap has been at it for %v (ip and (...) around it is faster, and net "+
			"is shorter than many hosts)", patience)
	}
}

func compileSlowly(link linkType, expr string) (prog []bpf.Instruction, err error) {
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
