package drops

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/text"
)

// facts is all that is known of one drop. It is used again for the next: what it gives
// out is valid until then.
type facts struct {
	raw     format.Raw
	find    *format.Finder // has found what is in raw
	host    *host
	earlier *memory // what was seen of the packet before; nil: nothing
	frames  []string

	reason   []byte // by the kernel's name, "" where it gave none
	location []byte
	function []byte // that dropped the packet, without offset and the compiler's suffixes

	frame  frame
	packet packet
	parsed bool // frame and packet are those of the record

	verdict verdict

	// Texts that values need made are appended to buf, one after the other: the part of
	// texts that is not used yet. Where they outgrow it, append allocates.
	buf   []byte
	texts [4096]byte
	line  []byte // a sentence or command that is being put together from them
}

// set begins anew with a record, which f.find has just gone through.
func (f *facts) set(r format.Raw, h *host) {
	f.raw, f.host, f.earlier, f.frames = r, h, nil, nil
	f.parsed, f.buf = false, f.texts[:0]
}

// setDrop reads who dropped the packet, and why.
func (f *facts) setDrop() {
	f.location, _ = f.find.Str(findDropLocation)
	f.function = kfunc.Function(f.location)
	f.reason, _ = f.find.Str(findDropName)
	if len(f.reason) > 0 {
		return
	}
	if n, ok := f.find.Uint(findDropReason); ok {
		if name, ok := f.host.reasons[uint32(n)]; ok && n <= math.MaxUint32 {
			f.reason = append(f.buf, name...)
		} else {
			f.reason = strconv.AppendUint(f.buf, n, 10)
		}
		f.buf = f.reason[len(f.reason):]
	}
}

// look past what frees to who had it freed, if the stack is known.
func (f *facts) setStack(frames []string) {
	f.frames = frames
	if !kfunc.Lookup(f.function).Is(kfunc.Frees) {
		return
	}
	at := 0
	for i, frame := range frames {
		if frame == string(f.function) {
			at = i
			break
		}
	}
	for _, frame := range frames[at:] {
		if frame != "" && !kfunc.Lookup(frame).Is(kfunc.Frees) {
			f.function = append(f.buf, frame...)
			f.buf = f.function[len(f.function):]
			return
		}
	}
}

// hook is the netfilter hook that dropped the packet, by who called it; "": not known.
func (f *facts) hook() string {
	for i, frame := range f.frames {
		if !kfunc.Lookup(frame).Is(kfunc.RunsHook) {
			continue
		}
		if i+1 < len(f.frames) {
			if caller := kfunc.Lookup(f.frames[i+1]); caller != nil && caller.Hook != "" {
				return caller.Hook
			}
		}
	}
	if f.earlier != nil {
		if caller := kfunc.Lookup(kfunc.Function(f.earlier.get(keptHook))); caller != nil && caller.Hook != "" {
			return caller.Hook
		}
	}
	// A packet that is sent has no device until its route is used (skb->dev is set in
	// ip_output and ip6_output); one that is forwarded gets another than it came in on.
	switch dev, ok := f.find.Uint(findDevIfindex); {
	case f.headers().version == 0 || !f.find.Has(findNetns): // nothing is known of the device then
		return ""
	case !ok:
		return "output"
	default:
		if rx, _ := f.find.Uint(findDevRxIfindex); rx != dev {
			return "postrouting"
		}
	}
	return ""
}

func (f *facts) headers() *packet {
	if f.parsed {
		return &f.packet
	}
	f.parsed = true
	f.packet = packet{}
	macLen, sent := f.frame.read(f)
	if f.frame.data == nil {
		f.packet.etherType = f.frame.protocol
		return &f.packet
	}
	l2 := 0
	if string(f.frame.at) == "mac" {
		l2 = 14
		if !format.HasEthernet(f.frame.data, f.frame.linkType, f.frame.protocol) {
			l2 = macLen
		}
	}
	f.packet.parse(f.frame.data, l2, f.frame.protocol)
	if f.packet.version == 0 {
		// A tunnel has made skb.protocol that of the packet within, and then took neither (iptunnel_pull_header,
		// net/ipv4/ip_tunnel_core.c). What the frame says is IP is, and so is what has its version and its length.
		f.packet.parse(f.frame.data, l2, 0)
		n := f.frame.len - l2
		if f.packet.version == 0 || f.packet.length > n || l2 != 14 && (f.packet.length != n || string(f.frame.at) != "network") {
			f.packet = packet{etherType: f.frame.protocol}
		}
	}
	f.packet.sent = sent
	return &f.packet
}

