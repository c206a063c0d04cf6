//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// fragsAt is the offset in bytes of frags in struct skb_shared_info. An error: the fragments are
// not laid out as struct frag of bpf/kernel.h is, so nothing of them can be read.
func (k *Kernel) fragsAt() (uint32, error) {
	info, err := k.structure("skb_shared_info")
	if err != nil {
		return 0, err
	}
	m, ok := findMember(info.Members, "frags", 0)
	if !ok {
		return 0, errors.New("struct skb_shared_info has no frags")
	}
	if err := checkFrags(m.typ); err != nil {
		return 0, err
	}
	return m.bitOffset / 8, nil
}

// checkFrags compares an array of skb_frag_t with struct frag of bpf/kernel.h: 8 bytes that name
// the page, 4 bytes of length, 4 bytes of offset. include/linux/skbuff.h; bvec.h until 6.7.
func checkFrags(t btf.Type) error {
	array, ok := t.(*btf.Array)
	if !ok {
		return errors.New("skb_shared_info.frags is no array")
	}
	s, ok := btf.UnderlyingType(array.Type).(*btf.Struct)
	if !ok || s.Size != 16 {
		return errors.New("skb_frag_t is no struct of 16 bytes")
	}
	for _, want := range [...]struct {
		names []string
		at    uint32 // bits
		size  int    // bytes
	}{
		{[]string{"bv_page", "page", "netmem"}, 0, 8},
		{[]string{"bv_len", "len", "size"}, 64, 4},
		{[]string{"bv_offset", "offset", "page_offset"}, 96, 4},
	} {
		right := false
		for _, name := range want.names {
			if m, ok := findMember(s.Members, name, 0); ok {
				n, err := btf.Sizeof(m.typ)
				right = right || err == nil && m.bitOffset == want.at && m.bits == 0 && n == want.size
			}
		}
		if !right {
			return fmt.Errorf("skb_frag_t has no %s of %d bytes at %d", want.names[len(want.names)-2], want.size, want.at/8)
		}
	}
	return nil
}
