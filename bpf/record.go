//go:build linux && (amd64 || arm64)

package bpf

import (
	"encoding/binary"
	"errors"
	"unsafe"
)

// The records of record.h, as they lie in the ring buffer: host byte order. Types and numbers are made
// from the C (gen.go); what stands here are their names in Go, and the words of the stream.
type (
	Event  = SkbEvent
	Link   = SkbLink
	Free   = SkbFree
	Buffer = SkbBuffer
	Lost   = SkbLost

	Bucket    = SkbBucket
	DropKey   = SkbDropKey
	DropCount = SkbDropCount

	SockInfo = SkbSockInfo
	CtInfo   = SkbCtInfo
	NFTInfo  = SkbNftInfo
	OVSInfo  = SkbOvsInfo
	ShowInfo = SkbShowInfo
	XDPInfo  = SkbXdpInfo

	Countdown = SkbCountdown
	TaskNetns = SkbTaskNetns

	NFTLayout = SkbNftLayout
	OVSLayout = SkbOvsLayout
)

// Countdown.Gate.
const (
	GateEarly = uint32(SkbGateGATE_EARLY)
	GateOpen  = uint32(SkbGateGATE_OPEN)
)

// Kinds of records: the first byte of each.
const (
	KindEvent = uint8(SkbRecordKindRECORD_EVENT)
	KindLink  = uint8(SkbRecordKindRECORD_LINK)
	KindFree  = uint8(SkbRecordKindRECORD_FREE)
)

// Event.At: where an event's packet bytes begin.
const (
	AtNone    = uint8(SkbPacketAtAT_NONE)
	AtMAC     = uint8(SkbPacketAtAT_MAC)
	AtNetwork = uint8(SkbPacketAtAT_NETWORK)
	AtData    = uint8(SkbPacketAtAT_DATA)
)

// Bits of Event.Has and Free.Has: which parts were read.
const (
	HasID     = uint16(SkbEventHasHAS_ID)
	HasShinfo = uint16(SkbEventHasHAS_SHINFO)
	HasDev    = uint16(SkbEventHasHAS_DEV)
	HasNetns  = uint16(SkbEventHasHAS_NETNS)
	HasCookie = uint16(SkbEventHasHAS_COOKIE)
	HasDrop   = uint16(SkbEventHasHAS_DROP)
	HasFront  = uint16(SkbEventHasHAS_FRONT)
	HasReason = uint16(SkbEventHasHAS_REASON)
	HasRxSk   = uint16(SkbEventHasHAS_RX_SK)
	HasRet    = uint16(SkbEventHasHAS_RET)
	HasLast   = uint16(SkbEventHasHAS_LAST)
	HasGone   = uint16(SkbEventHasHAS_GONE)
	HasLen    = uint16(SkbEventHasHAS_LEN)
	HasHeld   = uint16(SkbEventHasHAS_HELD)

	HasFrame   = uint16(SkbEventHasHAS_FRAME)
	HasVerdict = uint16(SkbEventHasHAS_VERDICT)
)

// Sizes of the raw copies within an Event, in bytes.
const (
	TailSize   = len(Event{}.Tail)
	FrontSize  = len(Event{}.Front)
	ShinfoSize = len(Event{}.Shinfo)

	CtConnSize   = uint32(len(CtInfo{}.Conn))
	CtTuplesSize = uint32(len(CtInfo{}.Tuples))
	NFTName      = len(NFTInfo{}.Table)
	OVSAttr      = len(OVSInfo{}.Attr)
)

// OVSInfo.Kind.
const (
	OVSAction  = uint8(SkbOvsKindOVS_ACTION)
	OVSActions = uint8(SkbOvsKindOVS_ACTIONS)
	OVSUpcall  = uint8(SkbOvsKindOVS_UPCALL)
	OVSLookup  = uint8(SkbOvsKindOVS_LOOKUP)
)

// LinkHow names Link.How, as `link` records spell it.
var LinkHow = [...]string{
	SkbLinkHowLINK_CLONE:      "clone",
	SkbLinkHowLINK_COPY:       "copy",
	SkbLinkHowLINK_PSKB_COPY:  "pskb_copy",
	SkbLinkHowLINK_EXPAND:     "expand",
	SkbLinkHowLINK_SEGMENT:    "segment",
	SkbLinkHowLINK_GRO:        "gro",
	SkbLinkHowLINK_FRAGMENT:   "fragment",
	SkbLinkHowLINK_REASSEMBLE: "reassemble",
	SkbLinkHowLINK_COALESCE:   "coalesce",
	SkbLinkHowLINK_MORPH:      "morph",
	SkbLinkHowLINK_UPCALL:     "upcall",
	SkbLinkHowLINK_XDP:        "xdp",
}

