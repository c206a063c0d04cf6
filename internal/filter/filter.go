//go:build linux && (amd64 || arm64)

package filter

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/net/bpf"
)

// A Filter is the compiled Options. A nil *Filter passes every packet.
type Filter struct {
	direct bool // packet_window may be called
	inUse  uint32
	bodies map[string]asm.Instructions // by the functions of bpf/filter.h
	notes  []string
	show   *Show
}

// New compiles what o asks for. types are those of the running kernel's vmlinux. Errors are
// one line and name the flag.
func New(o Options, types *btf.Spec) (*Filter, error) {
	f := &Filter{bodies: map[string]asm.Instructions{}, direct: o.Direct}
	if err := readFile(&o.Filter); err != nil {
		return nil, fmt.Errorf("-f %w", err)
	}
	if err := readFile(&o.InnerFilter); err != nil {
		return nil, fmt.Errorf("--inner-filter %w", err)
	}
	if o.Filter != "" {
		if err := f.packet("-f", o.Filter, "filter_l2", "filter_l3"); err != nil {
			return nil, err
		}
		f.inUse |= inUsePacket
	}
	if o.InnerFilter != "" {
		if err := f.packet("--inner-filter", o.InnerFilter, "filter_inner_l2", "filter_inner_l3"); err != nil {
			return nil, err
		}
		f.inUse |= inUseInner
	}
	exprs, err := o.expressions()
	if err != nil {
		return nil, err
	}
	if len(exprs) > 0 {
		if f.bodies["filter_where"], err = compileWhere(exprs, types, f.direct); err != nil {
			return nil, err
		}
		f.inUse |= inUseWhere
	}
	return f, nil
}

// readFile replaces @FILE by what is in the file: an expression can be longer than the
// 128 kB that a command line's word may have.
func readFile(expr *string) error {
	name, isFile := strings.CutPrefix(*expr, "@")
	if !isFile {
		return nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("@%s: %w", name, errors.Unwrap(err))
	}
	*expr = strings.TrimSpace(string(b))
	if *expr == "" {
		return fmt.Errorf("@%s: there is no expression in this file", name)
	}
	return nil
}

// packet compiles a pcap-filter(7) expression for packets that begin with an Ethernet
// header and for those that begin with an IP header.
func (f *Filter) packet(flag, expr, l2, l3 string) error {
	err2 := f.form(body{link: ethernet, symbol: l2, direct: f.direct}, expr)
	err3 := f.form(body{link: rawIP, symbol: l3, direct: f.direct}, expr)
	switch {
	case err2 != nil:
		// What libpcap does not understand, it does not understand in either.
		return fmt.Errorf("%s %s: %w", flag, quote(expr), err2)
	case err3 != nil:
		f.bodies[l3] = verdict(0)
		f.notes = append(f.notes, fmt.Sprintf("%s %s can only match a packet while it has an Ethernet header, not before "+
			"it is sent through a device (%v)", flag, quote(expr), err3))
	}
	return nil
}

func (f *Filter) form(b body, expr string) (err error) {
	if b.link == rawIP && looksAtLinkHeader(expr) {
		return fmt.Errorf("it looks at the Ethernet header")
	}
	if b.plain, err = compileClassic(b.link, expr); err != nil {
		return err
	}
	if asksFor(b.plain, packetType) {
		return errors.New("inbound and outbound are known where a packet socket looks only: choose a probe where packets " +
			"come in (net:netif_receive_skb) or go out (net:net_dev_start_xmit) instead")
	}
	if untagged, ok := untag(expr); ok && b.symbol == "filter_l2" {
		if b.tagged, err = compileClassic(b.link, untagged); err != nil {
			return err
		}
	}
	if b.tagged != nil {
		f.inUse |= inUseInfo
	}
	f.bodies[b.symbol], err = b.compile()
	return err
}

func asksFor(prog []bpf.Instruction, kind loadKind) bool {
	for _, ins := range prog {
		if l, ok := loadOf(ins); ok && l.kind == kind {
			return true
		}
	}
	return false
}

// looksAtLinkHeader finds `ether[...]` and its other names: of a packet without a link
// header libpcap would take the bytes of what comes first.
func looksAtLinkHeader(expr string) bool {
	words := lexPcap(expr)
	for i := range len(words) - 1 {
		switch words[i].text {
		case "ether", "link", "fddi", "tr", "wlan", "ppp", "slip":
			if words[i+1].text == "[" {
				return true
			}
		}
	}
	return false
}

// Variables are the values for the variables of bpf/filter.h.
func (f *Filter) Variables() map[string]any {
	if f == nil {
		return map[string]any{"filters": uint32(0)}
	}
	return map[string]any{"filters": f.inUse}
}

// Notes are what the user should know, a line each.
func (f *Filter) Notes() []string {
	if f == nil {
		return nil
	}
	return f.notes
}

// SetShow has Apply put the code of --show in, too.
func (f *Filter) SetShow(s *Show) { f.show = s }

// Apply puts the filter into a program of bpf/, and the code of --show that has this number, if it is not 0. A program
// without filter calls stays as it is.
func (f *Filter) Apply(spec *ebpf.ProgramSpec, show uint32) error {
	unused := map[string]int32{"filter_l2": 1, "filter_l3": 1, "filter_inner_l2": 1, "filter_inner_l3": 1,
		"filter_where": 1, "fill_show": 0}
	if f == nil || f.inUse&inUseInner == 0 {
		unused["inner_packet"] = 0
	}
	functions := split(spec.Instructions)
	for i, function := range functions {
		symbol := function[0].Symbol()
		v, ok := unused[symbol]
		if !ok {
			continue
		}
		body := verdict(v)
		if symbol == "fill_show" && f != nil && f.show != nil && show != 0 {
			body = f.show.codes[show-1].ins
		}
		if f != nil && f.bodies[symbol] != nil {
			body = f.bodies[symbol]
		}
		var err error
		if functions[i], err = replace(function, body); err != nil {
			return err
		}
	}
	inline(functions, "packet_window")
	spec.Instructions = join(prune(functions))
	return nil
}

// verdict is the function that always returns v.
func verdict(v int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, v), asm.Return()}
}

// quote quotes an expression as one would in a shell, and cuts it to a line.
func quote(expr string) string {
	const most = 70
	if len(expr) > most {
		expr = strings.ToValidUTF8(expr[:most], "") + "..."
	}
	for _, r := range expr {
		if r == '\'' || !strconv.IsPrint(r) {
			return strconv.Quote(expr)
		}
	}
	return "'" + expr + "'"
}
