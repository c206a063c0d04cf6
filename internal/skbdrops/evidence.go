package skbdrops

import (
	"net"
	"strings"

	"github.com/skb-tools/skb-tools/format"
)

// evidence is what the start record says of the collector's network namespace besides its
// settings; nil maps: it does not say.
type evidence struct {
	devices  map[string]format.Device
	macs     map[string][]byte // addresses of the link layer by device
	filters  map[string]string
	firewall map[string]string
	rules    map[string]uint64
	xfrm     map[string]uint64
	programs map[string]uint64 // BPF, of the whole machine
}

func readEvidence(r format.Raw) evidence {
	var s format.Start
	if s.Decode(r) != nil {
		return evidence{}
	}
	e := evidence{devices: s.Devices, filters: s.Filters, firewall: s.Firewall, rules: s.Rules, xfrm: s.Xfrm, programs: s.BPF}
	e.macs = map[string][]byte{}
	for name, d := range e.devices {
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

var wordOwn, wordOther, wordNone, wordSome = []byte("own"), []byte("other"), []byte("none"), []byte("some")

// via tells whether a function is among the drop's callers: 1 or 0; absent without a stack.
func (f *facts) via(function string) value {
	if f.frames == nil {
		return value{}
	}
	for _, frame := range f.frames {
		if frame == function {
			return num(1, true)
		}
	}
	return num(0, true)
}

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
	case fieldVia:
		return f.via(fd.arg)
	case fieldFrameFor:
		return f.frameFor()
	case fieldDevKind, fieldDevMaster, fieldDevPort, fieldMasterKind:
		return f.deviceField(fd.id)
	case fieldTCFilters:
		return f.tcFilters()
	case fieldFirewall:
		return f.rulesAt()
	case fieldConntrackUsed:
		return f.conntrackUsed()
	case fieldIPRules:
		if f.headers().version == 6 {
			return f.counted(f.host.rules, "inet6")
		}
		return f.counted(f.host.rules, "inet")
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
