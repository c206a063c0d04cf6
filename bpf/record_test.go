//go:build linux && (amd64 || arm64)

package bpf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf/btf"
)

// types are those of the object, as clang has laid them out.
func types(t *testing.T) *btf.Spec {
	t.Helper()
	spec, err := LoadSkb()
	if err != nil {
		t.Fatal(err)
	}
	return spec.Types
}

// TestLayout: the Go types lie in memory as the C types do, member by member.
func TestLayout(t *testing.T) {
	spec := types(t)
	for name, v := range map[string]any{
		"event": Event{}, "link": Link{}, "free": Free{}, "drop": SkbDrop{}, "buffer_ref": SkbBufferRef{},
		"sock_info": SockInfo{}, "ct_info": CtInfo{}, "nft_info": NFTInfo{}, "nft_layout": NFTLayout{},
		"ovs_info": OVSInfo{}, "ovs_layout": OVSLayout{},
		"buffer": Buffer{}, "lost": Lost{}, "name_bits": SkbNameBits{},
	} {
		var c *btf.Struct
		if err := spec.TypeByName(name, &c); err != nil {
			t.Fatal(err)
		}
		sameLayout(t, name, c, reflect.TypeOf(v))
	}
}

func sameLayout(t *testing.T, name string, c *btf.Struct, g reflect.Type) {
	t.Helper()
	var fields []reflect.StructField // without structs.HostLayout
	for i := range g.NumField() {
		if f := g.Field(i); f.Name != "_" {
			fields = append(fields, f)
		}
	}
	if len(fields) != len(c.Members) {
		t.Fatalf("struct %s has %d members in Go, %d in C", name, len(fields), len(c.Members))
	}
	end := false // with an array of no length, behind which Go leaves room
	for i, m := range c.Members {
		f := fields[i]
		if !strings.EqualFold(f.Name, strings.ReplaceAll(m.Name, "_", "")) {
			t.Errorf("member %d of struct %s is %s in Go, %s in C", i, name, f.Name, m.Name)
		}
		if f.Offset != uintptr(m.Offset.Bytes()) {
			t.Errorf("%s.%s is at %d in Go, at %d in C", name, m.Name, f.Offset, m.Offset.Bytes())
		}
		size, err := btf.Sizeof(m.Type)
		if err != nil {
			t.Fatal(err)
		}
		if f.Type.Size() != uintptr(size) {
			t.Errorf("%s.%s has %d bytes in Go, %d in C", name, m.Name, f.Type.Size(), size)
		}
		end = size == 0
		if inner, ok := btf.UnderlyingType(m.Type).(*btf.Struct); ok {
			sameLayout(t, name+"."+m.Name, inner, f.Type)
		}
	}
	if !end && g.Size() != uintptr(c.Size) {
		t.Errorf("struct %s has %d bytes in Go, %d in C", name, g.Size(), c.Size)
	}
}

// TestNoHoles: records have no bytes without a name, so that each of them is somebody's to write.
func TestNoHoles(t *testing.T) {
	spec := types(t)
	for _, name := range []string{"event", "link", "free", "drop", "buffer_ref", "sock_info", "ct_info", "nft_info"} {
		var c *btf.Struct
		if err := spec.TypeByName(name, &c); err != nil {
			t.Fatal(err)
		}
		at := uint32(0)
		for _, m := range c.Members {
			if m.Offset.Bytes() != at {
				t.Errorf("struct %s has a hole in front of %s", name, m.Name)
			}
			size, err := btf.Sizeof(m.Type)
			if err != nil {
				t.Fatal(err)
			}
			at = m.Offset.Bytes() + uint32(size)
		}
		if at != c.Size {
			t.Errorf("struct %s has a hole at its end", name)
		}
		if c.Size%8 != 0 {
			t.Errorf("what comes behind a struct %s of %d bytes is not aligned", name, c.Size)
		}
	}
}

