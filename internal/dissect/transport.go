package dissect

import "encoding/binary"

// TCPLen is the least length of a TCP header, in bytes.
const TCPLen = 20

// Ports are those with which a header of TCP, UDP, UDP-Lite, SCTP or DCCP begins; b is that, and has four
// bytes at least.
func Ports(b []byte) (src, dst uint16) {
	return binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
}

// A TCPHeader is one with its options (RFC 9293).
type TCPHeader []byte

func (h TCPHeader) Seq() uint32 { return binary.BigEndian.Uint32(h[4:]) }
func (h TCPHeader) Ack() uint32 { return binary.BigEndian.Uint32(h[8:]) }

// HeaderLen is how many bytes the header has by its own word, which may be less than 20.
func (h TCPHeader) HeaderLen() int { return int(h[12]>>4) * 4 }

// Flags of a TCP header. AE was NS (RFC 3540) before.
const (
	FIN = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

// Flags are nine bits, FIN the lowest.
func (h TCPHeader) Flags() uint16  { return binary.BigEndian.Uint16(h[12:]) & 0x1ff }
func (h TCPHeader) Window() uint16 { return binary.BigEndian.Uint16(h[14:]) }
func (h TCPHeader) Urgent() uint16 { return binary.BigEndian.Uint16(h[18:]) }

// Options are those that were captured.
func (h TCPHeader) Options() Options { return Options(h[TCPLen:]) }

// TCP options (IANA's tcp-parameters).
const (
	OptionMSS           = 2  // RFC 9293
	OptionWindowScale   = 3  // RFC 7323
	OptionSACKPermitted = 4  // RFC 2018
	OptionSACK          = 5  // RFC 2018
	OptionTimestamps    = 8  // RFC 7323
	OptionMD5           = 19 // RFC 2385
	OptionAO            = 29 // RFC 5925
	OptionMPTCP         = 30 // RFC 8684
	OptionFastOpen      = 34 // RFC 7413
)

// MPTCPName is what RFC 8684 calls an MPTCP option with the value v, in small letters: its subtype is the upper
// half of the first byte. "" if v is empty, "unknown" of a subtype that has no name.
func MPTCPName(v []byte) string {
	if len(v) == 0 {
		return ""
	}
	names := [16]string{"capable", "join", "dss", "add-addr", "rem-addr", "prio", "fail", "fast-close", "rst"}
	if name := names[v[0]>>4]; name != "" {
		return name
	}
	return "unknown"
}

func (w *Walk) tcp(b []byte) {
	n := TCPLen
	if len(b) >= n {
		n = TCPHeader(b).HeaderLen()
	}
	w.sized(b, n, TCPLen)
}

// sized takes n bytes as the header's, by its own word, which is bad where that is less than the least.
func (w *Walk) sized(b []byte, n, least int) {
	w.header(b, max(n, least))
	if n < least {
		w.Fault = Bad
	}
}

// A UDPHeader is one of 8 bytes, of UDP (RFC 768) or UDP-Lite (RFC 3828).
type UDPHeader []byte

func (h UDPHeader) SrcPort() uint16 { return binary.BigEndian.Uint16(h) }
func (h UDPHeader) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// Length is how many bytes the datagram has, the header's included; 0 for a jumbogram (RFC 2675). UDP-Lite
// has the checksum's coverage there.
func (h UDPHeader) Length() int { return int(binary.BigEndian.Uint16(h[4:])) }

// Sum is 0 where the sender made none.
func (h UDPHeader) Sum() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// UDPLen is how long a UDP header is, in bytes.
const UDPLen = 8

func (w *Walk) udp(b []byte) {
	if !w.header(b, UDPLen) {
		return
	}
	h := UDPHeader(b)
	n := h.Length() - UDPLen
	switch {
	case n >= 0:
		w.N = n
	case n > -UDPLen:
		w.Fault, w.N = Bad, 0
	}
	w.Next = Carried(h.SrcPort(), h.DstPort(), b[UDPLen:], n)
}

// dccp reads a header whose length counts four bytes (RFC 4340, 5.1).
func (w *Walk) dccp(b []byte) {
	const least = 12
	n := least
	if len(b) >= n {
		n = int(b[4]) * 4
	}
	w.sized(b, n, least)
}
