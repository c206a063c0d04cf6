//go:build linux && (amd64 || arm64)

package filter

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
)

// A load is a classic instruction that looks at the packet or at what the kernel knows
// of it.
type load struct {
	kind loadKind
	dst  bpf.Register
	off  uint32
	size int
}

type loadKind int

const (
	atOffset     loadKind = iota
	atX                   // at X + off
	headerLength          // X = 4 * (byte at off & 0xf)
	packetLength
	vlanTag
	packetType // Linux' own load of skb->pkt_type, for `inbound` and `outbound`; never compiled
)

func loadOf(ins bpf.Instruction) (load, bool) {
	switch i := ins.(type) {
	case bpf.LoadAbsolute:
		if i.Off == tagOffset {
			return load{kind: vlanTag, dst: bpf.RegA}, true
		}
		return load{atOffset, bpf.RegA, i.Off, i.Size}, true
	case bpf.LoadIndirect:
		return load{atX, bpf.RegA, i.Off, i.Size}, true
	case bpf.LoadMemShift:
		return load{headerLength, bpf.RegX, i.Off, 1}, true
	case bpf.LoadExtension:
		switch i.Num {
		case bpf.ExtLen:
			return load{kind: packetLength, dst: bpf.RegA}, true
		case bpf.ExtType:
			return load{kind: packetType, dst: bpf.RegA}, true
		}
	}
	return load{}, false
}

// windowEnd is where what l (usually) loads ends. Not ok: it loads nothing of the packet.
func (l load) windowEnd() (end uint64, ok bool) {
	switch l.kind {
	case atX:
		return usualX + uint64(l.off) + uint64(l.size), true
	case atOffset, headerLength:
		return uint64(l.off) + uint64(l.size), true
	}
	return 0, false
}

// load appends the instructions for l. A load that reaches beyond the packet's end
// rejects the packet, as in the kernel's and libpcap's own classic BPF.
func (b *body) load(l load) {
	switch l.kind {
	case packetLength:
		b.emit(asm.Mov.Reg32(regA, regLen))
	case vlanTag:
		b.emit(asm.LoadMem(regA, asm.R10, slotInfo, asm.Half))
	case headerLength:
		b.fixed(regX, l.off, 1)
		b.emit(asm.And.Imm(regX, 0xf), asm.LSh.Imm(regX, 2))
	case atOffset:
		b.fixed(regA, l.off, l.size)
	case atX:
		b.variable(l)
	}
}

// fixed loads size bytes at off into dst, in host byte order.
func (b *body) fixed(dst asm.Register, off uint32, size int) {
	end := uint64(off) + uint64(size)
	if end > 1<<31-1 {
		b.emit(asm.Ja.Label(b.label("reject")))
		return
	}
	b.emit(asm.JLT.Imm(regLen, int32(end), b.label("reject")))
	if end <= uint64(b.window) {
		b.fromWindow(dst, int(off), size)
		return
	}
	b.emit(asm.Mov.Imm(asm.R4, int32(off)))
	b.packetBytes(size)
	b.emit(asm.Mov.Reg(dst, asm.R0))
	b.toHost(dst, size)
}

// variable loads l.size bytes at X + l.off into A.
func (b *body) variable(l load) {
	done := b.newLabel()
	if end, _ := l.windowEnd(); end <= uint64(b.window) {
		slow := b.newLabel()
		b.emit(
			asm.JNE.Imm(regX, usualX, slow),
			asm.JLT.Imm(regLen, int32(end), b.label("reject")),
		)
		b.fromWindow(regA, int(end)-l.size, l.size)
		b.emit(asm.Ja.Label(done))
		b.emit(asm.Mov.Reg32(asm.R4, regX).WithSymbol(slow))
	} else {
		b.emit(asm.Mov.Reg32(asm.R4, regX))
	}
	b.emit(
		asm.Add.Imm32(asm.R4, int32(l.off)),
		asm.Mov.Reg(asm.R1, asm.R4),
		asm.Add.Imm(asm.R1, int32(l.size)),
		asm.JGT.Reg(asm.R1, regLen, b.label("reject")),
	)
	b.packetBytes(l.size)
	b.emit(asm.Mov.Reg(regA, asm.R0))
	b.toHost(regA, l.size)
	b.emit(asm.Mov.Reg32(regA, regA).WithSymbol(done))
}

// fromWindow loads what is at off. From the stack in pieces as large as the alignment allows.
func (b *body) fromWindow(dst asm.Register, off, size int) {
	if b.direct {
		b.emit(asm.LoadMem(dst, regWindow, int16(off), sizes[size]))
		b.toHost(dst, size)
		return
	}
	at, piece := b.base+off, size
	for at%piece != 0 {
		piece /= 2
	}
	b.emit(asm.LoadMem(dst, asm.R10, int16(at), sizes[piece]))
	b.toHost(dst, piece)
	for off := piece; off < size; off += piece {
		b.emit(
			asm.LSh.Imm(dst, int32(8*piece)),
			asm.LoadMem(asm.R1, asm.R10, int16(at+off), sizes[piece]),
		)
		b.toHost(asm.R1, piece)
		b.emit(asm.Or.Reg(dst, asm.R1))
	}
}

func (b *body) toHost(r asm.Register, size int) {
	if size > 1 {
		b.emit(asm.HostTo(asm.BE, r, sizes[size]))
	}
}
