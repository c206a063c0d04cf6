package drops

import (
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/drops/census"
	"github.com/skb-tools/skb-tools/internal/netname"
	"github.com/skb-tools/skb-tools/internal/sampled"
)

// A host is what a start record says of the traced machine.
type host struct {
	census  string // the kernel of the census that it runs; "": another one
	id      uint64 // tells the packets of one host's stream from those of another's
	name    string
	reasons map[uint32]string
	names   map[string]bool // of reasons that this kernel has
	sysctl  map[string]string
	qdisc   map[string]string // kinds by device
	qdiscs  bool              // they are known: a device that is not there has none
	netns   uint64            // the collector's network namespace, whose sysctls and qdiscs these are
	inNetns bool              // netns is known
	spaces  *netname.Names    // names of network namespaces
	inner   bool              // netns is not the first one: settings of the whole machine are not to be seen in it
	evidence
	sample sampled.Rate
	offset int64 // from the stream's times to Unix time, ns; 0: unknown
	clock  bool  // the start has it: 0 of a stream that was read from a capture is no lack

	since  since                      // from when on all this is known
	last   since                      // ts of the latest change records that said how it is
	lost   [len(format.FactKeys)]bool // it is not known any more
	looked bool                       // a change record said how something is
	derive bool                       // what is made of devices is not of what they are now
	grown  int                        // bytes of change records since size was looked at
	views  map[int]*host              // by what is left out
}

// hosts are those of the starts seen last: a merge comes back to each again and again.
type hosts struct {
	seed maphash.Seed
	by   map[uint64]*host // by hash of the start
	size int              // bytes of their records
	came format.Starts[*host]

	changed []*host         // of which change records came, the latest last
	gone    map[uint64]bool // hashes of starts that had such, and are not kept
}

// maxHosts bounds them. What is beyond is read anew.
const maxHosts = 64

// start returns the host of a start record.
func (s *hosts) start(r format.Raw) *host {
	if s.by == nil {
		s.seed, s.by = maphash.MakeSeed(), map[uint64]*host{}
	}
	key := maphash.Bytes(s.seed, r)
	h := s.by[key]
	if h == nil {
		if len(s.by) >= maxHosts || s.size+len(r) > format.MaxStartBytes {
			s.clear()
		}
		s.size += len(r)
		if h = readHost(r); s.gone[key] || len(s.gone) >= maxEntries {
			h.forget() // what changed since is not known any more
		}
		s.by[key] = h
	}
	s.came.Set(r, h)
	return h
}

// clear lets go of all hosts.
func (s *hosts) clear() {
	for key, h := range s.by {
		if h.since != (since{}) && len(s.gone) < maxEntries {
			if s.gone == nil {
				s.gone = map[uint64]bool{}
			}
			s.gone[key] = true
		}
	}
	clear(s.by)
	s.size = 0
}

// maxEntries bounds the maps of a start record: a host of a thousand devices has some
// ten thousand sysctls.
const maxEntries = 1 << 16

func readHost(r format.Raw) *host {
	h := &host{spaces: netname.Of(r), reasons: map[uint32]string{}, names: map[string]bool{},
		sysctl: map[string]string{}, qdisc: map[string]string{}}
	h.id = hash(r)
	name, _ := r.Get("host").Str()
	h.name = string(name)
	h.census = censusKernel(r.Get("kernel"))
	h.netns, h.inNetns = r.Get("netns", "inum").Uint()
	h.qdiscs = r.Get("qdisc") != nil
	h.evidence = readEvidence(r)
	h.sample = sampled.Of(r)
	h.offset, h.clock = r.Get("clock_offset").Int()
	eachString(r.Get("drop_reasons"), func(key, value []byte) {
		n, err := strconv.ParseUint(string(key), 10, 32)
		if err == nil && len(h.reasons) < maxEntries {
			name := Name(string(value))
			h.reasons[uint32(n)] = name
			h.names[name] = true
		}
	})
	for name, to := range map[string]map[string]string{"sysctl": h.sysctl, "qdisc": h.qdisc} {
		eachString(r.Get(name), func(key, value []byte) {
			if len(to) < maxEntries {
				to[string(key)] = string(value)
			}
		})
	}
	// Both are among what skb-collect reads, and each namespace has one of them (net/core/sysctl_net_core.c).
	_, machine := h.sysctl["net.core.netdev_max_backlog"]
	_, own := h.sysctl["net.core.somaxconn"]
	h.inner = own && !machine
	return h
}

// censusKernel is the kernel of the census with the same version: 6.12 for 6.12.117+deb13.
func censusKernel(release wire.Value) string {
	s, _ := release.Str()
	for _, k := range census.Kernels {
		if rest, ok := strings.CutPrefix(string(s), k); ok && (rest == "" || rest[0] < '0' || rest[0] > '9') {
			return k
		}
	}
	return ""
}

