package bpf

import (
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
)

// Sizes of the raw copies within an Event, in bytes.
const (
	TailSize   = len(Event{}.Tail)
	FrontSize  = len(Event{}.Front)
	ShinfoSize = len(Event{}.Shinfo)
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
	LossKinds
)

// ErrRecord is a record that this package's C code can't have written.
var ErrRecord = errors.New("malformed record in the ring buffer")

// AsEvent views a record as an event, and its packet bytes. Both alias b, which must be
// aligned to 8 bytes as the ring buffer's records are.
func AsEvent(b []byte) (*Event, []byte, error) {
	// Not Sizeof: Go pads a struct that ends with an empty array.
	const size = unsafe.Offsetof(Event{}.Data)
	if len(b) < int(size) {
		return nil, nil, ErrRecord
	}
	e := (*Event)(unsafe.Pointer(&b[0]))
	data := b[size:]
	if int(e.Caplen) > len(data) {
		return nil, nil, ErrRecord
	}
	return e, data[:e.Caplen], nil
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