// A frame is a packet's bytes and what the kernel says of them.
type frame struct {
	data     []byte // nil: none in the stream
	at       []byte // where they begin: packet.at
	len      int    // of the whole packet from there
	protocol uint16 // EtherType; 0: not known
	linkType uint16 // of the device, ARPHRD_*; 0: not known (or ARPHRD_NETROM)
}

func (fr *frame) read(f *facts) (macLen int, sent bool) {
	*fr = frame{}
	fr.data, _ = f.find.Bin(findPacketData)
	fr.at, _ = f.find.Str(findPacketAt)
	length, _ := f.find.Uint(findPacketLen)
	fr.len = int(min(length, 1<<31-1))
	protocol, _ := f.find.Uint(findSkbProtocol)
	linkType, _ := f.find.Uint(findDevType)
	fr.protocol, fr.linkType = uint16(protocol), uint16(linkType)
	mac, _ := f.find.Uint(findSkbMacLen)
	// 1, CHECKSUM_UNNECESSARY: the device has checked; 3, CHECKSUM_PARTIAL: made on this
	// host, the sum comes last (include/linux/skbuff.h). The kernel checks neither.
	summed, _ := f.find.Uint(findIPSummed)
	return int(min(mac, 1<<16)), summed == 1 || summed == 3
}

// A value is what a field has: a number, a text, which is not empty, or nothing. It has no
// field for its kind so that it fits into registers: with one, a drop took a fifth longer.
type value struct {
	s []byte // isNumber for a number, nil for nothing
	n int64
}

type valueKind uint8

const (
	absent valueKind = iota
	number
	word
)

// roomy says that a socket's receive buffer was not half full: then it was not what refused
// the packet. Where the kernel gave its reason it knows better than what was read later.
func (f *facts) roomy() value {
	used, ok := f.find.Uint(findSockRmem)
	size, ok2 := f.find.Uint(findSockRcvbuf)
	if !ok || !ok2 || used > size/2 || len(f.reason) > 0 && string(f.reason) != notSpecified {
		return value{}
	}
	return num(1, true)
}

var isNumber = []byte{}

func (v value) kind() valueKind {
	switch {
	case len(v.s) > 0:
		return word
	case v.s != nil:
		return number
	}
	return absent
}

func num(n int64, ok bool) value {
	if !ok {
		return value{}
	}
	return value{s: isNumber, n: n}
}

// made gives the bytes appended to f.buf since it had the length from.
func (f *facts) made(s []byte) value {
	f.buf = s[len(s):]
	if len(s) == 0 {
		return value{}
	}
	return value{s: s}
}

func (f *facts) str(s string) value { return f.made(append(f.buf, s...)) }

func (f *facts) addr(a netip.Addr) value {
	if !a.IsValid() {
		return value{}
	}
	return f.made(a.AppendTo(f.buf))
}

// fixed gives a word that outlives the value.
func fixed(s []byte) value {
	if len(s) == 0 {
		return value{}
	}
	return value{s: s}
}

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