func eachString(m wire.Value, f func(key, value []byte)) {
	_ = m.Each(func(key []byte, v wire.Value) bool {
		if s, ok := v.Str(); ok {
			f(key, s)
		}
		return true
	})
}

// hash is FNV-1a.
func hash(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// elsewhere says that the packet was in another network namespace than the one that the
// stream's sysctls are from.
func (f *facts) elsewhere() bool {
	if !f.host.inNetns {
		return false
	}
	inum, ok := f.find.Uint(findNetnsInum)
	return ok && inum != f.host.netns
}

// seesNetns takes the network namespace of an event: with another cookie than before its number is another's.
func (f *facts) seesNetns() {
	if f.host.spaces.Any() {
		inum, _ := f.find.Uint(findNetnsInum)
		cookie, _ := f.find.Uint(findNetnsCookie)
		f.host.spaces.Sees(inum, cookie)
	}
}

// netns is what the packet's network namespace is called, or its number.
func (f *facts) netns() value {
	inum, ok := f.find.Uint(findNetnsInum)
	if !ok {
		return value{}
	}
	if name := f.host.spaces.Name(inum); name != "" {
		return f.str(name)
	}
	return num(int64(inum), true)
}

func (f *facts) sysctl(name string) value { return f.sysctlBytes(append(f.buf, name...)) }

func (f *facts) sysctlBytes(name []byte) value {
	s, ok := f.host.sysctl[string(name)]
	if !ok || f.elsewhere() {
		return value{}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return num(n, err == nil)
}

// qdisc is the kinds of queueing discipline that the packet's device had at the start,
// those apart that queue nothing and only hold tc filters.
func (f *facts) qdisc() value {
	kinds := f.qdiscs()
	if !strings.Contains(kinds, filtersOnly) && !strings.Contains(kinds, "ingress") {
		return f.str(kinds)
	}
	b := f.buf
	for _, kind := range strings.Fields(kinds) {
		if kind == filtersOnly || kind == "ingress" {
			continue
		}
		if len(b) > len(f.buf) {
			b = append(b, ' ')
		}
		b = append(b, kind...)
	}
	return f.made(b)
}

const filtersOnly = "clsact"

// clsact is there if the device had a place for tc filters on its egress.
func (f *facts) clsact() value {
	if strings.Contains(f.qdiscs(), filtersOnly) {
		return f.str(filtersOnly)
	}
	return value{}
}

// noqueue is there if it is known that the device had no queueing discipline.
func (f *facts) noqueue() value {
	return num(1, f.host.qdiscs && f.find.Has(findDevName) && !f.elsewhere() && f.qdisc().kind() == absent)
}

func (f *facts) qdiscs() string {
	dev, _ := f.find.Str(findDevName)
	if f.elsewhere() {
		return ""
	}
	return f.host.qdisc[string(dev)]
}

// devConf is the sysctl of the packet's device, as net.ipv4.conf.eth0.rp_filter.
func (f *facts) devConf(before, after string) value {
	dev := f.devSysctl()
	if dev.kind() == absent {
		return dev
	}
	return f.sysctlBytes(append(append(append(f.buf, before...), dev.s...), after...))
}

// devSysctl is the device's name as sysctl(8) wants it in a dotted name: eth0/100 for
// eth0.100.
func (f *facts) devSysctl() value {
	dev, ok := f.find.Str(findDevName)
	if !ok {
		return value{}
	}
	v := f.made(append(f.buf, dev...))
	for i, c := range v.s {
		if c == '.' {
			v.s[i] = '/'
		}
	}
	return v
}

// rpFilter is the reverse path filtering that holds for the device: the greater of its own
// setting and that of all (Documentation/networking/ip-sysctl.rst).
func (f *facts) rpFilter() value {
	all := f.sysctl("net.ipv4.conf.all.rp_filter")
	own := f.devConf("net.ipv4.conf.", ".rp_filter")
	if all.kind() == absent || own.kind() == absent {
		if all.n > 0 || own.n > 0 { // whatever the other is, it is on
			return num(max(all.n, own.n), true)
		}
		return value{}
	}
	return num(max(all.n, own.n), true)
}

// forwarding is whether packets that come in on the device are forwarded, and the sysctl
// that says so: for IPv4 the device's own (ip_route_input_slow, net/ipv4/route.c), for IPv6
// that of all (ip6_forward, net/ipv6/ip6_output.c).
func (f *facts) forwarding() (string, value) {
	conf, all := "net.ipv4.conf.", "net.ipv4.ip_forward"
	if f.headers().version == 6 {
		all = "net.ipv6.conf.all.forwarding"
		return all, f.sysctl(all)
	}
	if v := f.devConf(conf, ".forwarding"); v.kind() != absent {
		return conf + string(f.devSysctl().s) + ".forwarding", v
	}
	return all, f.sysctl(all)
}