// LinkBy names Link.By, as `link` records spell it.
var LinkBy = [...]string{
	0:                   "",
	SkbLinkByBY_HASH:    "hash",
	SkbLinkByBY_CONTENT: "content",
	SkbLinkByBY_NOTHING: "ambiguous",
}

// FreeHow names Free.How, as `free` records spell it.
var FreeHow = [...]string{
	SkbFreeHowFREE_CONSUMED: "consumed",
	SkbFreeHowFREE_DROPPED:  "dropped",
	SkbFreeHowFREE_MERGED:   "merged",
}

// NoReason is the reason of a drop on kernels that have none.
const NoReason = uint32(SkbRecordNumberNO_REASON)

// What can be lost: indexes of the map `losses`.
const (
	LossEvent      = int(SkbLossLOSS_EVENT)
	LossLink       = int(SkbLossLOSS_LINK)
	LossFree       = int(SkbLossLOSS_FREE)
	LossIdentity   = int(SkbLossLOSS_IDENTITY)
	LossUnreadable = int(SkbLossLOSS_UNREADABLE)
	LossReturn     = int(SkbLossLOSS_RETURN)
	LossPending    = int(SkbLossLOSS_PENDING)
	LossSegments   = int(SkbLossLOSS_SEGMENTS)
	LossKinds      = int(SkbLossLOSS_KINDS)
)

// String is a string of a record's, up to its zero byte if it has one.
func String(raw []int8) string {
	var b []byte
	for _, c := range raw {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// ErrRecord is a record that this package's C code can't have written.
var ErrRecord = errors.New("malformed record in the ring buffer")

// AsEvent views a record as an event, its sections, and its packet bytes. All alias b,
// which must be aligned to 8 bytes as the ring buffer's records are. sizes are those
// that the programs were loaded with.
func AsEvent(b []byte, sizes Sizes) (e *Event, m More, data []byte, err error) {
	// Not Sizeof: Go pads a struct that ends with an empty array.
	const head = unsafe.Offsetof(Event{}.Data)
	if len(b) < int(head) {
		return nil, m, nil, ErrRecord
	}
	e = (*Event)(unsafe.Pointer(&b[0]))
	s := Sections(e.Sections)
	at, size := s.At(sizes)
	data = b[head:]
	if uint64(size)+uint64(e.Caplen) > uint64(len(data)) || s&^allSections != 0 || e.At > AtData {
		return nil, m, nil, ErrRecord
	}
	return e, s.more(data[:size], &at), data[size:][:e.Caplen], nil
}

// XDP is what an event with HasFrame and HasGone has: it is at a tracepoint of group xdp.
func (e *Event) XDP() *XDPInfo { return (*XDPInfo)(unsafe.Pointer(&e.Tail)) }

// XDPInfo.Mode.
const (
	XDPInGeneric = uint32(SkbXdpModeXDP_IN_GENERIC)
	XDPInVeth    = uint32(SkbXdpModeXDP_IN_VETH)
)

// AsLink views a record as a link.
func AsLink(b []byte) (*Link, error) {
	if len(b) < int(unsafe.Sizeof(Link{})) || !isHow(LinkHow[:], b[1]) || int(b[2]) >= len(LinkBy) {
		return nil, ErrRecord
	}
	return (*Link)(unsafe.Pointer(&b[0])), nil
}

// AsFree views a record as a free.
func AsFree(b []byte) (*Free, error) {
	if len(b) < int(unsafe.Sizeof(Free{})) || !isHow(FreeHow[:], b[1]) {
		return nil, ErrRecord
	}
	return (*Free)(unsafe.Pointer(&b[0])), nil
}

func isHow(words []string, how uint8) bool { return int(how) < len(words) && words[how] != "" }

// Belongs tells whether a record is of what happened until a time, in ns: events and links
// until then, and how buffers ended later.
func Belongs(b []byte, until uint64) bool {
	const ts = unsafe.Offsetof(Event{}.Ts) // the same in all of them
	return len(b) < int(ts)+8 || b[0] == KindFree || binary.NativeEndian.Uint64(b[ts:]) <= until
}
