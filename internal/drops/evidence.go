package drops

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// evidence is what the start and change records say of the collector's network namespace besides its
// settings; nil maps: they do not say.
type evidence struct {
	devices map[string]format.Device
	macs    map[string][]byte // addresses of the link layer by device
	// all of the devices, and what each is: wordYes or kindBroadcast; nil: they are not known
	addrs    map[netip.Addr][]byte
	owners   map[string]string // names of devices by address of the link layer
	filters  map[string]string
	actions  map[string]string // of those filters
	firewall map[string]string
	rules    map[string]uint64
	xfrm     map[string]uint64
	spis     map[string]string
	programs map[string]uint64 // BPF, of the whole machine
}

func readEvidence(r format.Raw) evidence {
	var s format.Start
	if s.Decode(r) != nil {
		return evidence{}
	}
	e := evidence{devices: s.Devices, filters: s.Filters, actions: s.FilterActions, firewall: s.Firewall, rules: s.Rules,
		xfrm: s.Xfrm, spis: s.SPIs, programs: s.BPF}
	e.deriveFromDevices()
	return e
}

// deriveFromDevices finds out what addresses there are.
func (e *evidence) deriveFromDevices() {
	e.addrs, e.macs, e.owners = nil, map[string][]byte{}, map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(e.devices)) {
		d := e.devices[name]
		for _, a := range d.Addrs {
			p, err := netip.ParsePrefix(a)
			if err != nil {
				continue
			}
			if e.addrs == nil {
				e.addrs = map[netip.Addr][]byte{}
			}
			e.addrs[p.Addr()] = wordYes
			if last := broadcastOf(p); last.IsValid() && e.addrs[last] == nil {
				e.addrs[last] = kindBroadcast
			}
		}
		if mac, err := net.ParseMAC(d.Addr); err == nil {
			e.macs[name] = mac
			if e.owners[string(mac)] == "" {
				e.owners[string(mac)] = name
			}
		}
	}
}

// broadcastOf is the broadcast address of a network of IPv4, which is local to each host in it
// (fib_add_ifaddr, net/ipv4/fib_frontend.c).
func broadcastOf(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}
	}
	a := p.Addr().As4()
	n := binary.BigEndian.Uint32(a[:]) | (1<<(32-p.Bits()) - 1)
	binary.BigEndian.PutUint32(a[:], n)
	return netip.AddrFrom4(a)
}

// device is that of the drop, if it is in the collector's namespace and was there at the
// start.
func (f *facts) device() (d format.Device, ok bool) {
	name, found := f.find.Str(findDevName)
	if !found || f.elsewhere() {
		return d, false
	}
	d, ok = f.host.devices[string(name)]
	return d, ok
}

// frameFor says whom the frame is addressed to: own (the address of the device that it is
// on), broadcast, multicast, sibling (the address of another device of this host) or other. Absent: its bytes or the
// device's address are not known.
func (f *facts) frameFor() value {
	f.headers()
	b := f.frame.data
	if string(f.frame.at) != "mac" || len(b) < 14 || f.frame.linkType > 1 {
		return value{}
	}
	switch {
	case string(b[:6]) == "\xff\xff\xff\xff\xff\xff":
		return fixed(kindBroadcast)
	case b[0]&1 != 0:
		return fixed(kindMulticast)
	}
	name, _ := f.find.Str(findDevName)
	mac := f.host.macs[string(name)]
	if f.elsewhere() || mac == nil {
		return value{}
	}
	if string(mac) == string(b[:6]) {
		return fixed(wordOwn)
	}
	if f.host.owners[string(b[:6])] != "" {
		return fixed(wordSibling)
	}
	return fixed(wordOther)
}

// frameOwner is the device that has the address that the frame is for.
func (f *facts) frameOwner() value {
	f.headers()
	if b := f.frame.data; string(f.frame.at) == "mac" && len(b) >= 14 && !f.elsewhere() {
		return f.str(f.host.owners[string(b[:6])])
	}
	return value{}
}

var wordNFT = []byte("nft")

var wordOwn, wordSibling, wordOther, wordNone, wordSome, wordYes, wordNo = []byte("own"), []byte("sibling"),
	[]byte("other"), []byte("none"), []byte("some"), []byte("yes"), []byte("no")

// tcFilters says where the device had tc filters at the start, or none.
func (f *facts) tcFilters() value {
	if _, known := f.device(); !known || f.host.filters == nil {
		return value{}
	}
	name, _ := f.find.Str(findDevName)
	if words := f.host.filters[string(name)]; words != "" {
		return f.str(words)
	}
	return fixed(wordNone)
}

