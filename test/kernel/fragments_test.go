//go:build kernel

package kerneltest

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// A forge makes sk_buffs in a page of kernel memory that user space can write: the one at the
// front of a ring buffer.
type forge struct {
	t    *testing.T
	k    *kernel.Kernel
	page []byte
	at   uint64 // the page's address in the kernel
}

// offset is where a member lies in a struct, in bytes.
func (f *forge) offset(structure, member string) int {
	f.t.Helper()
	var s *btf.Struct
	types, err := f.k.Types()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := types.TypeByName(structure, &s); err != nil {
		f.t.Fatal(err)
	}
	var find func(members []btf.Member, base int) int
	find = func(members []btf.Member, base int) int {
		for _, m := range members {
			at := base + int(m.Offset.Bytes())
			if m.Name == member {
				return at
			}
			inner := btf.UnderlyingType(m.Type)
			if c, ok := inner.(*btf.Struct); ok && m.Name == "" {
				if at := find(c.Members, at); at >= 0 {
					return at
				}
			}
			if c, ok := inner.(*btf.Union); ok && m.Name == "" {
				if at := find(c.Members, at); at >= 0 {
					return at
				}
			}
		}
		return -1
	}
	at := find(s.Members, 0)
	if at < 0 {
		f.t.Fatalf("struct %s has no %s", structure, member)
	}
	return at
}

func (f *forge) put64(at int, v uint64) { binary.NativeEndian.PutUint64(f.page[at:], v) }
func (f *forge) put32(at int, v int)    { binary.NativeEndian.PutUint32(f.page[at:], uint32(v)) }

// A forged fragment.
type forged struct {
	page        uint64
	len, offset int
}

const forgedEnd = 128 // bytes of an sk_buff's data buffer, in front of its skb_shared_info

// make writes an sk_buff at skb and its data buffer at head, both places in the page.
func (f *forge) make(skb, head int, linear string, frags []forged, list, next uint64) uint64 {
	paged := 0
	shinfo := head + forgedEnd
	for i, frag := range frags {
		at := shinfo + f.offset("skb_shared_info", "frags") + 16*i
		f.put64(at, frag.page)
		f.put32(at+8, frag.len)
		f.put32(at+12, frag.offset)
		paged += frag.len
	}
	f.page[shinfo+f.offset("skb_shared_info", "nr_frags")] = byte(len(frags))
	f.put64(shinfo+f.offset("skb_shared_info", "frag_list"), list)
	copy(f.page[head:], linear)
	field := func(name string) int { return skb + f.offset("sk_buff", name) }
	f.put64(field("head"), f.at+uint64(head))
	f.put64(field("data"), f.at+uint64(head))
	f.put32(field("tail"), len(linear))
	f.put32(field("end"), forgedEnd)
	f.put32(field("len"), len(linear)+paged)
	f.put32(field("data_len"), paged)
	binary.NativeEndian.PutUint16(f.page[field("mac_header"):], 0xffff)
	f.put64(field("next"), next)
	return f.at + uint64(skb)
}