func (f *facts) value(fd *field) value {
	switch fd.id {
	case fieldPath:
		return f.path(fd)
	case fieldRet:
		if f.earlier == nil {
			return value{}
		}
		v, ok := f.earlier.ret(fd.arg)
		return num(int64(v), ok)
	case fieldReset:
		return num(1, f.earlier != nil && f.earlier.reset)
	case fieldReason:
		return fixed(f.verdict.name)
	case fieldFunction:
		return fixed(f.function)
	case fieldLocation:
		return fixed(f.location)
	case fieldWhere:
		return f.made(f.appendWhere(f.buf))
	case fieldCause:
		return fixed(f.verdict.cause)
	case fieldSeverity:
		return f.str(f.verdict.severity.String())
	case fieldConfidence:
		return f.str(f.verdict.confidence())
	case fieldFlow:
		f.headers()
		return f.made(text.Flow(f.buf, f.frame.data, string(f.frame.at), f.frame.linkType, f.frame.protocol))
	case fieldHook:
		return f.str(f.hook())
	case fieldDevSysctl:
		return f.devSysctl()
	case fieldRPFilter:
		return f.rpFilter()
	case fieldForwarding, fieldForwardingSysctl:
		name, v := f.forwarding()
		if fd.id == fieldForwarding || v.kind() == absent {
			return v
		}
		return f.str(name)
	case fieldIPv6Disabled:
		if v := f.sysctl("net.ipv6.conf.all.disable_ipv6"); v.n == 1 {
			return v
		}
		return f.devConf("net.ipv6.conf.", ".disable_ipv6")
	case fieldQdisc:
		return f.qdisc()
	case fieldClsact:
		return f.clsact()
	case fieldNoqueue:
		return f.noqueue()
	case fieldHost:
		return f.str(f.host.name)
	case fieldRoomy:
		return f.roomy()
	case fieldMany:
		return f.toMany()
	}
	if fd.id > fieldHost {
		return f.evidence(fd)
	}
	return f.header(fd.id, f.headers())
}

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
	case fieldSport:
		return num(int64(p.sport), p.hasPorts)
	case fieldDport:
		return num(int64(p.dport), p.hasPorts)
	case fieldTTL:
		return num(int64(p.ttl), p.version != 0)
	case fieldDF:
		n := int64(0)
		if p.dontFragment {
			n = 1
		}
		return num(n, p.version == 4)
	case fieldIPLen:
		return num(int64(p.length), p.version != 0)
	case fieldIPOptions:
		return num(int64(p.options), p.version == 4)
	case fieldIPPayload:
		return num(int64(p.behindIP), p.behindIP > 0)
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
	case fieldIPCsum:
		return sumWord(p.ipSum())
	case fieldSPI:
		if p.spi == 0 {
			return value{}
		}
		return f.made(fmt.Appendf(f.buf, "0x%08x", p.spi))
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
	return value{}
}

func appendEtherType(dst []byte, t uint16) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '0', 'x', hex[t>>12], hex[t>>8&15], hex[t>>4&15], hex[t&15])
}

// path reads a value of the record. What nftables and connection tracking said is mostly
// in an earlier event of the same packet.
func (f *facts) path(fd *field) value {
	switch section := fd.path[0]; {
	case section == "nft" && !f.find.Has(findNft):
		return f.before(keptNFT, fd.path[1:])
	case section == "ct" && !f.find.Has(findCt):
		return f.before(keptCT, fd.path[1:])
	case fd.find < 0:
		return f.valueOf(f.raw.Get(fd.path...))
	case !f.find.Has(fd.find):
		return value{}
	}
	if n, ok := f.find.Uint(fd.find); ok && n <= math.MaxInt64 {
		return num(int64(n), true)
	}
	if s, ok := f.find.Str(fd.find); ok && len(s) > 0 {
		return value{s: s}
	}
	return f.valueOf(f.find.Value(fd.find))
}

func (f *facts) before(s kept, path []string) value {
	if f.earlier == nil {
		return value{}
	}
	return f.valueOf(format.Value(f.earlier.get(s)).Get(path...))
}

func (f *facts) valueOf(v format.Value) value {
	if v == nil {
		return value{}
	}
	if n, ok := v.Int(); ok {
		return num(n, true)
	}
	if n, ok := v.Uint(); ok {
		return f.made(strconv.AppendUint(f.buf, n, 10))
	}
	if s, ok := v.Str(); ok && len(s) > 0 {
		return value{s: s}
	}
	if b, ok := v.Bool(); ok {
		return f.made(strconv.AppendBool(f.buf, b))
	}
	return value{}
}

// appendValue writes a field as people read it.
func (f *facts) appendValue(dst []byte, fd *field) ([]byte, bool) {
	switch v := f.value(fd); v.kind() {
	case number:
		return strconv.AppendInt(dst, v.n, 10), true
	case word:
		return append(dst, v.s...), true
	}
	return dst, false
}
