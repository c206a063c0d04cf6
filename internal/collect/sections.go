//go:build linux && (amd64 || arm64)

package collect

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// A section is what --with can name.
type section struct {
	name  string
	cost  string // guest instructions per event on Linux 6.12; docs/performance.md
	about string
	bits  bpf.Sections // what the BPF programs do for it; 0: nothing, it is in what they send anyway
	fill  fill         // makes it of that; nil: it is in every event, or of bits
}

// sectionList is in the order in which --with list prints it.
var sectionList = []section{
	{"process", "", "the task that the CPU was running (always)", 0, nil},
	{"skb", "", "struct sk_buff (always)", 0, nil},
	{"dev", "", "the device (always)", 0, nil},
	{"netns", "", "the network namespace (always)", 0, nil},
	{"packet", "", "the packet's bytes (always; -s says how many)", 0, nil},
	{"drop", "", "why and where it was dropped; adds the probe skb:kfree_skb when named", 0, nil},
	{"ret", "", "what a function returned, at ret: probes (always)", 0, nil},
	{"gso", "0", "how the packet will be segmented", 0, (*decoder).gso},
	{"csum", "0", "the state of its checksum", 0, (*decoder).csum},
	{"sock", costSock, "its socket: state, addresses, owner, cgroup, buffers", bpf.SectionSock, nil},
	{"ct", costCt, "its connection, as connection tracking has it", bpf.SectionCt, nil},
	{"nft", costNFT, "each step through nftables of packets that are traced (--nft-trace traces all); adds the probe " +
		"nft_trace_notify, which without -p is the only one", bpf.SectionNFT, nil},
	{"ovs", costOVS, "what Open vSwitch does: looking the flow up, upcalls, each action; adds its probes when named",
		bpf.SectionOVS, nil},
	{"caller", costCaller, "who called the probed function; at entries of functions", bpf.SectionCaller, nil},
	{"args", costArgs, "the other arguments that are numbers, by name; at entries of functions and at tracepoints",
		bpf.SectionArgs, nil},
	{"stack", costStack, "the stack of calls (--stack-depth); each stack is written once", bpf.SectionStack, nil},
}

// Instructions per event beside those of the default sections, as docs/performance.md has
// them.
const (
	costSock   = "824"
	costCt     = "412"
	costNFT    = "1430"
	costOVS    = "313"
	costCaller = "131"
	costArgs   = "57"
	costStack  = "6176"
)

// more fills the sections that were asked for beside the default ones.
func (d *decoder) more(e *format.Event, m *bpf.More) {
	if m.Sock != nil && m.Sock.Family != 0 {
		d.sock(&e.Sock, m.Sock)
	}
	if m.Ct != nil && m.Ct.Addr != 0 {
		d.conntrack(&e.Ct, m.Ct)
	}
	if m.NFT != nil {
		d.nft(&e.NFT, m.NFT)
	}
	if m.OVS != nil {
		d.ovs(&e.OVS, m.OVS)
	}
	if m.Caller != nil && *m.Caller != 0 {
		caller := d.caller(*m.Caller)
		if function, _, _ := strings.Cut(caller, "+"); !kfunc.IsTrampoline(function) {
			e.Caller = caller
		}
	}
	if m.Args != nil {
		e.Args = d.arguments(e.Args, d.proto(e.Probe), m.Args)
	}
	if len(m.Show) > 0 {
		e.Fields = d.fields(e.Fields, m.Show)
	}
	if len(m.Stack) > 0 {
		if s := d.stacks.of(m.Stack, d.location, d.caller); len(s.Frames) > 0 {
			d.stack, e.Stack = s, s.ID
		}
	}
}

// A fill makes a section of the copies of the sk_buff that every event has.
type fill func(d *decoder, e *format.Event, r *bpf.Event)

func (d *decoder) gso(e *format.Event, r *bpf.Event) {
	if r.Has&bpf.HasShinfo == 0 {
		return
	}
	size, _ := d.layout.GSOSize.Read(r.Shinfo[:])
	segs, _ := d.layout.GSOSegs.Read(r.Shinfo[:])
	types, _ := d.layout.GSOType.Read(r.Shinfo[:])
	e.GSO.Size, e.GSO.Segs = uint16(size), uint16(segs)
	for i, bit := range d.gsoBits {
		if types>>i&1 != 0 {
			e.GSO.Type |= bit
		}
	}
}

