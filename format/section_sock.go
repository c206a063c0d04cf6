package format

import (
	"net/netip"
	"unsafe"

	"github.com/skb-tools/skb-tools/format/wire"
)

// Sock is the section `sock`: the socket that a packet belongs to.
type Sock struct {
	Addr   uint64 // of struct sock; 0 makes the section absent
	Family string // AF_* without the prefix, or the number
	State  string // TCP_* without the prefix, which other protocols use too, or the number
	Full   bool   // false: all behind Ifindex are absent, as the kernel does not keep them for such sockets
	Cookie uint64 // as SO_COOKIE; 0: nobody has asked for it yet

	Src, Dst     netip.Addr // bound to and connected to; invalid: absent
	Sport, Dport uint16
	Ifindex      uint32 // of the device that it is bound to; 0: none

	Type     string // SOCK_* without the prefix, or the number
	Protocol uint16 // IPPROTO_*, or another family's
	UID      uint32
	Inode    uint64 // 0: no process has it open
	Cgroup   uint64 // id of the cgroup; 0: not known
	// Bytes charged to it and their limits.
	Rmem, Rcvbuf, Wmem, Sndbuf uint32
	Filter                     bool // it has a filter (SO_ATTACH_FILTER, SO_ATTACH_BPF)
	// Of one that listens: connections that wait to be accepted, and how many may.
	Backlog, MaxBacklog uint32
}

var sockSection = Section{"sock", []Key{
	{Name: "addr", Form: FormUint, Unit: UnitAddress, What: "address of the `struct sock`"},
	{Name: "family", Form: FormStr,
		What: "`AF_*` of linux/socket.h without the prefix: `INET`, `INET6`, `UNIX`; a number in decimal for " +
			"those without a name here"},
	{Name: "state", Form: FormStr,
		What: "`TCP_*` of include/net/tcp_states.h without the prefix, which sockets of other protocols have too"},
	{Name: "cookie", Form: FormUint, What: "as `SO_COOKIE`", Absent: "nobody has asked the kernel for it"},
	{Name: "src", Form: FormStr,
		What: "address that it is bound to", Absent: "not bound to one, or not `INET` or `INET6`"},
	{Name: "sport", Form: FormUint,
		What: "port that it is bound to", Absent: "not bound to one, or not `INET` or `INET6`"},
	{Name: "dst", Form: FormStr,
		What: "address that it is connected to", Absent: "not connected, or not `INET` or `INET6`"},
	{Name: "dport", Form: FormUint,
		What: "port that it is connected to", Absent: "not connected, or not `INET` or `INET6`"},
	{Name: "ifindex", Form: FormUint, What: "index of the device that it is bound to", Absent: "not bound to one"},
	{Name: "type", Form: FormStr,
		What: "`SOCK_*` without the prefix: `STREAM`, `DGRAM`, `RAW`", Absent: "the kernel keeps only a part of the socket"},
	{Name: "protocol", Form: FormUint,
		What: "`IPPROTO_*`, or another family's number", Absent: "the kernel keeps only a part of the socket"},
	{Name: "uid", Form: FormUint, What: "user id of its owner", Absent: "the kernel keeps only a part of the socket"},
	{Name: "inode", Form: FormUint,
		What: "inode number, as in `ls -l /proc/PID/fd`", Absent: "no process has it open"},
	{Name: "cgroup", Form: FormUint, What: "id of the cgroup (version 2) that it was made in", Absent: "not known"},
	{Name: "rmem", Form: FormUint, Unit: UnitBytes,
		What: "bytes of the receive buffer in use", Absent: "the kernel keeps only a part of the socket"},
	{Name: "rcvbuf", Form: FormUint, Unit: UnitBytes,
		What: "size of the receive buffer, bytes", Absent: "the kernel keeps only a part of the socket"},
	{Name: "wmem", Form: FormUint, Unit: UnitBytes,
		What: "bytes of the send buffer in use", Absent: "the kernel keeps only a part of the socket"},
	{Name: "sndbuf", Form: FormUint, Unit: UnitBytes,
		What: "size of the send buffer, bytes", Absent: "the kernel keeps only a part of the socket"},
	{Name: "filter", Form: FormBool,
		What:   "it has a filter (`SO_ATTACH_FILTER`, `SO_ATTACH_BPF`)",
		Absent: "it has none, or the kernel keeps only a part of the socket"},
	{Name: "backlog", Form: FormUint,
		What: "connections that wait to be accepted (`sk_ack_backlog`)", Absent: "the state is not `LISTEN`"},
	{Name: "max_backlog", Form: FormUint,
		What:   "how many may wait (`sk_max_ack_backlog`): the kernel takes one more",
		Absent: "the state is not `LISTEN`"},
}}