// qdiscFilters says whether a queueing discipline of the device had tc filters of its own at
// the start: yes or no.
func (f *facts) qdiscFilters() value {
	where := f.tcFilters()
	if where.kind() == absent {
		return where
	}
	for word := range strings.FieldsSeq(string(where.s)) {
		if word != "ingress" && word != "egress" && word != string(wordNone) {
			return fixed(wordYes)
		}
	}
	return fixed(wordNo)
}

// harmless are tc actions that let packets pass: they only mark or change them.
var harmless = map[string]bool{
	"pass": true, "continue": true, "pipe": true, "reclassify": true, "goto": true, "skbedit": true, "pedit": true,
	"vlan": true, "tunnel_key": true, "csum": true, "sample": true, "connmark": true, "ctinfo": true, "simple": true,
}

// tcActions are those of the device's tc filters that may have dropped the packet, or taken it,
// or none; of the filters on ingress, on egress, or of a queueing discipline ("qdisc"). Absent: they
// are not known.
func (f *facts) tcActions(where string) value {
	if _, known := f.device(); !known || f.host.actions == nil {
		return value{}
	}
	name, _ := f.find.Str(findDevName)
	b := f.buf
	for word := range strings.FieldsSeq(f.host.actions[string(name)]) {
		place, action, _ := strings.Cut(word, ":")
		if of := place == "ingress" || place == "egress"; of && place != where || !of && where != "qdisc" ||
			harmless[action] {
			continue
		}
		if len(b) > len(f.buf) {
			if slices.Contains(strings.Split(string(b[len(f.buf):]), ", "), action) {
				continue
			}
			b = append(b, ", "...)
		}
		b = append(b, action...)
	}
	if len(b) == len(f.buf) {
		return fixed(wordNone)
	}
	return f.made(b)
}

// qdiscHas says whether the device had a queueing discipline of one of the kinds, which commas
// separate, at the start: yes or no. Absent: it is not known.
func (f *facts) qdiscHas(kinds string) value {
	has := f.qdiscs()
	if has == "" && f.noqueue().kind() == absent {
		return value{}
	}
	for kind := range strings.SplitSeq(kinds, ",") {
		if slices.Contains(strings.Fields(has), kind) {
			return fixed(wordYes)
		}
	}
	return fixed(wordNo)
}

// rulesAt says whether nftables or iptables had rules at the hook that the drop was at, when
// the stream began: none, some, or nft: nftables alone, on a kernel where its drops are not
// nf_hook_slow's. Absent: it is not known.
func (f *facts) rulesAt() value {
	if f.host.firewall == nil || f.elsewhere() || !f.host.inNetns || !f.find.Has(findNetns) {
		return value{}
	}
	hook := f.hook()
	version := f.headers().version
	nft := false
	for chain, at := range f.host.firewall {
		words := strings.Fields(chain)
		if len(words) == 0 {
			continue
		}
		if words[0] == "nft" && len(words) > 1 {
			if (words[1] == "ip" && version == 6) || (words[1] == "ip6" && version == 4) {
				continue
			}
			if at != "" && hook != "" && at != hook && (words[1] == "ip" || words[1] == "ip6" || words[1] == "inet") {
				continue
			}
		}
		if words[0] != "nft" || !f.host.names[reasonOf68] || string(f.function) == kfunc.NFTDoChain {
			return fixed(wordSome)
		}
		nft = true
	}
	if nft {
		return fixed(wordNFT)
	}
	return fixed(wordNone)
}

// reasonOf68 is a reason of Linux 6.8, from which on nftables frees what it drops itself, in
// nft_do_chain (NF_DROP_REASON, 6.7).
const reasonOf68 = "PACKET_SOCK_ERROR"

// conntrackUsed is how much of the table of connections was in use at the start, in percent.
func (f *facts) conntrackUsed() value {
	count, limit := f.sysctl("net.netfilter.nf_conntrack_count"), f.sysctl("net.netfilter.nf_conntrack_max")
	if count.kind() == absent || limit.kind() == absent || limit.n <= 0 {
		return value{}
	}
	return num(count.n*100/limit.n, true)
}

// toMany says that the packet is a multicast or a broadcast: its address, or the kernel's word
// for its frame where the address is not known to be one host's.
func (f *facts) toMany() value {
	p := f.headers()
	switch kind := string(addressKind(p.dst)); {
	case kind == "multicast" || kind == "broadcast":
		return num(1, true)
	case p.version == 6:
		return value{}
	}
	switch string(f.own(p.dst).s) {
	case "yes":
		return value{}
	case "broadcast":
		return num(1, true)
	}
	t, _ := f.find.Uint(findSkbPktType)
	// PACKET_BROADCAST, PACKET_MULTICAST and PACKET_LOOPBACK: linux/if_packet.h
	return num(1, t == 1 || t == 2 || t == 5)
}

