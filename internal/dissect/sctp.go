package dissect

import "encoding/binary"

// SCTPLen is how long SCTP's common header is, in bytes.
const SCTPLen = 12

// An SCTPHeader is the common one of 12 bytes (RFC 9260).
type SCTPHeader []byte

func (h SCTPHeader) Tag() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// SCTPChunks are those behind the common header.
type SCTPChunks []byte

// Next takes the first of the chunks. It is false at the end, and where not even a chunk's first four bytes were
// captured; these are then left in o. A chunk whose length is less than that is the last.
func (o *SCTPChunks) Next() (c SCTPChunk, ok bool) {
	b := *o
	if len(b) < 4 {
		return nil, false
	}
	n := SCTPChunk(b).Len()
	*o = b[min((n+3)&^3, len(b)):]
	if n < 4 {
		n, *o = 4, nil
	}
	n = min(n, len(b))
	return SCTPChunk(b[:n:n]), true
}

// Types of chunks that a view is for.
const (
	SCTPData    = 0
	SCTPInit    = 1
	SCTPInitAck = 2
	SCTPSack    = 3
)

var chunkNames = [256]string{SCTPData: "DATA", SCTPInit: "INIT", SCTPInitAck: "INIT ACK", SCTPSack: "SACK",
	4: "HB REQ", 5: "HB ACK", 6: "ABORT", 7: "SHUTDOWN", 8: "SHUTDOWN ACK", 9: "OP ERR", 10: "COOKIE ECHO",
	11: "COOKIE ACK", 12: "ECN ECHO", 13: "CWR", 14: "SHUTDOWN COMPLETE", 15: "AUTH", 64: "I-DATA",
	0x80: "ASCONF-ACK", 0x82: "RECONF", 0xc0: "FORWARD TSN", 0xc1: "ASCONF", 0xc2: "I-FORWARD TSN"}

// An SCTPChunk is what was captured of one, four bytes at least (RFC 9260, RFC 8260, RFC 6525).
type SCTPChunk []byte

func (c SCTPChunk) Type() uint8  { return c[0] }
func (c SCTPChunk) Flags() uint8 { return c[1] }

// Len is how many bytes the chunk has by its own word, without padding. Less than 4 is no chunk.
func (c SCTPChunk) Len() int { return int(binary.BigEndian.Uint16(c[2:])) }

// Name is what the type is called, "" for most.
func (c SCTPChunk) Name() string { return chunkNames[c[0]] }

// SCTPDataLen is how long a DATA chunk is without its data, SCTPInitLen and SCTPSackLen are the least lengths of INIT
// (or INIT ACK) and SACK, in bytes.
const (
	SCTPDataLen = 16
	SCTPInitLen = 20
	SCTPSackLen = 16
)

// An SCTPDataChunk has SCTPDataLen bytes at least.
type SCTPDataChunk []byte

// Begins and Ends tell whether a message's first and last byte is in the chunk.
func (c SCTPDataChunk) Begins() bool     { return c[1]&2 != 0 }
func (c SCTPDataChunk) Ends() bool       { return c[1]&1 != 0 }
func (c SCTPDataChunk) TSN() uint32      { return binary.BigEndian.Uint32(c[4:]) }
func (c SCTPDataChunk) Stream() uint16   { return binary.BigEndian.Uint16(c[8:]) }
func (c SCTPDataChunk) Seq() uint16      { return binary.BigEndian.Uint16(c[10:]) }
func (c SCTPDataChunk) Protocol() uint32 { return binary.BigEndian.Uint32(c[12:]) }

// An SCTPInitChunk is an INIT or INIT ACK of SCTPInitLen bytes at least.
type SCTPInitChunk []byte

func (c SCTPInitChunk) Tag() uint32 { return binary.BigEndian.Uint32(c[4:]) }

// Window is how much the sender can take, in bytes.
func (c SCTPInitChunk) Window() uint32     { return binary.BigEndian.Uint32(c[8:]) }
func (c SCTPInitChunk) OutStreams() uint16 { return binary.BigEndian.Uint16(c[12:]) }
func (c SCTPInitChunk) InStreams() uint16  { return binary.BigEndian.Uint16(c[14:]) }
func (c SCTPInitChunk) TSN() uint32        { return binary.BigEndian.Uint32(c[16:]) }

// An SCTPSackChunk has SCTPSackLen bytes at least.
type SCTPSackChunk []byte

// Ack is the last TSN up to which all arrived.
func (c SCTPSackChunk) Ack() uint32 { return binary.BigEndian.Uint32(c[4:]) }

// Window is how much the sender can take, in bytes.
func (c SCTPSackChunk) Window() uint32 { return binary.BigEndian.Uint32(c[8:]) }