// Present reports whether the section is.
func (s *Sock) Present() bool { return s.Addr != 0 }

func (s *Sock) reset() { *s = Sock{} }

func (s *Sock) append(dst []byte) []byte {
	n := 3
	for _, has := range [...]bool{s.Cookie != 0, s.Src.IsValid(), s.Sport != 0, s.Dst.IsValid(), s.Dport != 0,
		s.Ifindex != 0} {
		if has {
			n++
		}
	}
	if s.Full {
		n += 7
		if s.Inode != 0 {
			n++
		}
		if s.Cgroup != 0 {
			n++
		}
		if s.Filter {
			n++
		}
		if s.listens() {
			n += 2
		}
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendUint(append(dst, "\xa4addr"...), s.Addr)
	dst = wire.AppendStr(append(dst, "\xa6family"...), s.Family)
	dst = wire.AppendStr(append(dst, "\xa5state"...), s.State)
	dst = appendNonzero(dst, "cookie", s.Cookie)
	dst = appendEndpoint(dst, "src", s.Src, "sport", s.Sport)
	dst = appendEndpoint(dst, "dst", s.Dst, "dport", s.Dport)
	dst = appendNonzero(dst, "ifindex", uint64(s.Ifindex))
	if !s.Full {
		return dst
	}
	dst = wire.AppendStr(append(dst, "\xa4type"...), s.Type)
	dst = wire.AppendUint(append(dst, "\xa8protocol"...), uint64(s.Protocol))
	dst = wire.AppendUint(append(dst, "\xa3uid"...), uint64(s.UID))
	dst = appendNonzero(dst, "inode", s.Inode)
	dst = appendNonzero(dst, "cgroup", s.Cgroup)
	dst = wire.AppendUint(append(dst, "\xa4rmem"...), uint64(s.Rmem))
	dst = wire.AppendUint(append(dst, "\xa6rcvbuf"...), uint64(s.Rcvbuf))
	dst = wire.AppendUint(append(dst, "\xa4wmem"...), uint64(s.Wmem))
	dst = wire.AppendUint(append(dst, "\xa6sndbuf"...), uint64(s.Sndbuf))
	if s.Filter {
		dst = wire.AppendBool(append(dst, "\xa6filter"...), true)
	}
	if s.listens() {
		dst = wire.AppendUint(append(dst, "\xa7backlog"...), uint64(s.Backlog))
		dst = wire.AppendUint(append(dst, "\xabmax_backlog"...), uint64(s.MaxBacklog))
	}
	return dst
}

func (s *Sock) listens() bool { return s.State == "LISTEN" }

func appendNonzero(dst []byte, key string, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return wire.AppendUint(wire.AppendStr(dst, key), v)
}

func appendEndpoint(dst []byte, addrKey string, addr netip.Addr, portKey string, port uint16) []byte {
	if addr.IsValid() {
		dst = appendAddr(wire.AppendStr(dst, addrKey), addr)
	}
	return appendNonzero(dst, portKey, uint64(port))
}

func (s *Sock) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "addr":
		s.Addr = u
	case "family":
		setString(&s.Family, v)
	case "state":
		setString(&s.State, v)
	case "cookie":
		s.Cookie = u
	case "src":
		s.Src = addrOf(v)
	case "sport":
		s.Sport = uint16(u)
	case "dst":
		s.Dst = addrOf(v)
	case "dport":
		s.Dport = uint16(u)
	case "ifindex":
		s.Ifindex = uint32(u)
	case "type":
		s.Full = true
		setString(&s.Type, v)
	case "protocol":
		s.Protocol = uint16(u)
	case "uid":
		s.UID = uint32(u)
	case "inode":
		s.Inode = u
	case "cgroup":
		s.Cgroup = u
	case "rmem":
		s.Rmem = uint32(u)
	case "rcvbuf":
		s.Rcvbuf = uint32(u)
	case "wmem":
		s.Wmem = uint32(u)
	case "sndbuf":
		s.Sndbuf = uint32(u)
	case "filter":
		s.Filter, _ = v.Bool()
	case "backlog":
		s.Backlog = uint32(u)
	case "max_backlog":
		s.MaxBacklog = uint32(u)
	}
}

// addrOf returns the zero Addr for what is none. It makes no string of its own, which was
// the last memory that skb-track allocated per packet: netip keeps nothing of it, as zones
// are cloned and the error is not used.
func addrOf(v wire.Value) netip.Addr {
	s, _ := v.Str()
	a, _ := netip.ParseAddr(unsafe.String(unsafe.SliceData(s), len(s)))
	return a
}
