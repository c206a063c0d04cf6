package bpf

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// The records of record.h, as they lie in the ring buffer: host byte order.
type (
	Event  = SkbEvent
	Link   = SkbLink
	Free   = SkbFree
	Buffer = SkbBuffer
	Lost   = SkbLost

	SockInfo = SkbSockInfo
	CtInfo   = SkbCtInfo
	NFTInfo  = SkbNftInfo

	NFTLayout = SkbNftLayout
)

// Kinds of records: the first byte of each.
const (
	KindEvent = 1
	KindLink  = 2
	KindFree  = 3
)

// Where an event's packet bytes begin.
const (
	AtMAC     = 1
	AtNetwork = 2
	AtData    = 3
)

// Bits of Event.Has and Free.Has: which parts were read.
const (
	HasID = 1 << iota
	HasShinfo
	HasDev
	HasNetns
	HasCookie
	HasDrop
	HasFront
	HasReason
	HasRxSk
	HasRet
	HasLast
	HasGone
	HasLen
)

// Sections: what a program can add to its events, enum section of record.h.
type Sections uint16

// The sections.
const (
	SectionSock Sections = 1 << iota
	SectionCt
	SectionNFT
	SectionCaller
	SectionArgs
	SectionStack
)

// Args is how many arguments of a function SectionArgs holds: those in registers.
const Args = 6

// At returns where in an event's data each section begins, in the order of the bits above,
// and how many bytes they have together. stackSize is what a stack may have, in bytes.
func (s Sections) At(stackSize uint32) (at [6]uint32, size uint32) {
	sizes := [...]uint32{uint32(unsafe.Sizeof(SockInfo{})), uint32(unsafe.Sizeof(CtInfo{})),
		uint32(unsafe.Sizeof(NFTInfo{})), 8, 8 * Args, 8 + stackSize}
	for i, n := range sizes {
		if s>>i&1 != 0 {
			at[i] = size
			size += n
		}
	}
	return at, size
}

// More is what lies in front of an event's packet bytes; nil where a section was not asked
// for. It aliases the record.
type More struct {
	Sock   *SockInfo
	Ct     *CtInfo
	NFT    *NFTInfo
	Caller *uint64
	Args   *[Args]uint64
	Stack  []uint64 // return addresses, the innermost first; empty: it could not be read
}

// more finds the sections s in b, which has the size that s.At says.
func (s Sections) more(b []byte, at *[6]uint32) (m More) {
	if s == 0 {
		return m
	}
	if s&SectionSock != 0 {
		m.Sock = (*SockInfo)(unsafe.Pointer(&b[at[0]]))
	}
	if s&SectionCt != 0 {
		m.Ct = (*CtInfo)(unsafe.Pointer(&b[at[1]]))
	}
	if s&SectionNFT != 0 {
		m.NFT = (*NFTInfo)(unsafe.Pointer(&b[at[2]]))
	}
	if s&SectionCaller != 0 {
		m.Caller = (*uint64)(unsafe.Pointer(&b[at[3]]))
	}
	if s&SectionArgs != 0 {
		m.Args = (*[Args]uint64)(unsafe.Pointer(&b[at[4]]))
	}
	if s&SectionStack != 0 {
		b = b[at[5]:]
		n := *(*int64)(unsafe.Pointer(&b[0]))
		if n > 0 && n <= int64(len(b)-8) {
			m.Stack = unsafe.Slice((*uint64)(unsafe.Pointer(&b[8])), n/8)
		}
	}
	return m
}

// Sizes of the raw copies within an Event, in bytes.
const (
	TailSize   = len(Event{}.Tail)
	FrontSize  = len(Event{}.Front)
	ShinfoSize = len(Event{}.Shinfo)

	CtConnSize   = uint32(len(CtInfo{}.Conn))
	CtTuplesSize = uint32(len(CtInfo{}.Tuples))
	NFTName      = len(NFTInfo{}.Table)
)

// LinkHow names Link.How, as `link` records spell it.
var LinkHow = [...]string{1: "clone", "copy", "pskb_copy", "expand", "segment", "gro",
	"fragment", "reassemble", "coalesce", "morph"}

// FreeHow names Free.How, as `free` records spell it.
var FreeHow = [...]string{1: "consumed", "dropped", "merged"}

// NoReason is the reason of a drop on kernels that have none.
const NoReason = ^uint32(0)

// What can be lost: indexes of the map `losses`.
const (
	LossEvent = iota
	LossLink
	LossFree
	LossIdentity
	LossUnreadable
	LossReturn
	LossPending
	LossSegments
	LossKinds
)

// ErrRecord is a record that this package's C code can't have written.
var ErrRecord = errors.New("malformed record in the ring buffer")

// AsEvent views a record as an event, its sections, and its packet bytes. All alias b,
// which must be aligned to 8 bytes as the ring buffer's records are. stackSize is the one
// that the programs were loaded with.
func AsEvent(b []byte, stackSize uint32) (e *Event, m More, data []byte, err error) {
	// Not Sizeof: Go pads a struct that ends with an empty array.
	const head = unsafe.Offsetof(Event{}.Data)
	if len(b) < int(head) {
		return nil, m, nil, ErrRecord
	}
	e = (*Event)(unsafe.Pointer(&b[0]))
	s := Sections(e.Sections)
	at, size := s.At(stackSize)
	data = b[head:]
	if uint64(size)+uint64(e.Caplen) > uint64(len(data)) {
		return nil, m, nil, ErrRecord
	}
	return e, s.more(data[:size], &at), data[size:][:e.Caplen], nil
}

// AsLink views a record as a link.
func AsLink(b []byte) (*Link, error) {
	if len(b) < int(unsafe.Sizeof(Link{})) || int(b[1]) >= len(LinkHow) {
		return nil, ErrRecord
	}
	return (*Link)(unsafe.Pointer(&b[0])), nil
}

// AsFree views a record as a free.
func AsFree(b []byte) (*Free, error) {
	if len(b) < int(unsafe.Sizeof(Free{})) || int(b[1]) >= len(FreeHow) {
		return nil, ErrRecord
	}
	return (*Free)(unsafe.Pointer(&b[0])), nil
}

// Belongs tells whether a record is of what happened until a time, in ns: events and links
// until then, and how buffers ended later.
func Belongs(b []byte, until uint64) bool {
	const ts = unsafe.Offsetof(Event{}.Ts) // the same in all of them
	return len(b) < int(ts)+8 || b[0] == KindFree || binary.NativeEndian.Uint64(b[ts:]) <= until
}
