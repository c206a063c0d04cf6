//go:build linux && (amd64 || arm64)

package kernel

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// A Field reads one member of a kernel struct out of a raw copy of a part of it. The zero
// Field, and one whose bytes lie outside the copy, reads nothing.
type Field struct {
	off   uint32 // bytes from the start of the copy
	size  uint8  // bytes to load: 1, 2, 4, 8; 0: absent
	shift uint8
	mask  uint64
	big   bool // a __be16: converted to host order
}

// Read returns the value, false when the kernel has no such member.
func (f Field) Read(raw []byte) (uint64, bool) {
	if f.size == 0 {
		return 0, false
	}
	b := raw[f.off:]
	var v uint64
	switch f.size {
	case 1:
		v = uint64(b[0])
	case 2:
		if f.big {
			v = uint64(binary.BigEndian.Uint16(b))
		} else {
			v = uint64(binary.NativeEndian.Uint16(b))
		}
	case 4:
		v = uint64(binary.NativeEndian.Uint32(b))
	case 8:
		v = binary.NativeEndian.Uint64(b)
	}
	return v >> f.shift & f.mask, true
}

// SkbLayout is where this kernel keeps the members of struct sk_buff that are shown, in
// the raw copies that the BPF programs send: Tail from the 8-byte word of `len` on, Front
// from `dev` on, Shared from the start of skb_shared_info on.
type SkbLayout struct {
	Len, DataLen, MacLen, Queue, PktType, IPSummed, Cloned, Priority, Hash Field
	VlanProto, VlanTCI, VlanPresent, NapiID, Mark, Protocol, Users         Field
	TransportHeader, NetworkHeader, MacHeader, Iif                         Field
	Dev, Sk, Tstamp                                                        Field
	NrFrags, Dataref, GSOSize, GSOSegs, GSOType                            Field
	Csum, CsumStart, CsumOffset                                            Field
}

// SkbLayout finds the members by BTF. tail, front and shared are the sizes of the copies
// in bytes.
func (k *Kernel) SkbLayout(tail, front, shared uint32) (*SkbLayout, error) {
	skb, err := k.structure("sk_buff")
	if err != nil {
		return nil, err
	}
	info, err := k.structure("skb_shared_info")
	if err != nil {
		return nil, err
	}
	base := func(name string) (uint32, error) {
		m, ok := findMember(skb.Members, name, 0)
		if !ok {
			return 0, fmt.Errorf("this kernel's struct sk_buff has no member %s: it is not one that skb-collect knows", name)
		}
		return m.bitOffset / 8, nil
	}
	lenAt, err := base("len")
	if err != nil {
		return nil, err
	}
	devAt, err := base("dev")
	if err != nil {
		return nil, err
	}
	inTail := func(name string) Field { return field(skb, name, lenAt&^7, tail) }
	inFront := func(name string) Field { return field(skb, name, devAt, front) }
	inShared := func(name string) Field { return field(info, name, 0, shared) }
	l := &SkbLayout{
		Len: inTail("len"), DataLen: inTail("data_len"), MacLen: inTail("mac_len"),
		Queue: inTail("queue_mapping"), PktType: inTail("pkt_type"), IPSummed: inTail("ip_summed"),
		Cloned: inTail("cloned"), Priority: inTail("priority"), Hash: inTail("hash"),
		VlanProto: inTail("vlan_proto"), VlanTCI: inTail("vlan_tci"), VlanPresent: inTail("vlan_present"),
		NapiID: inTail("napi_id"), Mark: inTail("mark"), Protocol: inTail("protocol"),
		Users: inTail("users"), Iif: inTail("skb_iif"),
		Csum: inTail("csum"), CsumStart: inTail("csum_start"), CsumOffset: inTail("csum_offset"),
		TransportHeader: inTail("transport_header"), NetworkHeader: inTail("network_header"),
		MacHeader: inTail("mac_header"),
		Dev:       inFront("dev"), Sk: inFront("sk"), Tstamp: inFront("tstamp"),
		NrFrags: inShared("nr_frags"), Dataref: inShared("dataref"),
		GSOSize: inShared("gso_size"), GSOSegs: inShared("gso_segs"), GSOType: inShared("gso_type"),
	}
	l.VlanProto.big, l.Protocol.big = true, true
	return l, nil
}

