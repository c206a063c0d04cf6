//go:build linux && (amd64 || arm64)

package filter

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
	"github.com/cloudflare/cbpfc"
	"golang.org/x/net/bpf"
)

// linkType says which header a packet begins with, as pcap_open_dead takes it (pcap/dlt.h).
type linkType int

const (
	ethernet = linkType(1)  // DLT_EN10MB
	rawIP    = linkType(12) // DLT_RAW on Linux
)

// maxStack is how many bytes of stack a filter may use. The verifier lets a program, its
// filter and packet_bytes have 512 together, each rounded up to a multiple of 32; the
// programs take 320, packet_bytes 96.
//
// After slotsEnd come the bytes of the packet that are looked at together, the window, and the
// scratch memory of classic BPF. Ethernet, IPv6 and ports are 58 bytes.
const maxStack = 96

// usualX is what X, the register for variable offsets, holds nearly always: the length of
// an IPv4 header without options. The verifier of kernels before 5.12 refuses reads
// of the stack at an offset from a register, so where X is that, a read at the constant
// offset follows, and where it is not, packet_bytes.
const usualX = 20

// The registers of classic BPF and what else lives through calls.
const (
	regLen    = asm.R6 // of the packet
	regX      = asm.R7
	regWindow = asm.R8 // where direct loads can be had
	regA      = asm.R9
)

// What the function was called with, below the frame pointer.
const (
	slotSkb    = -8
	slotAddr   = -16
	slotLinear = -24
	slotInfo   = -32
	slotsEnd   = 32
)

// The classic instruction that asks for slotInfo's contents (struct info of bpf/filter.h): a
// load at an offset that no packet has, which vlan.go makes libpcap write.
const tagOffset = 65520

// A body is the function of bpf/filter.h that passes the packets of one kind.
type body struct {
	link linkType
	// plain is the program for a packet as it is in memory. tagged, when there is one,
	// is for packets whose VLAN tag is not in there but in skb->vlan_tci.
	plain, tagged []bpf.Instruction

	symbol string
	direct bool // packet_window may be called
	window int  // bytes of the packet that are copied to the stack, or loaded from where they are
	base   int  // where on the stack: R10 + base
	ins    asm.Instructions
	labels int
}

// compile returns the function's instructions.
//
//	int symbol(u64 skb, u64 addr, u64 len, u64 linear, u64 info)
//
// cbpfc translates arithmetic and jumps. Its packet loads want the verifier to know
// where the packet lies and ends, which it does for no kprobe: so it is given
// constants in their places, which are replaced afterwards.
func (b *body) compile() (asm.Instructions, error) {
	b.layOut()
	b.prologue()
	if b.tagged != nil {
		b.emit(
			asm.LoadMem(asm.R1, asm.R10, slotInfo, asm.DWord),
			asm.RSh.Imm(asm.R1, 16),
			asm.JSet.Imm(asm.R1, 1, b.label("tagged")),
		)
	}
	if err := b.translate(b.plain, "plain"); err != nil {
		return nil, err
	}
	if b.tagged != nil {
		at := len(b.ins)
		if err := b.translate(b.tagged, "tagged"); err != nil {
			return nil, err
		}
		b.ins[at] = b.ins[at].WithSymbol(b.label("tagged"))
	}
	if _, used := b.ins.ReferenceOffsets()[b.label("reject")]; used {
		b.emit(asm.Mov.Imm(asm.R0, 0).WithSymbol(b.label("reject")))
	}
	b.emit(asm.Return().WithSymbol(b.label("done")))
	if err := checkSize(b.ins); err != nil {
		return nil, err
	}
	return b.ins, nil
}

func (b *body) emit(ins ...asm.Instruction) { b.ins = append(b.ins, ins...) }

// label makes a name unique within the BPF program.
func (b *body) label(name string) string { return b.symbol + "." + name }

func (b *body) newLabel() string {
	b.labels++
	return b.label(fmt.Sprint(b.labels))
}

// layOut finds out how much of the packet is worth copying.
func (b *body) layOut() {
	room := maxStack - slotsEnd - 4 - 4*max(scratch(b.plain), scratch(b.tagged))
	for _, prog := range [][]bpf.Instruction{b.plain, b.tagged} {
		for _, ins := range prog {
			if l, ok := loadOf(ins); ok {
				if end, ok := l.windowEnd(); ok && end <= uint64(room) {
					b.window = max(b.window, int(end))
				}
			}
		}
	}
	// The IP header is aligned to 4 bytes, so its fields are: the stack takes no others.
	b.window = (b.window + 3) &^ 3
	b.base = -slotsEnd - b.window
	if b.link == ethernet {
		b.base -= 2
	}
}

// scratch is how many words of scratch memory prog uses.
func scratch(prog []bpf.Instruction) (n int) {
	for _, ins := range prog {
		switch i := ins.(type) {
		case bpf.StoreScratch:
			n = max(n, i.N+1)
		case bpf.LoadScratch:
			n = max(n, i.N+1)
		}
	}
	return n
}