func enum(t *testing.T, name string) []btf.EnumValue {
	t.Helper()
	var e *btf.Enum
	if err := types(t).TypeByName(name, &e); err != nil {
		t.Fatal(err)
	}
	return e.Values
}

// TestWords: each way in which a buffer comes from another, and ends, has the word that its C name says.
func TestWords(t *testing.T) {
	for _, how := range []struct {
		enum, prefix string
		words        []string
	}{
		{"link_how", "LINK_", LinkHow[:]},
		{"free_how", "FREE_", FreeHow[:]},
	} {
		n := 0
		for _, v := range enum(t, how.enum) {
			want := strings.ToLower(strings.TrimPrefix(v.Name, how.prefix))
			if v.Value >= uint64(len(how.words)) || how.words[v.Value] != want {
				t.Errorf("%s is not the word for %s", want, v.Name)
			}
			n++
		}
		for _, w := range how.words {
			if w != "" {
				n--
			}
		}
		if n != 0 {
			t.Errorf("enum %s has %+d numbers more than words", how.enum, n)
		}
	}
}

// TestHas: no two parts of an event share a bit, and all of them fit Event.Has.
func TestHas(t *testing.T) {
	var all uint64
	for _, v := range enum(t, "event_has") {
		if v.Value == 0 || v.Value&(v.Value-1) != 0 || v.Value&all != 0 || v.Value > math.MaxUint16 {
			t.Errorf("%s is %#x", v.Name, v.Value)
		}
		all |= v.Value
	}
}

// TestSections: each section of record.h has its place among any others, behind those before it.
func TestSections(t *testing.T) {
	sizes := map[string]uint32{"sock_info": 0, "ct_info": 0, "nft_info": 0, "ovs_info": 0}
	for name := range sizes {
		var c *btf.Struct
		if err := types(t).TypeByName(name, &c); err != nil {
			t.Fatal(err)
		}
		sizes[name] = c.Size
	}
	const stack = 8 * 5
	each := map[string]uint32{"SECTION_SOCK": sizes["sock_info"], "SECTION_CT": sizes["ct_info"], "SECTION_NFT": sizes["nft_info"],
		"SECTION_CALLER": 8, "SECTION_ARGS": 8 * 6, "SECTION_STACK": 8 + stack, "SECTION_OVS": sizes["ovs_info"], "SECTION_SHOW": 40}
	values := enum(t, "section")
	if len(values) != len(each) {
		t.Fatalf("%d sections in C", len(values))
	}
	for set := range 1 << len(values) {
		var s Sections
		var want [8]uint32
		sum := uint32(0)
		for i, v := range values {
			if set>>i&1 != 0 {
				s |= Sections(v.Value)
				want[i] = sum
				sum += each[v.Name]
			}
		}
		if at, size := s.At(Sizes{Stack: stack, Show: 40}); at != want || size != sum {
			t.Errorf("sections %#x are at %v and have %d bytes, not at %v and %d", s, at, size, want, sum)
		}
	}
}

// record is memory as the ring buffer's: aligned to 8 bytes.
func record(parts ...any) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		if err := binary.Write(&b, binary.NativeEndian, p); err != nil {
			panic(err)
		}
	}
	return aligned(b.Bytes())
}

func aligned(b []byte) []byte {
	words := make([]uint64, len(b)/8+1)
	a := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(b))
	copy(a, b)
	return a
}