func (d *decoder) csum(e *format.Event, r *bpf.Event) {
	summed, ok := d.layout.IPSummed.Read(r.Tail[:])
	if !ok {
		return
	}
	sum, _ := d.layout.Csum.Read(r.Tail[:])
	start, _ := d.layout.CsumStart.Read(r.Tail[:])
	offset, _ := d.layout.CsumOffset.Read(r.Tail[:])
	e.Csum = format.Csum{Has: true, Summed: uint8(summed), Sum: uint32(sum), Start: uint16(start), Offset: uint16(offset)}
}

// ret is what a function returned, if anything: the address of an sk_buff where its type
// says so.
func (d *decoder) ret(probe string, v uint64) format.Ret {
	if proto := d.proto(probe); proto != nil {
		if _, void := btf.UnderlyingType(proto.Return).(*btf.Void); void {
			return format.Ret{}
		}
		if p, ok := btf.UnderlyingType(proto.Return).(*btf.Pointer); ok {
			s, ok := btf.UnderlyingType(p.Target).(*btf.Struct)
			if ok && s.Name == "sk_buff" && v != 0 && v < ^uint64(4095) {
				return format.Ret{Has: true, Skb: v}
			}
		}
		return format.Ret{Has: true, Value: signed(proto.Return, v)}
	}
	return format.Ret{Has: true, Value: int64(v)}
}

// signed is the value in a register as its type has it: what lies in the upper bits of a
// short type is not defined.
func signed(t btf.Type, v uint64) int64 {
	var size uint32
	var isSigned bool
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		size, isSigned = t.Size, t.Encoding == btf.Signed
	case *btf.Enum:
		size, isSigned = t.Size, t.Signed
	}
	switch {
	case size == 0 || size >= 8:
		return int64(v)
	case isSigned:
		shift := 64 - 8*size
		return int64(v) << shift >> shift
	}
	return int64(v & (1<<(8*size) - 1))
}

// arguments are those that are numbers, as far as registers hold them; of enums the names.
func (d *decoder) arguments(args format.Args, f *btf.FuncProto, regs *[bpf.Args]uint64) format.Args {
	args = args[:0]
	if f == nil {
		return args
	}
	for i, p := range f.Params[:min(len(f.Params), len(regs))] {
		a := format.Arg{Name: p.Name, Value: signed(p.Type, regs[i])}
		switch t := btf.UnderlyingType(p.Type).(type) {
		case *btf.Int:
			a.Big = t.Size == 8 && t.Encoding != btf.Signed && a.Value < 0
		case *btf.Enum:
			a.Text, a.IsText = d.enumerator(t, uint64(a.Value))
		case *btf.Struct, *btf.Union:
			// One in registers takes one or two of them: what follows is not where
			// it would be.
			return args
		default:
			continue
		}
		if a.Name != "" {
			args = append(args, a)
		}
	}
	return args
}

// enumerator is the name of a constant. Drop reasons of all subsystems are in the core's enum; what returned one before
// there was that enum is in one of its own.
func (d *decoder) enumerator(t *btf.Enum, v uint64) (name string, ok bool) {
	if strings.HasSuffix(t.Name, "drop_reason") {
		if name, ok := d.reasons[uint32(v)]; ok && (t.Name == "skb_drop_reason" || v>>16 != 0) {
			return name, true
		}
	}
	for _, e := range t.Values {
		if e.Value == v || t.Size == 4 && uint32(e.Value) == uint32(v) {
			return e.Name, true
		}
	}
	return "", false
}

// families are the AF_* of include/linux/socket.h that sockets on the way of packets have.
var families = map[uint16]string{1: "UNIX", 2: "INET", 10: "INET6", 15: "KEY", 16: "NETLINK", 17: "PACKET",
	28: "MPLS", 29: "CAN", 30: "TIPC", 38: "ALG", 40: "VSOCK", 43: "SMC", 44: "XDP", 45: "MCTP"}

// sockStates are TCP_* of include/net/tcp_states.h, which other protocols use too.
var sockStates = [...]string{1: "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
	"CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV", "BOUND_INACTIVE"}

// sockTypes are SOCK_* of include/linux/net.h.
var sockTypes = [...]string{1: "STREAM", "DGRAM", "RAW", "RDM", "SEQPACKET", "DCCP", 10: "PACKET"}

const (
	afInet  = 2
	afInet6 = 10
)

