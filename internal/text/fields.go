package text

import (
	"maps"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// What of an event has a place of its own in a line, in the order of paths.
const (
	findTS = iota
	findCPU
	findProbe
	findComm
	findTgid
	findAddr
	findSkbLen
	findProtocol
	findVlanTCI
	findMark
	findDev
	findIfindex
	findDevType
	findNetns
	findCookie
	findLen
	findAt
	findData
)

var paths = []string{
	findTS:       "ts",
	findCPU:      "cpu",
	findProbe:    "probe",
	findComm:     "process.comm",
	findTgid:     "process.tgid",
	findAddr:     "skb.addr",
	findSkbLen:   "skb.len",
	findProtocol: "skb.protocol",
	findVlanTCI:  "skb.vlan_tci",
	findMark:     "skb.mark",
	findDev:      "dev.name",
	findIfindex:  "dev.ifindex",
	findDevType:  "dev.type",
	findNetns:    "netns.inum",
	findCookie:   "netns.cookie",
	findLen:      "packet.len",
	findAt:       "packet.at",
	findData:     "packet.data",
}

// shown are the fields that a line shows in its own way or leaves to -o json, by section: of the
// skb those that say how the kernel keeps the packet, not what became of it. What could not be read of
// a packet is printed like anything else.
var shown = func() map[string][]string {
	all := map[string][]string{}
	for _, section := range [...]string{"process", "skb", "dev", "netns", "packet"} {
		for _, k := range format.SectionOf(section).Keys {
			if section+"."+k.Name != "packet.missing" {
				all[section] = append(all[section], k.Name)
			}
		}
	}
	return all
}()

// newFinder returns a Finder of paths whose others are what a line has besides.
//
// An event has some 60 keys. To step through them again for each field, and to compare each
// key with all of those above, was three quarters of the printer's time.
func newFinder() *format.Finder {
	f := format.NewFinder(paths...)
	known := []string{"type"}
	for _, section := range slices.Sorted(maps.Keys(shown)) {
		for _, field := range shown[section] {
			known = append(known, section+"."+field)
		}
	}
	f.CollectOthers(known...)
	return f
}

// fields are what of an event has a place of its own. Byte slices alias the record; they are
// nil when absent, or no string.
type fields struct {
	ts, cpu, tgid, addr                number
	skbLen, protocol, vlanTCI, mark    number
	ifindex, devType, len              number
	netns, cookie                      number
	probe, comm, dev, data             []byte
	hasProbe, hasComm, hasDev, hasData bool
	at                                 string // of those that Packet knows
}

// A number may be absent.
type number = format.Opt[uint64]

func numberOf(v wire.Value) (n number) {
	if u, ok := v.Uint(); ok {
		n = format.Some(u)
	}
	return n
}

// find reads what f finds of r, an event; false when that is not all there is.
func (e *fields) find(f *format.Finder, r format.Raw) bool {
	if f.Find(r) != nil || f.Others() < 0 {
		return false
	}
	get := func(i int) (n number) {
		n.V, n.OK = f.Uint(i)
		return n
	}
	e.ts, e.cpu, e.tgid = get(findTS), get(findCPU), get(findTgid)
	e.skbLen, e.protocol, e.vlanTCI, e.mark = get(findSkbLen), get(findProtocol), get(findVlanTCI), get(findMark)
	e.ifindex, e.devType, e.len = get(findIfindex), get(findDevType), get(findLen)
	e.netns, e.cookie = get(findNetns), get(findCookie)
	e.probe, e.hasProbe = f.Str(findProbe)
	e.comm, e.hasComm = f.Str(findComm)
	e.dev, e.hasDev = f.Str(findDev)
	at, _ := f.Str(findAt)
	e.at = where(at)
	e.data, e.hasData = f.Bin(findData)
	e.addr = get(findAddr)
	return true
}

// walk reads the fields of an event that is malformed, or enormous, as far as it can be read.
func (e *fields) walk(r format.Raw) {
	get := func(i int) wire.Value { return r.Get(strings.Split(paths[i], ".")...) }
	number := func(i int) number { return numberOf(get(i)) }
	e.ts, e.cpu, e.tgid = number(findTS), number(findCPU), number(findTgid)
	e.skbLen, e.protocol, e.vlanTCI, e.mark = number(findSkbLen), number(findProtocol), number(findVlanTCI),
		number(findMark)
	e.ifindex, e.devType, e.len = number(findIfindex), number(findDevType), number(findLen)
	e.netns, e.cookie = number(findNetns), number(findCookie)
	e.probe, e.hasProbe = get(findProbe).Str()
	e.comm, e.hasComm = get(findComm).Str()
	e.dev, e.hasDev = get(findDev).Str()
	at, _ := get(findAt).Str()
	e.at = where(at)
	e.data, e.hasData = get(findData).Bin()
	e.addr = number(findAddr)
}

// where is the string at, without a copy, of those that mean something to Packet.
func where(at []byte) string {
	switch string(at) {
	case "mac":
		return "mac"
	case "data":
		return "data"
	}
	return "network"
}