// TestAsEvent: the sections and the packet are found behind an event, whichever sections it has.
func TestAsEvent(t *testing.T) {
	const stackSize = 8 * 4
	packet := []byte("a packet")
	sock, ct, nft := SockInfo{Addr: 1, Cookie: 2}, CtInfo{Addr: 3, Master: 4}, NFTInfo{Handle: 5, Code: 6}
	ovs := OVSInfo{RecircId: 7, AttrLen: 9, Attr: [OVSAttr]uint8{OVSAttr - 1: 1}}
	args := [Args]uint64{10, 11, 12, 13, 14, 15}
	for s := range allSections + 1 {
		parts := []any{Event{Kind: KindEvent, At: AtMAC, Sections: uint16(s), Len: 100, Caplen: uint32(len(packet)), Retval: 7}}
		if s&SectionSock != 0 {
			parts = append(parts, sock)
		}
		if s&SectionCt != 0 {
			parts = append(parts, ct)
		}
		if s&SectionNFT != 0 {
			parts = append(parts, nft)
		}
		if s&SectionCaller != 0 {
			parts = append(parts, uint64(8))
		}
		if s&SectionArgs != 0 {
			parts = append(parts, args)
		}
		if s&SectionStack != 0 {
			parts = append(parts, int64(16), []uint64{21, 22, 0, 0})
		}
		if s&SectionOVS != 0 {
			parts = append(parts, ovs)
		}
		if s&SectionShow != 0 {
			parts = append(parts, ShowInfo{Code: 3, Has: 1}, uint64(31))
		}
		// What is reserved for a packet is more than it has.
		b := record(append(parts, packet, make([]byte, 24))...)
		e, m, data, err := AsEvent(b, Sizes{Stack: stackSize, Show: 16})
		if err != nil {
			t.Fatalf("sections %#x: %v", s, err)
		}
		if s&SectionShow != 0 && (len(m.Show) != 16 || m.Show[0] != 3 || m.Show[8] != 31) {
			t.Errorf("sections %#x: values %v", s, m.Show)
		}
		if e.Kind != KindEvent || e.At != AtMAC || e.Len != 100 || e.Retval != 7 || string(data) != string(packet) {
			t.Errorf("sections %#x: %+v, packet %q", s, e, data)
		}
		for _, section := range []struct {
			bit       Sections
			got, want any
			there     bool
		}{
			{SectionSock, m.Sock, &sock, m.Sock != nil}, {SectionCt, m.Ct, &ct, m.Ct != nil}, {SectionNFT, m.NFT, &nft, m.NFT != nil},
			{SectionCaller, m.Caller, new(uint64(8)), m.Caller != nil}, {SectionArgs, m.Args, &args, m.Args != nil},
			{SectionStack, m.Stack, []uint64{21, 22}, m.Stack != nil}, {SectionOVS, m.OVS, &ovs, m.OVS != nil},
		} {
			if section.there != (s&section.bit != 0) {
				t.Errorf("sections %#x: %#x is there: %v", s, section.bit, section.there)
			} else if section.there && !reflect.DeepEqual(section.got, section.want) {
				t.Errorf("sections %#x: %#x is %v, not %v", s, section.bit, section.got, section.want)
			}
		}
		// One byte less than what it says it has.
		if _, _, _, err := AsEvent(b[:len(b)-25], Sizes{Stack: stackSize, Show: 16}); !errors.Is(err, ErrRecord) {
			t.Errorf("sections %#x: cut off, the record is read: %v", s, err)
		}
	}
}

// TestAliases: nothing of a record is copied.
func TestAliases(t *testing.T) {
	b := record(Event{Kind: KindEvent, Caplen: 4, Sections: uint16(SectionCaller)}, uint64(1), []byte("data"))
	e, m, data, err := AsEvent(b, Sizes{})
	if err != nil {
		t.Fatal(err)
	}
	e.Cpu, *m.Caller, data[0] = 9, 8, 'D'
	if again, more, d, err := AsEvent(b, Sizes{}); err != nil || again.Cpu != 9 || *more.Caller != 8 || string(d) != "Data" {
		t.Errorf("%v %v %q %v", again, more, d, err)
	}
}

