package skbtrack

import (
	"net/netip"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
)

const msgpackNil = 0xc0

// A differ makes the value of `changed`: a map whose head is written last.
type differ struct {
	buf  []byte
	n    int
	text []byte
}

func (d *differ) reset() { d.buf, d.n = d.buf[:0], 0 }

// pair begins the pair of a value before and one after, which the caller appends to buf.
func (d *differ) pair(key string) {
	d.n++
	d.buf = format.AppendArray(format.AppendStr(d.buf, key), 2)
}

func (d *differ) number(key string, was, is uint64) {
	if was != is {
		d.pair(key)
		d.buf = format.AppendUint(format.AppendUint(d.buf, was), is)
	}
}

// str appends s, nil for an empty one.
func (d *differ) str(s []byte) {
	if len(s) == 0 {
		d.buf = append(d.buf, msgpackNil)
		return
	}
	d.buf = format.AppendStr(d.buf, s)
}

// headers compares packed headers.
func (d *differ) headers(was, is []byte) {
	var a, b headers
	a.unpack(was)
	b.unpack(is)
	if a.hasEth && b.hasEth {
		d.ether("eth.src", a.ethSrc, b.ethSrc)
		d.ether("eth.dst", a.ethDst, b.ethDst)
	}
	if a.tags != b.tags || a.vlans() != b.vlans() {
		d.pair("vlan")
		d.str(a.appendVLANs(d.text[:0]))
		d.str(b.appendVLANs(d.text[:0]))
	}
	if a.tunnels != b.tunnels || a.tunnel != b.tunnel {
		d.pair("encap")
		d.str(a.appendTunnels(d.text[:0]))
		d.str(b.appendTunnels(d.text[:0]))
	}
	if a.cut || b.cut { // what is innermost is not known
		return
	}
	for depth := range int(max(a.n, b.n)) {
		d.layer(depth, a.inner(depth), b.inner(depth))
	}
}

// inner is the layer with so many others inside it, nil when there is none.
func (h *headers) inner(depth int) *layer {
	if depth >= int(h.n) {
		return nil
	}
	return &h.layers[int(h.n)-1-depth]
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

func (h *headers) appendTunnels(dst []byte) []byte {
	for i, t := range h.tunnel[:h.tunnels] {
		if i > 0 {
			dst = append(dst, '+')
		}
		dst = append(dst, tunnelNames[t]...)
	}
	return dst
}

// layerKeys are the keys of a layer's fields, by how many others are inside it.
var layerKeys = func() (keys [maxLayers][6]string) {
	for depth, prefix := range [...]string{"", "outer.", "outer2.", "outer3."} {
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
		return
	}
	if a.ports && b.ports {
		d.number(keys[2], uint64(a.sport), uint64(b.sport))
		d.number(keys[3], uint64(a.dport), uint64(b.dport))
	}
	d.number(keys[4], uint64(a.ttl), uint64(b.ttl))
	d.number(keys[5], uint64(a.tos), uint64(b.tos))
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
	d.buf = format.AppendStr(d.buf, d.text)
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
		d.buf = format.AppendStr(d.buf, d.text)
	}
}

// appendTo appends the map to dst[:0]; nil when nothing differs.
func (d *differ) appendTo(dst []byte) []byte {
	if d.n == 0 {
		return nil
	}
	return append(format.AppendMap(dst[:0], d.n), d.buf...)
}

// flow is that of the innermost layer.
func (h *headers) flow() format.Flow {
	if h.n == 0 || h.cut {
		return format.Flow{}
	}
	l := h.inner(0)
	f := format.Flow{Src: l.srcAddr(), Dst: l.dstAddr(), Proto: l.proto}
	if l.ports {
		f.Sport, f.Dport = l.sport, l.dport
	}
	return f
}

// print tells the innermost packet from others of its flow.
func (h *headers) print() (uint64, bool) {
	if h.n == 0 || h.cut {
		return 0, false
	}
	return h.inner(0).print, true
}
