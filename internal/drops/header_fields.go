package drops

import (
	"fmt"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// header gives the fields that are in the packet's headers.
func (f *facts) header(id fieldID, p *packet) value {
	switch id {
	case fieldProto:
		if !p.hasProto {
			return value{}
		}
		if name := protoNames[p.proto]; name != nil {
			return fixed(name)
		}
		return num(int64(p.proto), true)
	case fieldIPVersion:
		return num(int64(p.version), p.version != 0)
	case fieldSaddr:
		return f.addr(p.src)
	case fieldDaddr:
		return f.addr(p.dst)
	case fieldTTL:
		return num(int64(p.ttl), p.version != 0)
	case fieldFragment:
		return bit(p.fragment, p.version != 0)
	case fieldDF:
		return bit(p.dontFragment, p.version == 4)
	case fieldIPLen:
		return num(int64(p.length), p.version != 0)
	case fieldIPOptions:
		return num(int64(p.options), p.version == 4)
	case fieldIPPayload:
		return num(int64(p.behindIP), p.behindIP > 0)
	case fieldIPCsum:
		return sumWord(p.ipSum())
	case fieldScope:
		return fixed(multicastScope(p.dst))
	case fieldSaddrKind:
		return fixed(addressKind(p.src))
	case fieldDaddrKind:
		return fixed(addressKind(p.dst))
	case fieldEtherType:
		if p.etherType == 0 {
			return value{}
		}
		return f.made(appendEtherType(f.buf, p.etherType))
	}
	return f.transport(id, p)
}

// transport gives the fields that are behind the IP header.
func (f *facts) transport(id fieldID, p *packet) value {
	switch id {
	case fieldSport:
		return num(int64(p.sport), p.hasPorts)
	case fieldDport:
		return num(int64(p.dport), p.hasPorts)
	case fieldUDPLen:
		return num(int64(p.udpLen), p.udpLen > 0)
	case fieldTCPFlags:
		if p.proto != dissect.ProtoTCP || !p.hasPorts {
			return value{}
		}
		return f.made(appendFlags(f.buf, p.tcpFlags))
	case fieldTCPData:
		return num(int64(p.tcpData), p.hasTCPData)
	case fieldICMPType:
		return num(int64(p.icmpType), p.hasICMP)
	case fieldICMPCode:
		return num(int64(p.icmpCode), p.hasICMP)
	case fieldCsum:
		return sumWord(p.sum())
	case fieldSPI:
		if p.spi == 0 {
			return value{}
		}
		return f.made(fmt.Appendf(f.buf, "0x%08x", p.spi))
	}
	return value{}
}

func appendEtherType(dst []byte, t uint16) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '0', 'x', hex[t>>12], hex[t>>8&15], hex[t>>4&15], hex[t&15])
}

// sumWord is a checksum as fields name it.
func sumWord(s sumState) value {
	switch s {
	case sumGood:
		return fixed(wordGood)
	case sumBad:
		return fixed(wordBad)
	case sumPartial:
		return fixed(wordPartial)
	}
	return value{}
}
