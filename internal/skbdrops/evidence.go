package skbdrops

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
)

// evidence is what the start record says of the collector's network namespace besides its
// settings; nil maps: it does not say.
type evidence struct {
	devices  map[string]format.Device
	macs     map[string][]byte   // addresses of the link layer by device
	addrs    map[netip.Addr]bool // all of the devices; nil: they are not known
	filters  map[string]string
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
	e := evidence{devices: s.Devices, filters: s.Filters, firewall: s.Firewall, rules: s.Rules, xfrm: s.Xfrm, spis: s.SPIs, programs: s.BPF}
	e.macs = map[string][]byte{}
	for name, d := range e.devices {
		for _, a := range d.Addrs {
			if p, err := netip.ParsePrefix(a); err == nil {
				if e.addrs == nil {
					e.addrs = map[netip.Addr]bool{}
				}
				e.addrs[p.Addr()] = true
			}
		}
		if mac, err := net.ParseMAC(d.Addr); err == nil {
			e.macs[name] = mac
		}
	}
	return e
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
// on), broadcast, multicast or other. Absent: its bytes or the device's address are not
// known.
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
	return fixed(wordOther)
}

var wordOwn, wordOther, wordNone, wordSome, wordYes, wordNo = []byte("own"), []byte("other"), []byte("none"), []byte("some"), []byte("yes"), []byte("no")

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

// qdiscHas says whether the device had a queueing discipline of a kind at the start: yes or
// no. Absent: it is not known.
func (f *facts) qdiscHas(kind string) value {
	kinds := f.qdiscs()
	switch {
	case kinds == "" && f.noqueue().kind() == absent:
		return value{}
	case slices.Contains(strings.Fields(kinds), kind):
		return fixed(wordYes)
	}
	return fixed(wordNo)
}

// rulesAt says whether nftables or iptables had rules at the hook that the drop was at, when
// the stream began: none or some. Absent: it is not known.
func (f *facts) rulesAt() value {
	if f.host.firewall == nil || f.elsewhere() || !f.host.inNetns || !f.find.Has(findNetns) {
		return value{}
	}
	hook := f.hook()
	version := f.headers().version
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
		return fixed(wordSome)
	}
	return fixed(wordNone)
}

// conntrackUsed is how much of the table of connections was in use at the start, in percent.
func (f *facts) conntrackUsed() value {
	count, limit := f.sysctl("net.netfilter.nf_conntrack_count"), f.sysctl("net.netfilter.nf_conntrack_max")
	if count.kind() == absent || limit.kind() == absent || limit.n <= 0 {
		return value{}
	}
	return num(count.n*100/limit.n, true)
}

// toMany says that the packet is a multicast or a broadcast: the kernel's word for its
// frame, or its address.
func (f *facts) toMany() value {
	t, _ := f.find.Uint(findSkbPktType)
	kind := string(addressKind(f.headers().dst))
	// PACKET_BROADCAST, PACKET_MULTICAST and PACKET_LOOPBACK: linux/if_packet.h
	return num(1, t == 1 || t == 2 || t == 5 || kind == "multicast" || kind == "broadcast")
}

// own says whether an address was one of the collector's namespace when the stream began;
// absent: it is not known.
func (f *facts) own(a netip.Addr) value {
	if !a.IsValid() || f.host.addrs == nil || f.elsewhere() || !f.find.Has(findNetns) {
		return value{}
	}
	if f.host.addrs[a] || a.IsLoopback() {
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
	case fieldFrameFor:
		return f.frameFor()
	case fieldDevKind, fieldDevMaster, fieldDevPort, fieldMasterKind:
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
		if f.headers().version == 6 {
			return f.counted(f.host.rules, "inet6")
		}
		return f.counted(f.host.rules, "inet")
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
	case fieldMasterKind:
		s = f.host.devices[d.Master].Kind
		if d.Master == "" {
			return fixed(wordNone)
		}
	}
	return f.str(s)
}