// TestStack: a stack that could not be read, or says it is longer than what there is for it, has no frames.
func TestStack(t *testing.T) {
	for _, c := range []struct {
		bytes     int64
		stackSize uint32
		frames    int
	}{
		{0, 32, 0}, {-14, 32, 0}, {math.MinInt64, 32, 0}, {8, 32, 1}, {32, 32, 4},
		{33, 32, 0}, {40, 32, 0}, {math.MaxInt64, 32, 0},
		{12, 32, 1}, {7, 32, 0}, // no whole number of frames
		{8, 0, 0}, {0, 0, 0}, {8, 12, 1}, // room for one and a half
	} {
		b := record(Event{Kind: KindEvent, Sections: uint16(SectionStack)}, c.bytes, make([]byte, c.stackSize))
		_, m, _, err := AsEvent(b, Sizes{Stack: c.stackSize})
		if err != nil || len(m.Stack) != c.frames {
			t.Errorf("%d bytes of %d: %d frames, not %d; %v", c.bytes, c.stackSize, len(m.Stack), c.frames, err)
		}
	}
}

// TestMalformed: records that the programs can't have written are errors.
func TestMalformed(t *testing.T) {
	event := func(change func(*Event)) []byte {
		e := Event{Kind: KindEvent, At: AtData, Caplen: 8}
		change(&e)
		return record(e, make([]byte, 8))
	}
	link, free := Link{Kind: KindLink, How: 1}, Free{Kind: KindFree, How: 1}
	asEvent := func(b []byte) error { _, _, _, err := AsEvent(b, Sizes{Stack: 64}); return err }
	asLink := func(b []byte) error { _, err := AsLink(b); return err }
	asFree := func(b []byte) error { _, err := AsFree(b); return err }
	for _, c := range []struct {
		name string
		as   func([]byte) error
		b    []byte
		good bool
	}{
		{"event", asEvent, event(func(*Event) {}), true},
		{"event of nothing", asEvent, nil, false},
		{"event's first byte", asEvent, event(func(*Event) {})[:1], false},
		{"event without its last byte", asEvent, event(func(*Event) {})[:unsafe.Offsetof(Event{}.Data)-1], false},
		{"event without its packet", asEvent, event(func(*Event) {})[:unsafe.Offsetof(Event{}.Data)], false},
		{"event of an empty packet", asEvent, event(func(e *Event) { e.Caplen = 0 })[:unsafe.Offsetof(Event{}.Data)], true},
		{"event of a long packet", asEvent, event(func(e *Event) { e.Caplen = 9 }), false},
		{"event of the longest packet", asEvent, event(func(e *Event) { e.Caplen = math.MaxUint32 }), false},
		{"event of no section", asEvent, event(func(e *Event) { e.Sections = 1 << 6 }), false},
		{"event of all sections", asEvent, event(func(e *Event) { e.Sections = math.MaxUint16 }), false},
		{"event with a section cut off", asEvent, event(func(e *Event) { e.Sections = uint16(SectionArgs) }), false},
		{"event at a new place", asEvent, event(func(e *Event) { e.At = AtData + 1 }), false},
		{"event of too many holes", asEvent, event(func(e *Event) { e.NrHoles = math.MaxUint32 }), true}, // more than are told apart
		{"link", asLink, record(link), true},
		{"link, longer", asLink, record(link, make([]byte, 8)), true},
		{"link of nothing", asLink, nil, false},
		{"link, shorter", asLink, record(link)[:unsafe.Sizeof(link)-1], false},
		{"link of no kind", asLink, record(Link{Kind: KindLink}), false},
		{"link of a new kind", asLink, record(Link{Kind: KindLink, How: uint8(len(LinkHow))}), false},
		{"link of the last kind", asLink, record(Link{Kind: KindLink, How: uint8(len(LinkHow) - 1)}), true},
		{"free", asFree, record(free), true},
		{"free of nothing", asFree, nil, false},
		{"free, shorter", asFree, record(free)[:unsafe.Sizeof(free)-1], false},
		{"free of no kind", asFree, record(Free{Kind: KindFree}), false},
		{"free of a new kind", asFree, record(Free{Kind: KindFree, How: math.MaxUint8}), false},
	} {
		if err := c.as(c.b); c.good && err != nil || !c.good && !errors.Is(err, ErrRecord) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestBelongs: when collecting ends, events and links up to then are written, and how buffers end is told
// until the last.
func TestBelongs(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"event before", record(Event{Kind: KindEvent, Ts: 99}), true},
		{"event then", record(Event{Kind: KindEvent, Ts: 100}), true},
		{"event after", record(Event{Kind: KindEvent, Ts: 101}), false},
		{"link before", record(Link{Kind: KindLink, Ts: 99}), true},
		{"link after", record(Link{Kind: KindLink, Ts: 101}), false},
		{"free after", record(Free{Kind: KindFree, Ts: 101}), true},
		{"cut off", record(Event{Kind: KindEvent, Ts: 101})[:15], true}, // an error, when it is read
		{"empty", nil, true},
	} {
		if got := Belongs(c.b, 100); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// FuzzRecord: whatever lies in the ring buffer, nothing beyond it is looked at.
func FuzzRecord(f *testing.F) {
	f.Add(record(Event{Kind: KindEvent, At: AtMAC, Caplen: 4}, []byte("data")), uint32(0))
	f.Add(record(Event{Kind: KindEvent, Sections: uint16(allSections)}, SockInfo{}, CtInfo{}, NFTInfo{}, uint64(1), [Args]uint64{},
		int64(8), []uint64{1, 2}), uint32(16))
	f.Add(record(Event{Kind: KindEvent, Sections: uint16(SectionStack), Caplen: 3}, int64(-14), []byte("abc")), uint32(0))
	f.Add(record(Link{Kind: KindLink, How: 3}), uint32(8))
	f.Add(record(Free{Kind: KindFree, How: 2}), uint32(8))
	f.Fuzz(func(t *testing.T, raw []byte, stackSize uint32) {
		b := aligned(raw)
		stackSize %= 1 << 12
		if e, m, data, err := AsEvent(b, Sizes{Stack: stackSize}); err == nil {
			if uint64(len(data)) != uint64(e.Caplen) || len(data) > len(b) {
				t.Errorf("%d bytes of %d in %d", len(data), e.Caplen, len(b))
			}
			if 8*len(m.Stack) > int(stackSize) {
				t.Errorf("%d frames in %d bytes", len(m.Stack), stackSize)
			}
			for _, part := range []struct {
				name  string
				begin unsafe.Pointer
				size  uintptr
			}{
				{"sock", unsafe.Pointer(m.Sock), unsafe.Sizeof(*m.Sock)},
				{"ct", unsafe.Pointer(m.Ct), unsafe.Sizeof(*m.Ct)},
				{"nft", unsafe.Pointer(m.NFT), unsafe.Sizeof(*m.NFT)},
				{"caller", unsafe.Pointer(m.Caller), unsafe.Sizeof(*m.Caller)},
				{"args", unsafe.Pointer(m.Args), unsafe.Sizeof(*m.Args)},
				{"stack", unsafe.Pointer(unsafe.SliceData(m.Stack)), uintptr(8 * len(m.Stack))},
				{"packet", unsafe.Pointer(unsafe.SliceData(data)), uintptr(len(data))},
			} {
				if part.begin == nil || part.size == 0 {
					continue
				}
				at := uintptr(part.begin) - uintptr(unsafe.Pointer(&b[0]))
				if at+part.size > uintptr(len(b)) || at < unsafe.Offsetof(e.Data) {
					t.Errorf("%s is %d bytes at %d, the record %d", part.name, part.size, at, len(b))
				}
			}
		}
		if l, err := AsLink(b); err == nil && LinkHow[l.How] == "" {
			t.Error("a link without a word")
		}
		if r, err := AsFree(b); err == nil && FreeHow[r.How] == "" {
			t.Error("a free without a word")
		}
		if len(b) > 0 && b[0] == KindFree && !Belongs(b, 0) {
			t.Error("a free that does not belong")
		}
	})
}
