//go:build linux && (amd64 || arm64)

package kernel

import (
	"testing"

	"github.com/cilium/ebpf/btf"
)

// Fragments that are laid out in another way are known for that.
func TestCheckFrags(t *testing.T) {
	page := &btf.Pointer{Target: &btf.Struct{Name: "page"}}
	netmem := &btf.Typedef{Name: "netmem_ref", Type: &btf.Int{Name: "unsigned long", Size: 8}}
	u32, u16 := &btf.Int{Name: "unsigned int", Size: 4}, &btf.Int{Name: "unsigned short", Size: 2}
	frag := func(size uint32, m ...btf.Member) btf.Type {
		return &btf.Array{Nelems: 17, Type: &btf.Typedef{Name: "skb_frag_t", Type: &btf.Struct{Size: size, Members: m}}}
	}
	for name, tt := range map[string]struct {
		frags btf.Type
		right bool
	}{
		"until 6.7": {frag(16, btf.Member{Name: "bv_page", Type: page}, btf.Member{Name: "bv_len", Type: u32, Offset: 64},
			btf.Member{Name: "bv_offset", Type: u32, Offset: 96}), true},
		"since": {frag(16, btf.Member{Name: "netmem", Type: netmem}, btf.Member{Name: "len", Type: u32, Offset: 64},
			btf.Member{Name: "offset", Type: u32, Offset: 96}), true},
		"offset first": {frag(16, btf.Member{Name: "netmem", Type: netmem}, btf.Member{Name: "offset", Type: u32, Offset: 64},
			btf.Member{Name: "len", Type: u32, Offset: 96}), false},
		"short": {frag(16, btf.Member{Name: "page", Type: page}, btf.Member{Name: "offset", Type: u16, Offset: 64},
			btf.Member{Name: "size", Type: u16, Offset: 80}), false},
		"longer": {frag(24, btf.Member{Name: "netmem", Type: netmem}, btf.Member{Name: "len", Type: u32, Offset: 64},
			btf.Member{Name: "offset", Type: u32, Offset: 96}), false},
		"no array": {page, false},
	} {
		if err := checkFrags(tt.frags); (err == nil) != tt.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}
