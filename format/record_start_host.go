package format

import "github.com/skb-tools/skb-tools/format/wire"

// A Device is what the start record says of a network device.
type Device struct {
	Addr   string // of the link layer, as ip(8) writes it; "": it has none
	Kind   string // as ip(8) names it after `type`: veth, vlan, bond; "": the driver names none
	MTU    uint32 // bytes
	Up     bool   // IFF_UP: an administrator has switched it on
	Master string // the bond, team, bridge or VRF that it is in; "": none
	// its state there: active or backup in a bond; disabled, listening, learning, forwarding or blocking in a bridge
	Port    string
	Link    string    // the device below, as of a VLAN; "": none in this namespace
	VLAN    uint16    // of a device of the kind vlan
	Table   uint32    // of a device of the kind vrf: its routing table
	XDP     bool      // a program is attached
	Carrier Opt[bool] // whether it is connected (LOWER_UP), if it is switched on; none: not known
	Locked  Opt[bool] // of a bridge's port: it takes no frames from unknown senders (802.1X); none: no port, or not known
	Addrs   []string  // its IP addresses with the lengths of their networks: 10.0.0.2/24
}

var deviceSection = Section{"device", []Key{
	{Name: "addr", Form: FormStr, What: "address of the link layer, as ip(8) writes it", Absent: "it has none"},
	{Name: "kind", Form: FormStr,
		What: "what ip(8) calls it after `type`: `veth`, `vlan`, `bond`", Absent: "the driver has no name"},
	{Name: "master", Form: FormStr,
		What: "the bond, team, bridge or VRF that it belongs to", Absent: "it belongs to none"},
	{Name: "port", Form: FormStr,
		What: "its state there: `active` or `backup` in a bond; `disabled`, `listening`, `learning`, " +
			"`forwarding` or `blocking` in a bridge",
		Absent: "it is in no bond or bridge"},
	{Name: "link", Form: FormStr,
		What: "the device below it, as that of a VLAN", Absent: "there is none, or in another namespace"},
	{Name: "mtu", Form: FormUint, Unit: UnitBytes, What: "bytes"},
	{Name: "up", Form: FormBool, What: "whether it is switched on (`IFF_UP`)"},
	{Name: "vlan", Form: FormUint, What: "number of the VLAN that it is for", Absent: "it is no VLAN device"},
	{Name: "table", Form: FormUint, What: "routing table of a VRF", Absent: "it is no VRF"},
	{Name: "xdp", Form: FormBool, What: "an XDP program is attached to it", Absent: "none is"},
	{Name: "carrier", Form: FormBool,
		What:   "whether its link is up, as ip(8) has it in `LOWER_UP` and `NO-CARRIER`",
		Absent: "it is switched off, or it is not known"},
	{Name: "locked", Form: FormBool,
		What:   "of a bridge's port: it takes no frames from senders that the bridge does not know",
		Absent: "it is no such port, or the kernel has no such setting"},
	{Name: "addrs", Form: FormStrs,
		What: "its IP addresses with the lengths of their networks: `10.0.0.2/24`", Absent: "it has none"},
}}

func (d *Device) append(dst []byte) []byte {
	n := 2
	for _, has := range [...]bool{d.Addr != "", d.Kind != "", d.Master != "", d.Port != "", d.Link != "", d.VLAN != 0,
		d.Table != 0, d.XDP, d.Carrier.OK, d.Locked.OK, d.Addrs != nil} {
		if has {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	for _, f := range [...]struct{ key, value string }{
		{"addr", d.Addr}, {"kind", d.Kind}, {"master", d.Master}, {"port", d.Port}, {"link", d.Link},
	} {
		if f.value != "" {
			dst = wire.AppendStr(wire.AppendStr(dst, f.key), f.value)
		}
	}
	dst = wire.AppendUint(wire.AppendStr(dst, "mtu"), uint64(d.MTU))
	dst = wire.AppendBool(wire.AppendStr(dst, "up"), d.Up)
	dst = appendNonzero(dst, "vlan", uint64(d.VLAN))
	dst = appendNonzero(dst, "table", uint64(d.Table))
	if d.XDP {
		dst = wire.AppendBool(wire.AppendStr(dst, "xdp"), true)
	}
	if d.Carrier.OK {
		dst = wire.AppendBool(wire.AppendStr(dst, "carrier"), d.Carrier.V)
	}
	if d.Locked.OK {
		dst = wire.AppendBool(wire.AppendStr(dst, "locked"), d.Locked.V)
	}
	if d.Addrs != nil {
		dst = wire.AppendArray(wire.AppendStr(dst, "addrs"), len(d.Addrs))
		for _, a := range d.Addrs {
			dst = wire.AppendStr(dst, a)
		}
	}
	return dst
}

func (d *Device) decode(v wire.Value) {
	_ = v.Each(func(key []byte, v wire.Value) bool {
		u, _ := v.Uint()
		b, _ := v.Bool()
		switch string(key) {
		case "addr":
			setString(&d.Addr, v)
		case "kind":
			setString(&d.Kind, v)
		case "master":
			setString(&d.Master, v)
		case "port":
			setString(&d.Port, v)
		case "link":
			setString(&d.Link, v)
		case "mtu":
			d.MTU = uint32(u)
		case "up":
			d.Up = b
		case "vlan":
			d.VLAN = uint16(u)
		case "table":
			d.Table = uint32(u)
		case "xdp":
			d.XDP = b
		case "carrier":
			d.Carrier = Some(b)
		case "locked":
			d.Locked = Some(b)
		case "addrs":
			_ = v.Elems(func(v wire.Value) bool {
				a, _ := v.Str()
				d.Addrs = append(d.Addrs, string(a))
				return true
			})
		}
		return true
	})
}

// Devices reads the devices of a start record; nil if it has none.
func (r Raw) Devices() map[string]Device {
	v := r.Get("devices")
	if v == nil {
		return nil
	}
	all := map[string]Device{}
	_ = v.Each(func(name []byte, v wire.Value) bool {
		all[string(name)] = DeviceOf(v)
		return true
	})
	return all
}

// DeviceOf reads the value that a device has in `devices`.
func DeviceOf(v wire.Value) (d Device) {
	d.decode(v)
	return d
}

func appendDevices(dst []byte, devices map[string]Device) []byte {
	dst = wire.AppendMap(dst, len(devices))
	for _, name := range sorted(devices) {
		d := devices[name]
		dst = d.append(wire.AppendStr(dst, name))
	}
	return dst
}

// decodeNumbers gives nil for a key that is absent.
func decodeNumbers(v wire.Value) map[string]uint64 {
	if v == nil {
		return nil
	}
	m := map[string]uint64{}
	_ = v.Each(func(key []byte, v wire.Value) bool {
		if n, ok := v.Uint(); ok {
			m[string(key)] = n
		}
		return true
	})
	return m
}
