//go:build linux && (amd64 || arm64)

package kernel

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/skb-tools/skb-tools/bpf"
)

// symbolNames is the map of bpf/symbols.h.
const symbolNames = "names"

// nameBits are the hashes of names, as bpf/symbols.h makes them.
func nameBits(names map[string][]uint64) (set bpf.SkbNameBits) {
	shift := 64 - bits.TrailingZeros(uint(64*len(set.Words))) // 64 - NAME_BITS
	for name := range names {
		var begin [8]byte
		copy(begin[:], name)
		hash := binary.LittleEndian.Uint64(begin[:]) * 0x9e3779b97f4a7c15 >> shift
		set.Words[hash/64] |= 1 << (hash % 64)
	}
	return set
}

// pick has a BPF program look for symbols, on kernels that have the iterator for it (6.0). f is
// also called for others whose names only begin alike.
func (k *Kernel) pick(names map[string][]uint64, f func(addr uint64, kind byte, name, module []byte)) error {
	if k.function("bpf_iter_ksym").args < 0 {
		return errors.New("this kernel has no iterator for symbols")
	}
	spec, err := k.newObject()
	if err != nil {
		return err
	}
	m, err := ebpf.NewMap(spec.Maps[symbolNames])
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.Put(uint32(0), nameBits(names)); err != nil {
		return err
	}
	l := &Loader{k: k, spec: spec, maps: map[string]*ebpf.Map{symbolNames: m}, constants: map[string]*constants{},
		loop: true, direct: true, fetch: true}
	if l.common, err = k.share(); err != nil {
		return err
	}
	defer l.closeConstants()
	p, err := l.loadOwn(spec.Programs["on_symbol"].Copy(), nil)
	if err != nil {
		return err
	}
	defer p.Close()
	iter, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		return err
	}
	defer iter.Close()
	r, err := iter.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return eachSymbol(r, f)
}