func (b *body) prologue() {
	b.emit(
		asm.Mov.Reg(regLen, asm.R3),
		asm.Mov.Imm(regX, 0),
		asm.StoreMem(asm.R10, slotSkb, asm.R1, asm.DWord),
		asm.StoreMem(asm.R10, slotAddr, asm.R2, asm.DWord),
		asm.StoreMem(asm.R10, slotLinear, asm.R4, asm.DWord),
	)
	if b.tagged != nil || asksFor(b.plain, vlanTag) {
		b.emit(asm.StoreMem(asm.R10, slotInfo, asm.R5, asm.DWord))
	}
	if b.window == 0 {
		return
	}
	// Behind the linear bytes of a head lies at least its skb_shared_info, 320 bytes, so
	// a short packet can be read beyond its end: one size, known to the verifier, serves all.
	// Only where packet bytes continue elsewhere they are put together. Direct loads serve
	// for both: the kernel follows an address to the stack as any other.
	b.emit(
		asm.JSGE.Imm(asm.R4, int32(b.window), b.label("linear")),
		asm.JSGE.Reg(asm.R4, asm.R3, b.label("linear")),
	)
	for off, size := 0, 0; off < b.window; off += size {
		size = 4
		if b.base%4 != 0 && off == 0 {
			size = 2
		}
		b.emit(asm.Mov.Imm(asm.R4, int32(off)))
		b.packetBytes(size)
		b.emit(asm.StoreMem(asm.R10, int16(b.base+off), asm.R0, sizes[size]))
	}
	if b.direct {
		b.emit(
			asm.Mov.Reg(asm.R1, asm.R10),
			asm.Add.Imm(asm.R1, int32(b.base)),
			asm.Ja.Label(b.label("found")),
			asm.Mov.Reg(asm.R1, asm.R2).WithSymbol(b.label("linear")),
			asm.Call.Label("packet_window").WithSymbol(b.label("found")),
			asm.Mov.Reg(regWindow, asm.R0),
		)
	} else {
		b.emit(
			asm.Ja.Label(b.label("start")),
			asm.Mov.Reg(asm.R1, asm.R10).WithSymbol(b.label("linear")),
			asm.Add.Imm(asm.R1, int32(b.base)),
			asm.Mov.Reg(asm.R3, asm.R2),
			asm.Mov.Imm(asm.R2, int32(b.window)),
			asm.FnProbeReadKernel.Call(),
			asm.JNE.Imm(asm.R0, 0, b.label("reject")),
		)
	}
	b.emit(asm.Mov.Imm(regA, 0).WithSymbol(b.label("start")))
}

var sizes = map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word}

// packetBytes calls for size bytes at the offset in R4, which end up in R0 as they would
// in a register that they were loaded into.
func (b *body) packetBytes(size int) {
	b.emit(
		asm.LoadMem(asm.R1, asm.R10, slotSkb, asm.DWord),
		asm.LoadMem(asm.R2, asm.R10, slotAddr, asm.DWord),
		asm.LoadMem(asm.R3, asm.R10, slotLinear, asm.DWord),
		asm.Mov.Imm(asm.R5, int32(size)),
		asm.Call.Label("packet_bytes"),
		asm.JEq.Imm(asm.R0, notReadable, b.label("reject")),
		asm.JEq.Imm(asm.R0, notLookedAt, b.label("done")), // not 0: it passes
	)
}

// translate appends prog.
func (b *body) translate(prog []bpf.Instruction, name string) error {
	prog = append([]bpf.Instruction(nil), prog...)
	loads := map[bpf.LoadConstant]load{}
	mark := unusedConstants(prog)
	for i, ins := range prog {
		if j, ok := ins.(bpf.Jump); ok && uint64(j.Skip) >= uint64(len(prog)) {
			return fmt.Errorf("protochain needs a loop, which BPF in the kernel doesn't have: name the headers to skip, or " +
				"use ip6 proto")
		}
		if l, ok := loadOf(ins); ok {
			c := bpf.LoadConstant{Dst: l.dst, Val: mark}
			mark++
			loads[c] = l
			prog[i] = c
		}
	}
	ins, err := cbpfc.ToEBPF(prog, cbpfc.EBPFOpts{
		// Never used, because no load is left; but they must differ.
		PacketStart: asm.R2,
		PacketEnd:   asm.R3,
		Working:     [4]asm.Register{regA, regX, asm.R1, asm.R4},
		Result:      asm.R0,
		ResultLabel: b.label("done"),
		StackOffset: -b.base + -b.base%4,
		LabelPrefix: b.label(name),
	})
	if err != nil {
		return err
	}
	for _, in := range ins {
		at := len(b.ins)
		if l, ok := loads[constantOf(in)]; ok {
			b.load(l)
			if s := in.Symbol(); s != "" {
				b.ins[at] = b.ins[at].WithSymbol(s)
			}
		} else {
			b.emit(in)
		}
	}
	return nil
}

// unusedConstants returns the first of 2^16 values that prog loads none of.
func unusedConstants(prog []bpf.Instruction) uint32 {
	used := map[uint32]bool{0: true}
	for _, ins := range prog {
		if c, ok := ins.(bpf.LoadConstant); ok {
			used[c.Val>>16] = true
		}
	}
	high := uint32(0)
	for used[high] {
		high++
	}
	return high << 16
}

// constantOf is the inverse of how cbpfc writes a constant load.
func constantOf(in asm.Instruction) bpf.LoadConstant {
	c := bpf.LoadConstant{Dst: bpf.RegA, Val: uint32(in.Constant)}
	if in.Dst == regX {
		c.Dst = bpf.RegX
	}
	if in.OpCode != asm.Mov.Imm32(in.Dst, 0).OpCode || in.Dst != regA && in.Dst != regX {
		return bpf.LoadConstant{}
	}
	return c
}