// specs are all types of vmlinux, then those of each module. What can't be read is left out.
func (k *Kernel) specs() (specs []*btf.Spec) {
	for _, name := range append([]string{""}, slices.Sorted(slices.Values(k.types.selected))...) {
		if spec, err := k.module(name); err == nil {
			specs = append(specs, spec)
		}
	}
	return specs
}

// anyStructure is a struct of vmlinux or of a module.
func (k *Kernel) anyStructure(name string) (*btf.Struct, error) {
	for _, spec := range k.specs() {
		var s *btf.Struct
		if spec.TypeByName(name, &s) == nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("this kernel's BTF has no struct %s", name)
}

func (k *Kernel) structure(name string) (*btf.Struct, error) {
	few, err := k.foreseen()
	if err != nil {
		return nil, err
	}
	var s *btf.Struct
	if few.TypeByName(name, &s) == nil {
		return s, nil
	}
	all, err := k.Types()
	if err != nil {
		return nil, err
	}
	if all.TypeByName(name, &s) != nil {
		return nil, fmt.Errorf("this kernel's BTF has no struct %s", name)
	}
	return s, nil
}

func field(s *btf.Struct, name string, base, size uint32) Field {
	m, ok := findMember(s.Members, name, 0)
	if !ok || m.bitOffset/8 < base {
		return Field{}
	}
	return m.field(base, size)
}

// fieldAt is the field at the end of a path of names through structs, in a copy of s from
// its start on.
func fieldAt(s *btf.Struct, path string, size uint32) Field {
	m, ok := memberPath(s, path)
	if !ok {
		return Field{}
	}
	return m.field(0, size)
}

// memberPath follows the names, separated by dots, through structs and unions.
func memberPath(s *btf.Struct, path string) (at memberAt, ok bool) {
	members := s.Members
	for name := range strings.SplitSeq(path, ".") {
		m, ok := findMember(members, name, at.bitOffset)
		if !ok {
			return memberAt{}, false
		}
		at, members = m, nil
		switch t := m.typ.(type) {
		case *btf.Struct:
			members = t.Members
		case *btf.Union:
			members = t.Members
		}
	}
	return at, true
}

// A memberFinder finds members of structs that a BPF program can't do without.
type memberFinder struct {
	types   *btf.Spec
	whose   string // work they are about, for the error
	missing error  // one line for the user: of the last that this kernel does not have
}

func (f *memberFinder) at(structure, path string) memberAt {
	var s *btf.Struct
	if f.types.TypeByName(structure, &s) == nil {
		if m, ok := memberPath(s, path); ok {
			return m
		}
	}
	f.missing = fmt.Errorf("this kernel's struct %s has no %s: what %s does can't be read", structure, path, f.whose)
	return memberAt{}
}

// offset is in bytes.
func (f *memberFinder) offset(structure, path string) uint16 {
	return uint16(f.at(structure, path).bitOffset / 8)
}

func (m memberAt) field(base, size uint32) Field {
	bits := m.bits
	f := Field{off: m.bitOffset/8 - base}
	if bits != 0 {
		// Bitfields count from the low bit on little-endian machines, and every
		// machine that we build for is one. One load of the right width holds it.
		f.shift = uint8(m.bitOffset % 8)
		f.size = 1
		if uint32(f.shift)+bits > 8 {
			f.size = 2
		}
	} else {
		n, err := btf.Sizeof(m.typ)
		if err != nil || n != 1 && n != 2 && n != 4 && n != 8 {
			return Field{}
		}
		f.size = uint8(n)
		bits = uint32(n) * 8
	}
	f.mask = ^uint64(0) >> (64 - bits)
	if f.off+uint32(f.size) > size {
		return Field{}
	}
	return f
}
