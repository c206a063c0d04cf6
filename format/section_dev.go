package format

import "github.com/skb-tools/skb-tools/format/wire"

// Dev is the section `dev`: skb->dev, the device that the packet is on at that point.
type Dev struct {
	Name      string // "" makes the section absent
	Ifindex   uint32
	RxIfindex uint32 // skb->skb_iif, where it came in; 0: nowhere
	Type      uint16 // ARPHRD_*, include/uapi/linux/if_arp.h
}

var devSection = Section{"dev", []Key{
	{Name: "name", Form: FormStr, What: "its name, at most 15 bytes"},
	{Name: "ifindex", Form: FormUint, What: "its index in its network namespace"},
	{Name: "rx_ifindex", Form: FormUint,
		What: "`skb->skb_iif`: index of the device where the packet came in", Absent: "it came in nowhere"},
	{Name: "type", Form: FormUint, What: "`ARPHRD_*` of linux/if_arp.h: 1 Ethernet, 772 loopback, 65534 none"},
}}

// Present reports whether the section is.
func (d *Dev) Present() bool { return d.Name != "" }

func (d *Dev) reset() { *d = Dev{} }

func (d *Dev) append(dst []byte) []byte {
	n := 3
	if d.RxIfindex != 0 {
		n++
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa4name"...), d.Name)
	dst = wire.AppendUint(append(dst, "\xa7ifindex"...), uint64(d.Ifindex))
	if d.RxIfindex != 0 {
		dst = wire.AppendUint(append(dst, "\xaarx_ifindex"...), uint64(d.RxIfindex))
	}
	return wire.AppendUint(append(dst, "\xa4type"...), uint64(d.Type))
}

func (d *Dev) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "name":
		setString(&d.Name, v)
	case "ifindex":
		d.Ifindex = uint32(u)
	case "rx_ifindex":
		d.RxIfindex = uint32(u)
	case "type":
		d.Type = uint16(u)
	}
}

// Netns is the section `netns`: the network namespace of the device or, where there is
// none yet, of the socket.
type Netns struct {
	Inum   uint32 // as `ls -l /proc/PID/ns/net` shows it; 0 makes the section absent
	Cookie uint64 // never used twice since boot; 0: the kernel has none
}

var netnsSection = Section{"netns", []Key{
	{Name: "inum", Form: FormUint, Unit: UnitNS, What: "inode number, as in `ls -l /proc/PID/ns/net`"},
	{Name: "cookie", Form: FormUint,
		What: "a number that is not used again until the next boot", Absent: "the kernel has none"},
}}

// Present reports whether the section is.
func (n *Netns) Present() bool { return n.Inum != 0 }

func (n *Netns) reset() { *n = Netns{} }

func (n *Netns) append(dst []byte) []byte {
	if n.Cookie == 0 {
		return wire.AppendUint(append(dst, "\x81\xa4inum"...), uint64(n.Inum))
	}
	dst = wire.AppendUint(append(dst, "\x82\xa4inum"...), uint64(n.Inum))
	return wire.AppendUint(append(dst, "\xa6cookie"...), n.Cookie)
}

func (n *Netns) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "inum":
		n.Inum = uint32(u)
	case "cookie":
		n.Cookie = u
	}
}
