package format

import "github.com/skb-tools/skb-tools/format/wire"

// Drop is the section `drop`, at skb:kfree_skb, at the exit of an XDP program that drops a packet which has no
// sk_buff, and in `free` records.
type Drop struct {
	Reason   uint32 // the kernel's number, with the subsystem in the upper 16 bits
	Name     string // its name on that kernel; "" on kernels without reasons
	Location string // function+0xoffset, or xdp:NAME; "" makes the section absent
	RxSk     uint64 // address of the receiving socket; 0: none, or the kernel does not say
}

var dropSection = Section{"drop", []Key{
	{Name: "reason", Form: FormUint,
		What: "the kernel's number, the subsystem in its upper 16 bits", Absent: "the kernel gives no reasons"},
	{Name: "name", Form: FormStr,
		What:   "its name on that kernel, without `SKB_DROP_REASON_`; its number where it has none",
		Absent: "the kernel gives no reasons"},
	{Name: "location", Form: FormStr,
		What: "where: function, `+`, offset in hexadecimal: `udp_rcv+0x1a`; of a packet without an sk_buff the XDP " +
			"program: `xdp:lb`"},
	{Name: "rx_sk", Form: FormUint, Unit: UnitAddress,
		What:   "address of the socket that would have received it",
		Absent: "there is none, or the kernel does not say"},
}}

// Present reports whether the section is.
func (d *Drop) Present() bool { return d.Location != "" }

func (d *Drop) reset() { *d = Drop{} }

func (d *Drop) append(dst []byte) []byte {
	n := 1
	if d.Name != "" {
		n += 2
	}
	if d.RxSk != 0 {
		n++
	}
	dst = wire.AppendMap(dst, n)
	if d.Name != "" {
		dst = wire.AppendUint(append(dst, "\xa6reason"...), uint64(d.Reason))
		dst = wire.AppendStr(append(dst, "\xa4name"...), d.Name)
	}
	dst = wire.AppendStr(append(dst, "\xa8location"...), d.Location)
	if d.RxSk != 0 {
		dst = wire.AppendUint(append(dst, "\xa5rx_sk"...), d.RxSk)
	}
	return dst
}

func (d *Drop) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "reason":
		d.Reason = uint32(u)
	case "name":
		setString(&d.Name, v)
	case "location":
		setString(&d.Location, v)
	case "rx_sk":
		d.RxSk = u
	}
}