// TestUnreadableFragments: of a packet whose fragments are partly in memory that the CPU can't
// read (struct net_iov), or nowhere, those are marked missing and zeros, and the rest is there.
// Such a packet takes hardware that guests do not have: it is forged.
func TestUnreadableFragments(t *testing.T) {
	k, err := kernel.Open(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	none, err := filter.New(filter.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := k.NewLoader(kernel.Settings{Snaplen: 4096, RingSize: 1 << 20, Prepare: none.Apply})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.NoFragments != nil {
		t.Errorf("fragments can't be read: %v", l.NoFragments)
	}
	peek, err := l.Load("peek", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(what, addr uint64) (v uint64) {
		for half := range uint64(2) {
			n, err := peek.Run(&ebpf.RunOptions{Context: []uint64{what, addr, half}})
			if err != nil {
				t.Fatal(err)
			}
			v |= uint64(n) << (32 * half)
		}
		return v
	}
	f := &forge{t: t, k: k}
	events := l.Map("events")
	f.page, err = unix.Mmap(events.FD(), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(f.page)
	f.at = ask(0, ask(1, 0)+uint64(f.offset("bpf_ringbuf_map", "rb"))) + uint64(f.offset("bpf_ringbuf", "consumer_pos"))
	reader, err := ringbuf.NewReader(events)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()

	const array = 0xfffff00000000000 // where the forged array of struct page begins
	const netIov = array | 1
	copy(f.page[2048:], "0123456789")
	copy(f.page[2100:], "abcdefghijklmnopqrstuvwxyzABCD")
	second := f.make(1024, 1280, "SEVENTH", []forged{{netIov, 9, 0}}, 0, 0)
	skb := f.make(256, 512, "linear part,", []forged{{array, 10, 2048}, {netIov, 20, 0}, {array, 30, 2100}, {array + 64<<30, 5, 0}}, second, 0)
	f.put32(256+f.offset("sk_buff", "len"), 12+65+16) // with what is in frag_list
	f.put32(256+f.offset("sk_buff", "data_len"), 65+16)

	// at runs the program for tracepoints on the sk_buff, as if it were passed there.
	at := func(t *testing.T, vars map[string]any) (data []byte, holes [][2]uint32) {
		vars["skb_arg"], vars["probe_number"] = uint8(0), uint64(1)
		p, err := l.Load("tracepoint", vars, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run(&ebpf.RunOptions{Context: []uint64{skb, 0, 0}}); err != nil {
			t.Fatal(err)
		}
		record, err := reader.Read()
		if err != nil {
			t.Fatal(err)
		}
		e, _, data, err := bpf.AsEvent(record.RawSample, bpf.Sizes{})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range e.Holes[:e.NrHoles] {
			holes = append(holes, [2]uint32{h.Off, h.Len})
		}
		return data, holes
	}
	zeros := func(n int) string { return string(make([]byte, n)) }
	known := func() map[string]any {
		return map[string]any{"vmemmap": uint64(array), "page_offset": f.at, "page_shift": uint8(12)}
	}
	check := func(t *testing.T, vars map[string]any, want string, missing ...[2]uint32) {
		t.Helper()
		data, holes := at(t, vars)
		if !bytes.Equal(data, []byte(want)) {
			t.Errorf("got  %q\nwant %q", data, want)
		}
		if len(holes) != len(missing) {
			t.Fatalf("missing %v, want %v", holes, missing)
		}
		for i := range missing {
			if holes[i] != missing[i] {
				t.Errorf("missing %v, want %v", holes, missing)
			}
		}
	}
	t.Run("some", func(t *testing.T) {
		check(t, known(), "linear part,"+"0123456789"+zeros(20)+"abcdefghijklmnopqrstuvwxyzABCD"+zeros(5)+"SEVENTH"+zeros(9),
			[2]uint32{22, 20}, [2]uint32{72, 5}, [2]uint32{84, 9})
	})
	t.Run("in another layout", func(t *testing.T) {
		vars := known()
		vars["frags_at"] = uint32(0)
		check(t, vars, "linear part,"+zeros(65+16), [2]uint32{12, 65 + 16})
	})
	t.Run("all", func(t *testing.T) {
		check(t, map[string]any{"vmemmap": uint64(0)}, "linear part,"+zeros(65)+"SEVENTH"+zeros(9),
			[2]uint32{12, 65}, [2]uint32{84, 9})
	})
	// A list that leads back to itself: what can be read of it, and an end.
	t.Run("endless", func(t *testing.T) {
		f.make(1024, 1280, "SEVENTH", nil, 0, second)
		f.put32(256+f.offset("sk_buff", "len"), 12+65+4000)
		f.put32(256+f.offset("sk_buff", "data_len"), 65+4000)
		data, _ := at(t, known())
		if !bytes.HasPrefix(data[12+65:], []byte("SEVENTHSEVENTHSEVENTH")) || len(data) >= 4000 {
			t.Errorf("%d bytes: %q", len(data), data)
		}
	})
}
