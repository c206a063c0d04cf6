package text

import (
	"encoding/binary"

	"github.com/gopacket/gopacket"
)

// sctpPacket prints an SCTP packet's chunks (RFC 9260, 8260, 6525).
func (d *dissector) sctpPacket(b []byte, n int) {
	d.str("sctp")
	if d.sctp.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
		d.str(" ").short("sctp")
		return
	}
	b = d.sctp.Payload
	for i := 0; len(b) > 0; i++ {
		if len(b) < 4 {
			d.str(" ").short("sctp")
			break
		}
		if i == maxListed {
			d.str(" ...")
			break
		}
		length := int(binary.BigEndian.Uint16(b[2:]))
		d.str(" (").num(i+1).str(") [").sctpChunk(b, length)
		if length < 4 {
			d.str(" bad chunk length ").num(length)
			break
		}
		if length = (length + 3) &^ 3; length > len(b) {
			break // the usual end of a capture: in the data
		}
		b = b[length:]
	}
	d.str(", length ").num(n)
}

var chunkNames = map[byte]string{0: "DATA", 1: "INIT", 2: "INIT ACK", 3: "SACK", 4: "HB REQ", 5: "HB ACK", 6: "ABORT",
	7: "SHUTDOWN", 8: "SHUTDOWN ACK", 9: "OP ERR", 10: "COOKIE ECHO", 11: "COOKIE ACK", 12: "ECN ECHO", 13: "CWR",
	14: "SHUTDOWN COMPLETE", 15: "AUTH", 64: "I-DATA", 0x80: "ASCONF-ACK", 0x82: "RECONF", 0xc0: "FORWARD TSN",
	0xc1: "ASCONF", 0xc2: "I-FORWARD TSN"}

func (d *dissector) sctpChunk(b []byte, length int) *dissector {
	name, ok := chunkNames[b[0]]
	if !ok {
		return d.str("chunk ").num(int(b[0])).str("]")
	}
	d.str(name).str("]")
	switch {
	case b[0] == 0 && len(b) >= 16:
		d.str(" ").str([...]string{"", "(E)", "(B)", "(B)(E)"}[b[1]&3])
		d.str(" [TSN: ").u32(binary.BigEndian.Uint32(b[4:])).str("] [SID: ").num(int(binary.BigEndian.Uint16(b[8:])))
		d.str("] [SSEQ ").num(int(binary.BigEndian.Uint16(b[10:])))
		d.str("] [PPID ").hexNum(uint64(binary.BigEndian.Uint32(b[12:])))
		d.str("] [length ").num(max(length-16, 0)).str("]")
	case (b[0] == 1 || b[0] == 2) && len(b) >= 20:
		d.str(" [init tag: ").u32(binary.BigEndian.Uint32(b[4:])).str("] [rwnd: ").u32(binary.BigEndian.Uint32(b[8:]))
		d.str("] [OS: ").num(int(binary.BigEndian.Uint16(b[12:]))).str("] [MIS: ").num(int(binary.BigEndian.Uint16(b[14:])))
		d.str("] [init TSN: ").u32(binary.BigEndian.Uint32(b[16:])).str("]")
	case b[0] == 3 && len(b) >= 12:
		d.str(" [cum ack ").u32(binary.BigEndian.Uint32(b[4:])).str("] [a_rwnd ").u32(binary.BigEndian.Uint32(b[8:])).str("]")
	}
	return d
}