// own says whether an address was one of the collector's namespace when the stream began: yes,
// no, or broadcast, that of one of its networks. Absent: it is not known.
func (f *facts) own(a netip.Addr) value {
	if !a.IsValid() || f.host.addrs == nil || f.elsewhere() || !f.find.Has(findNetns) {
		return value{}
	}
	if is := f.host.addrs[a]; is != nil {
		return fixed(is)
	}
	if a.IsLoopback() {
		return fixed(wordYes)
	}
	return fixed(wordNo)
}

// counted gives one of the start record's counts of the collector's namespace.
func (f *facts) counted(m map[string]uint64, key string) value {
	if f.elsewhere() {
		return value{}
	}
	n, ok := m[key]
	return num(int64(min(n, 1<<40)), ok)
}

func (f *facts) evidence(fd *field) value {
	switch fd.id {
	case fieldQdiscHas:
		return f.qdiscHas(fd.arg)
	case fieldQdiscFilters:
		return f.qdiscFilters()
	case fieldFrameDst:
		f.headers()
		if b := f.frame.data; string(f.frame.at) == "mac" && len(b) >= 14 {
			return f.str(net.HardwareAddr(b[:6]).String())
		}
		return value{}
	case fieldFrameOwner:
		return f.frameOwner()
	case fieldOnLink:
		return f.onLink()
	case fieldKnows:
		return yesOrNo(f.host.names[fd.arg])
	case fieldTCActions:
		return f.tcActions(fd.arg)
	case fieldFrameFor:
		return f.frameFor()
	case fieldDevKind, fieldDevMaster, fieldDevPort, fieldDevCarrier, fieldDevLocked, fieldMasterKind:
		return f.deviceField(fd.id)
	case fieldTCFilters:
		return f.tcFilters()
	case fieldFirewall:
		return f.rulesAt()
	case fieldSaddrOwn:
		return f.own(f.headers().src)
	case fieldDaddrOwn:
		return f.own(f.headers().dst)
	case fieldConntrackCount:
		return f.sysctl("net.netfilter.nf_conntrack_count")
	case fieldConntrackMax:
		return f.sysctl("net.netfilter.nf_conntrack_max")
	case fieldConntrackUsed:
		return f.conntrackUsed()
	case fieldIPRules:
		return f.ipRules()
	case fieldSPIKnown:
		spi := f.headers().spi
		if spi == 0 || f.host.spis == nil || f.elsewhere() {
			return value{}
		}
		if _, ok := f.host.spis[fmt.Sprintf("0x%08x", spi)]; ok {
			return fixed(wordYes)
		}
		return fixed(wordNo)
	case fieldXfrmStates:
		return f.counted(f.host.xfrm, "states")
	case fieldXfrmPolicies:
		return f.counted(f.host.xfrm, "policies")
	case fieldThen:
		return f.then()
	}
	n, ok := f.host.programs[fd.arg]
	return num(int64(min(n, 1<<40)), ok)
}

func (f *facts) deviceField(id fieldID) value {
	d, ok := f.device()
	if !ok {
		return value{}
	}
	s := ""
	switch id {
	case fieldDevKind:
		s = d.Kind
	case fieldDevMaster:
		s = d.Master
	case fieldDevPort:
		s = d.Port
	case fieldDevCarrier:
		if d.Carrier.OK {
			return yesOrNo(d.Carrier.V)
		}
	case fieldDevLocked:
		if d.Locked.OK {
			return yesOrNo(d.Locked.V)
		}
	case fieldMasterKind:
		s = f.host.devices[d.Master].Kind
		if d.Master == "" {
			return fixed(wordNone)
		}
	}
	return f.str(s)
}

func yesOrNo(b bool) value {
	if b {
		return fixed(wordYes)
	}
	return fixed(wordNo)
}

// ipRules says whether there were ip rules for the packet's family beside the kernel's own, when
// the stream began: some or none.
func (f *facts) ipRules() value {
	family := "inet"
	if f.headers().version == 6 {
		family = "inet6"
	}
	switch n := f.counted(f.host.rules, family); {
	case n.kind() == absent:
		return n
	case n.n > 0:
		return fixed(wordSome)
	}
	return fixed(wordNone)
}

// onLink says whether the packet is for a network that its device had an address of at the start:
// yes or no. Absent: it is not known.
func (f *facts) onLink() value {
	d, ok := f.device()
	to := f.headers().dst
	if !ok || !to.IsValid() || d.Addrs == nil {
		return value{}
	}
	for _, a := range d.Addrs {
		if p, err := netip.ParsePrefix(a); err == nil && p.Masked().Contains(to) {
			return fixed(wordYes)
		}
	}
	return fixed(wordNo)
}