func (d *decoder) sock(s *format.Sock, r *bpf.SockInfo) {
	family, ok := families[r.Family]
	if !ok {
		// Not zero and none that there is: no socket, whatever lies there.
		if r.Family > 63 {
			return
		}
		family = strconv.Itoa(int(r.Family))
	}
	*s = format.Sock{Addr: r.Addr, Family: family, State: kernel.NameOf(sockStates[:], int(r.State)),
		Full: r.Full != 0, Cookie: r.Cookie, Ifindex: r.BoundDevIf,
		Type: kernel.NameOf(sockTypes[:], int(r.Type)), Protocol: r.Protocol, UID: r.Uid, Inode: r.Ino, Cgroup: r.Cgroup,
		Rmem: r.Rmem, Rcvbuf: r.Rcvbuf, Wmem: r.Wmem, Sndbuf: r.Sndbuf,
		Filter: r.Filter != 0, Backlog: r.Backlog, MaxBacklog: r.MaxBacklog}
	if r.Wmem > 0 {
		s.Wmem-- // sk_wmem_alloc counts one for the socket itself (net/core/sock.c)
	}
	if r.Family != afInet && r.Family != afInet6 {
		return // its members have other meanings there
	}
	s.Src, s.Dst = address(r.Saddr[:], r.Family == afInet6), address(r.Daddr[:], r.Family == afInet6)
	// dport is big-endian.
	s.Sport, s.Dport = r.Sport, r.Dport<<8|r.Dport>>8
}

// address is absent when it is the unspecified one.
func address(b []byte, is6 bool) netip.Addr {
	var a netip.Addr
	if is6 {
		a = netip.AddrFrom16([16]byte(b)).Unmap()
	} else {
		a = netip.AddrFrom4([4]byte(b))
	}
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

// ctStates are enum ip_conntrack_info, include/uapi/linux/netfilter/nf_conntrack_common.h.
var ctStates = [8]struct{ state, dir string }{{"ESTABLISHED", "original"}, {"RELATED", "original"}, {"NEW", "original"},
	{"ESTABLISHED", "reply"}, {"RELATED", "reply"}, {"NEW", "reply"}, {}, {"UNTRACKED", ""}}

// ctTemplate is IPS_TEMPLATE, of the same file.
const ctTemplate = 1 << 11

func (d *decoder) conntrack(c *format.Ct, r *bpf.CtInfo) {
	if d.ct == nil {
		// Whether it can be had was tried before.
		if d.ct, _ = d.kernel.CtLayout(); d.ct == nil {
			return
		}
	}
	s := ctStates[r.Ctinfo&7]
	*c = format.Ct{State: s.state, Dir: s.dir}
	if s.dir == "" {
		return
	}
	l, conn := d.ct, r.Conn[:]
	c.Addr = r.Addr
	status, _ := l.Status.Read(conn)
	mark, _ := l.Mark.Read(conn)
	zone, _ := l.ZoneID.Read(conn)
	c.Status, c.Mark, c.Zone = uint32(status), uint32(mark), uint16(zone)
	if c.Status&ctTemplate != 0 {
		return // a rule's template of a connection to be (`ct zone set`): it has no addresses
	}
	tuple(&c.Orig, &l.Orig, conn)
	tuple(&c.Reply, &l.Reply, conn)
	switch c.Orig.Proto {
	case 6:
		c.ProtoState = stateOf(l.TCPState, l.TCPStates, conn)
	case 132:
		c.ProtoState = stateOf(l.SCTPState, l.SCTPStates, conn)
	}
	c.Labels = r.Labels
	c.Helper = d.text(r.Helper)
	if r.Master != 0 {
		tuple(&c.Parent, &l.Parent, r.Tuples[:])
	}
}

func stateOf(f kernel.Field, names map[uint32]string, raw []byte) string {
	v, ok := f.Read(raw)
	if !ok {
		return ""
	}
	if name, ok := names[uint32(v)]; ok {
		return name
	}
	return strconv.FormatUint(v, 10)
}

// tuple reads one direction of a connection.
func tuple(t *format.Tuple, l *kernel.TupleLayout, raw []byte) {
	l3, _ := l.L3.Read(raw)
	proto, _ := l.Proto.Read(raw)
	t.Proto = uint8(proto)
	addr := func(at uint32) netip.Addr {
		if l3 == afInet6 { // NFPROTO_IPV6 is the same number
			return netip.AddrFrom16([16]byte(raw[at : at+16]))
		}
		return netip.AddrFrom4([4]byte(raw[at : at+4]))
	}
	t.Src, t.Dst = addr(l.SrcAddr), addr(l.DstAddr)
	if t.Proto == 1 || t.Proto == 58 {
		t.ICMP = true
		id, _ := l.ICMPID.Read(raw)
		typ, _ := l.ICMPType.Read(raw)
		code, _ := l.ICMPCode.Read(raw)
		t.ID, t.Type, t.Code = uint16(id), uint8(typ), uint8(code)
		return
	}
	sport, _ := l.SrcPort.Read(raw)
	dport, _ := l.DstPort.Read(raw)
	t.Sport, t.Dport = uint16(sport), uint16(dport)
}
