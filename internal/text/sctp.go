package text

import "github.com/skb-tools/skb-tools/internal/dissect"

// sctp prints an SCTP packet's chunks.
func (d *dissector) sctp() bool {
	d.str("sctp")
	if d.w.Fault == dissect.Cut {
		d.str(" ").short("sctp")
		return false
	}
	chunks := dissect.SCTPChunks(d.w.Rest)
	for i := 0; len(chunks) > 0; i++ {
		if i == maxListed && len(chunks) >= 4 {
			d.str(" ...")
			break
		}
		c, ok := chunks.Next()
		if !ok {
			d.str(" ").short("sctp")
			break
		}
		d.str(" (").num(i + 1).str(") [").sctpChunk(c)
		if c.Len() < 4 {
			d.str(" bad chunk length ").num(c.Len())
		}
	}
	d.str(", length ").num(d.total())
	return false
}

func (d *dissector) sctpChunk(c dissect.SCTPChunk) {
	name := c.Name()
	if name == "" {
		d.str("chunk ").num(int(c.Type())).str("]")
		return
	}
	d.str(name).str("]")
	switch t := c.Type(); {
	case t == dissect.SCTPData && len(c) >= dissect.SCTPDataLen:
		d.sctpData(dissect.SCTPDataChunk(c), c.Len())
	case (t == dissect.SCTPInit || t == dissect.SCTPInitAck) && len(c) >= dissect.SCTPInitLen:
		c := dissect.SCTPInitChunk(c)
		d.str(" [init tag: ").u32(c.Tag()).str("] [rwnd: ").u32(c.Window())
		d.str("] [OS: ").num(int(c.OutStreams())).str("] [MIS: ").num(int(c.InStreams()))
		d.str("] [init TSN: ").u32(c.TSN()).str("]")
	case t == dissect.SCTPSack && len(c) >= dissect.SCTPSackLen:
		c := dissect.SCTPSackChunk(c)
		d.str(" [cum ack ").u32(c.Ack()).str("] [a_rwnd ").u32(c.Window())
		d.str("] [#gap acks ").num(int(word(c, 12))).str("] [#dup tsns ").num(int(word(c, 14))).str("]")
	}
}

// sctpData prints a chunk of n bytes.
func (d *dissector) sctpData(c dissect.SCTPDataChunk, n int) {
	d.str(" ")
	if c.Begins() {
		d.str("(B)")
	}
	if c.Ends() {
		d.str("(E)")
	}
	d.str(" [TSN: ").u32(c.TSN()).str("] [SID: ").num(int(c.Stream())).str("] [SSEQ ").num(int(c.Seq()))
	d.str("] [PPID ").hexNum(uint64(c.Protocol())).str("] [length ").num(n - dissect.SCTPDataLen).str("]")
}
