package track

import (
	"net/netip"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

const msgpackNil = 0xc0

// A differ makes the value of `changed`: a map whose head is written last.
type differ struct {
	buf  []byte
	n    int
	text []byte
	into bool // the packet is in one more tunnel than it was
}

func (d *differ) reset() { d.buf, d.n, d.into = d.buf[:0], 0, false }

// pair begins the pair of a value before and one after, which the caller appends to buf.
func (d *differ) pair(key string) {
	d.n++
	d.buf = wire.AppendArray(wire.AppendStr(d.buf, key), 2)
}

func (d *differ) number(key string, was, is uint64) {
	if was != is {
		d.pair(key)
		d.buf = wire.AppendUint(wire.AppendUint(d.buf, was), is)
	}
}

// str appends s, nil for an empty one.
func (d *differ) str(s []byte) {
	if len(s) == 0 {
		d.buf = append(d.buf, msgpackNil)
		return
	}
	d.buf = wire.AppendStr(d.buf, s)
}

// headers compares packed headers. how is the word of what the buffer comes from, if that is
// new: a part of a packet, or what is put together of parts, has another length.
func (d *differ) headers(was, is []byte, how string) {
	var a, b headers
	a.unpack(was)
	b.unpack(is)
	a.asFarAs(&b)
	b.asFarAs(&a)
	if a.hasEth && b.hasEth {
		d.ether("eth.src", a.ethSrc, b.ethSrc)
		d.ether("eth.dst", a.ethDst, b.ethDst)
	}
	if a.tags != b.tags || a.vlans() != b.vlans() {
		d.pair("vlan")
		d.str(a.appendVLANs(d.text[:0]))
		d.str(b.appendVLANs(d.text[:0]))
	}
	same := a.sameKinds(&b)
	if !same {
		d.into = b.tunnels > a.tunnels
		d.pair("encap")
		d.str(a.appendTunnels(d.text[:0]))
		d.str(b.appendTunnels(d.text[:0]))
	}
	d.ids(&a, &b)
	d.layers(&a, &b, same, how)
}

// layers compares IP headers, and what is in them. same says that both are in tunnels of the same kinds.
func (d *differ) layers(a, b *headers, same bool, how string) {
	switch {
	case a.cut && b.cut && same:
		// What is innermost is not known, what it is in can be compared.
		for depth := 1; depth <= int(max(a.n, b.n)); depth++ {
			d.layer(depth, a.inner(depth), b.inner(depth))
		}
	case a.cut && b.cut:
	case b.sealed():
		for depth := 1; depth <= int(b.n); depth++ {
			d.layer(depth, nil, b.inner(depth))
		}
	case a.sealed():
		for depth := 1; depth <= int(a.n); depth++ {
			d.layer(depth, a.inner(depth), nil)
		}
	case a.cut || b.cut:
	case same && how != "proxy" && d.wrapped(a, b, how):
	default:
		for depth := range int(max(a.n, b.n)) {
			d.layer(depth, a.inner(depth), b.inner(depth))
		}
	}
}

// asFarAs leaves out what h carries where o is a later fragment of the same, which shows no more
// than the header of its own: that it left a tunnel would be wrong.
func (h *headers) asFarAs(o *headers) {
	if !o.later || h.n < o.n || h.later && h.n == o.n {
		return
	}
	l, m := &h.layers[o.n-1], &o.layers[o.n-1]
	if l.version != m.version || l.src != m.src || l.dst != m.dst {
		return
	}
	if h.n > o.n {
		h.n, h.cut = o.n, false
	}
	for h.tunnels > 0 && h.tunnel[h.tunnels-1].outside >= o.n {
		h.tunnels--
		h.tunnel[h.tunnels] = encap{}
		h.cut = false
	}
}

func isPart(how string) bool {
	switch how {
	case "segment", "fragment", "reassemble", "gro", "coalesce":
		return true
	}
	return false
}

// wrapped tells whether one packet carries the other by a tunnel that the bytes don't name,
// as of L2TP, FOU or VXLAN at a port of their own, or a VPN's; and notes it.
func (d *differ) wrapped(a, b *headers, how string) bool {
	was, is := a.inner(0), b.inner(0)
	if was == nil || is == nil || !was.carries(is, how) {
		return false
	}
	if was.isOutside(is, how) {
		d.tunnel(a, true)
	} else {
		d.tunnel(b, false)
	}
	return true
}

// carries tells whether one of two packets carries the other. NAT leaves the protocol as it is, and
// the length, but for some bytes that a helper writes into the payload.
func (l *layer) carries(o *layer, how string) bool {
	switch {
	case l.print == o.print, l.src == o.src && l.dst == o.dst && l.version == o.version && l.proto == o.proto:
		return false
	case l.isICMP() && o.isICMP():
		return false
	case l.proto != o.proto && !l.sizesTell(o, how):
		return l.src != o.src && l.dst != o.dst
	case l.proto != o.proto:
		return l.apart(o) >= 8 // bytes: UDP's header; else what is behind options was not captured
	case l.proto != dissect.ProtoUDP:
		return false
	case isPart(how):
		return l.isAnother(o, how)
	case l.sport == o.sport || l.dport == o.dport:
		return false // NAT of both ends rewrites both, but not at one hop and with another length
	}
	return l.sizesTell(o, how) && l.apart(o) >= 20+8 // bytes: IPv4 and UDP
}

// isOutside tells which of two packets carries the other: l, or else o.
func (l *layer) isOutside(o *layer, how string) bool {
	switch {
	case l.sizesTell(o, how):
		return l.size > o.size
	case l.proto == o.proto:
		return how != "fragment" && how != "segment" // what is put together has arrived
	case (carriers[l.proto] == noTunnel) != (carriers[o.proto] == noTunnel):
		return carriers[l.proto] != noTunnel // of fragments but the first no tunnel is known
	}
	return l.proto == dissect.ProtoUDP
}

// sizesTell tells whether two packets' lengths are known, and neither is a part of the other.
func (l *layer) sizesTell(o *layer, how string) bool {
	return !isPart(how) && l.size != 0 && o.size != 0
}

// apart is by how many bytes one packet is longer than the other.
func (l *layer) apart(o *layer) uint16 { return max(l.size, o.size) - min(l.size, o.size) }

// tunnel notes that the packet has left a tunnel that the bytes don't name, or else has come into it.
// outer are its headers as long as it is in there.
func (d *differ) tunnel(outer *headers, left bool) {
	d.into = !left
	d.text = append(d.text[:0], protoName(outer.inner(0).proto)...)
	d.pair("encap")
	if left {
		d.str(d.text)
		d.buf = append(d.buf, msgpackNil)
	} else {
		d.buf = append(d.buf, msgpackNil)
		d.str(d.text)
	}
	for depth := range int(outer.n) {
		if left {
			d.layer(depth+1, outer.inner(depth), nil)
		} else {
			d.layer(depth+1, nil, outer.inner(depth))
		}
	}
}

// isAnother tells whether a part of a packet, or what was put together of parts, is another packet
// than o, though both are UDP. All fragments have the same identification in IPv4, which NAT leaves
// as it is. Where that does not tell, NAT leaves an address or a port of at least one end.
func (l *layer) isAnother(o *layer, how string) bool {
	if a, b := l.print>>32, o.print>>32; how != "segment" && how != "gro" && l.version == 4 && o.version == 4 && a != 0 &&
		b != 0 {
		return a != b
	}
	return l.src != o.src && l.dst != o.dst && (!l.ports || !o.ports || l.sport != o.sport && l.dport != o.dport)
}

// carriers are the tunnels whose headers stand behind an IP header, by its protocol.
var carriers = [256]tunnel{dissect.ProtoIPv4: ipip, dissect.ProtoIPv6: ipip, dissect.ProtoGRE: gre,
	dissect.ProtoESP: esp, dissect.ProtoAH: ah, dissect.ProtoIPComp: ipcomp,
	dissect.ProtoL2TP: l2tp, dissect.ProtoMPLS: mpls}

func (l *layer) isICMP() bool { return l.proto == dissect.ProtoICMP || l.proto == dissect.ProtoICMPv6 }

// protoName is a tunnel's name where only the protocol that carries it is known.
func protoName(proto dissect.Proto) string {
	switch proto {
	case dissect.ProtoUDP:
		return "udp"
	case dissect.ProtoTCP:
		return "tcp"
	}
	if kind := carriers[proto]; kind != noTunnel {
		return tunnelKinds[kind].name
	}
	return "ip-proto-" + strconv.Itoa(int(proto))
}

// inner is the layer with so many others inside it, nil when there is none. One that can't
// be read counts.
func (h *headers) inner(depth int) *layer {
	if h.cut {
		depth--
	}
	if depth < 0 || depth >= int(h.n) {
		return nil
	}
	return &h.layers[int(h.n)-1-depth]
}

// sameKinds tells whether the packet is in tunnels of the same kinds.
func (h *headers) sameKinds(o *headers) bool {
	if h.tunnels|o.tunnels == 0 || h.tunnels == o.tunnels && h.tunnel == o.tunnel {
		return true
	}
	var a, b [96]byte
	return string(h.appendTunnels(a[:0])) == string(o.appendTunnels(b[:0]))
}

// idNames are the names of tunnels' ids.
var idNames = [...]string{"vni", "key", "spi", "session", "index", "teid", "cpi"}

// idKeys are the keys of ids, by how many of that name are further inside.
var idKeys = func() (keys [len(idNames)][maxTunnels]string) {
	for i, name := range idNames {
		keys[i][0], keys[i][1] = name, "outer."+name
		for n := 2; n < maxTunnels; n++ {
			keys[i][n] = "outer" + strconv.Itoa(n) + "." + name
		}
	}
	return keys
}()

// ids compares what tells tunnels from others of their kinds.
func (d *differ) ids(a, b *headers) {
	if a.tunnels|b.tunnels == 0 || a.tunnels == b.tunnels && a.tunnel == b.tunnel {
		return
	}
	was, is := a.appendLabels(nil), b.appendLabels(nil)
	if string(was) != string(is) {
		d.pair("label")
		d.str(was)
		d.str(is)
	}
	for i, name := range idNames {
		var was, is [maxTunnels]uint32
		n, m := a.idsOf(name, &was), b.idsOf(name, &is)
		for k := range max(n, m) {
			if was[k] == is[k] {
				continue
			}
			d.pair(idKeys[i][k])
			d.id(was[k])
			d.id(is[k])
		}
	}
}

// id appends an id, nil for 0.
func (d *differ) id(id uint32) {
	if id == 0 {
		d.buf = append(d.buf, msgpackNil)
		return
	}
	d.buf = wire.AppendUint(d.buf, uint64(id))
}

// idsOf finds the ids of a name, the innermost first.
func (h *headers) idsOf(name string, ids *[maxTunnels]uint32) (n int) {
	for i := int(h.tunnels) - 1; i >= 0; i-- {
		if t := &h.tunnel[i]; tunnelKinds[t.kind].id == name {
			ids[n] = t.id
			n++
		}
	}
	return n
}

// appendLabels appends the MPLS labels, outermost first.
func (h *headers) appendLabels(dst []byte) []byte {
	for i := range h.tunnel[:h.tunnels] {
		if t := &h.tunnel[i]; t.kind == mpls {
			if len(dst) > 0 {
				dst = append(dst, '+')
			}
			dst = strconv.AppendUint(dst, uint64(t.id), 10)
		}
	}
	return dst
}

func (h *headers) vlans() (ids [maxTags]uint16) {
	for i, tci := range h.vlan[:h.tags] {
		ids[i] = tci & 0xfff
	}
	return ids
}

func (h *headers) appendVLANs(dst []byte) []byte {
	for i, tci := range h.vlan[:h.tags] {
		if i > 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendUint(dst, uint64(tci&0xfff), 10)
	}
	return dst
}

// appendTunnels appends the tunnels' kinds, outermost first; MPLS once, whatever labels it has.
func (h *headers) appendTunnels(dst []byte) []byte {
	for i := range h.tunnel[:h.tunnels] {
		t := &h.tunnel[i]
		if i > 0 {
			if t.kind == mpls && h.tunnel[i-1].kind == mpls {
				continue
			}
			dst = append(dst, '+')
		}
		dst = append(dst, tunnelKinds[t.kind].name...)
	}
	return dst
}

// layerKeys are the keys of a layer's fields, by how many others are inside it.
var layerKeys = func() (keys [maxLayers + 1][6]string) {
	for depth, prefix := range [...]string{"", "outer.", "outer2.", "outer3.", "outer4."} {
		for i, key := range [...]string{"src", "dst", "sport", "dport", "ttl", "tos"} {
			keys[depth][i] = prefix + key
		}
	}
	return keys
}()

// layer compares a layer with what it was; nil is none.
func (d *differ) layer(depth int, a, b *layer) {
	keys := &layerKeys[depth]
	if a == nil || b == nil || a.version != b.version || a.src != b.src {
		d.pair(keys[0])
		d.addr(a, true)
		d.addr(b, true)
	}
	if a == nil || b == nil || a.version != b.version || a.dst != b.dst {
		d.pair(keys[1])
		d.addr(a, false)
		d.addr(b, false)
	}
	if a == nil || b == nil {
		// A tunnel's header came or went: its ports with it.
		d.port(keys[2], a, b, true)
		d.port(keys[3], a, b, false)
		return
	}
	if a.ports && b.ports {
		d.number(keys[2], uint64(a.sport), uint64(b.sport))
		d.number(keys[3], uint64(a.dport), uint64(b.dport))
	}
	d.number(keys[4], uint64(a.ttl), uint64(b.ttl))
	d.number(keys[5], uint64(a.tos), uint64(b.tos))
}

// port compares the ports of a layer that is there only before or after.
func (d *differ) port(key string, a, b *layer, src bool) {
	l := a
	if l == nil {
		l = b
	}
	if l == nil || !l.ports {
		return
	}
	p := l.dport
	if src {
		p = l.sport
	}
	d.pair(key)
	if a == nil {
		d.buf = append(d.buf, msgpackNil)
	}
	d.buf = wire.AppendUint(d.buf, uint64(p))
	if b == nil {
		d.buf = append(d.buf, msgpackNil)
	}
}

func (d *differ) addr(l *layer, src bool) {
	if l == nil {
		d.buf = append(d.buf, msgpackNil)
		return
	}
	a := l.dstAddr()
	if src {
		a = l.srcAddr()
	}
	d.text = a.AppendTo(d.text[:0])
	d.buf = wire.AppendStr(d.buf, d.text)
}

func (l *layer) srcAddr() netip.Addr { return addrOf(l.version, &l.src) }
func (l *layer) dstAddr() netip.Addr { return addrOf(l.version, &l.dst) }

func addrOf(version uint8, b *[16]byte) netip.Addr {
	if version == 4 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(*b)
}

func (d *differ) ether(key string, was, is [6]byte) {
	if was == is {
		return
	}
	d.pair(key)
	for _, a := range [...]*[6]byte{&was, &is} {
		const digits = "0123456789abcdef"
		d.text = d.text[:0]
		for i, c := range a {
			if i > 0 {
				d.text = append(d.text, ':')
			}
			d.text = append(d.text, digits[c>>4], digits[c&0xf])
		}
		d.buf = wire.AppendStr(d.buf, d.text)
	}
}

// appendTo appends the map to dst[:0]; nil when nothing differs.
func (d *differ) appendTo(dst []byte) []byte {
	if d.n == 0 {
		return nil
	}
	return append(wire.AppendMap(dst[:0], d.n), d.buf...)
}

// flow is that of the innermost layer that can be read; none where that was not captured.
func (h *headers) flow() format.Flow {
	if h.n == 0 || h.cut && !h.sealed() {
		return format.Flow{}
	}
	l := &h.layers[h.n-1]
	f := format.Flow{Src: l.srcAddr(), Dst: l.dstAddr(), Proto: uint8(l.proto)}
	if l.ports {
		f.Sport, f.Dport = l.sport, l.dport
	}
	return f
}

// print tells the innermost packet from others of its flow.
func (h *headers) print() (uint64, bool) {
	if h.n == 0 || h.cut && !h.sealed() {
		return 0, false
	}
	return h.layers[h.n-1].print, true
}
