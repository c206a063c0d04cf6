package pcap

import (
	"slices"

	"github.com/skb-tools/skb-tools/format"
)

// event is what of an event goes into a capture. Byte slices alias the record.
type event struct {
	ts       uint64
	cpu      opt
	probe    []byte
	pid      opt
	comm     []byte
	skb      skb
	dev      []byte
	ifindex  opt
	devType  opt
	netns    opt
	len      uint64
	at       []byte
	data     []byte
	dropped  bool
	reason   []byte
	location []byte
	packet   opt
	hop      opt
	since    opt
	changed  format.Cursor // at the map track.changed
	changes  bool
	why      []byte // words for people
	meaning  []byte // of the reason, where why is the cause
	branch   opt
	total    opt
	tgid     opt
	cookie   opt // of the network namespace
	rx       opt // ifindex
	stack    opt
	// Of a section that --read made: what of a capture has no place elsewhere.
	flags     opt
	header    []byte // of the link layer, taken off
	cut       uint64 // how many bytes were taken off
	linkType  opt
	others    format.Cursor // at comments that are no key=value of ours
	othersLen int
}

// skb is what of an event's section `skb` goes into a capture.
type skb struct {
	id            opt
	macLen        opt
	protocol      opt
	pktType       opt
	mark          opt
	queue         opt
	vlanTCI       opt
	vlanProto     opt
	macHeader     opt
	networkHeader opt
	hash          opt
	priority      opt
	summed        opt
}

// opt is a number that may be absent.
type opt struct {
	v  uint64
	ok bool
}

// What is found of an event.
const (
	findTS = iota
	findCPU
	findProbe
	findPid
	findComm
	findID
	findMacLen
	findProtocol
	findPktType
	findMark
	findQueue
	findVlanTCI
	findVlanProto
	findMacHeader
	findNetworkHeader
	findDev
	findIfindex
	findDevType
	findNetns
	findLength
	findAt
	findData
	findDrop
	findReason
	findLocation
	findPacket
	findHop
	findSince
	findChanged
	findWhyReason
	findWhyMeaning
	findWhyCause
	findPcapng
	findTgid
	findCookie
	findRx
	findHash
	findPriority
	findSummed
	findBranch
	findTotal
	findFrom
	findBy
	findUncertain
	findResent
	findInferred
	findWhy
	findMissing
	findCaller
	findStack
	findSections // the first of them
)

var paths = []string{
	findTS:            "ts",
	findCPU:           "cpu",
	findProbe:         "probe",
	findPid:           "process.pid",
	findComm:          "process.comm",
	findID:            "skb.id",
	findMacLen:        "skb.mac_len",
	findProtocol:      "skb.protocol",
	findPktType:       "skb.pkt_type",
	findMark:          "skb.mark",
	findQueue:         "skb.queue",
	findVlanTCI:       "skb.vlan_tci",
	findVlanProto:     "skb.vlan_proto",
	findMacHeader:     "skb.mac_header",
	findNetworkHeader: "skb.network_header",
	findDev:           "dev.name",
	findIfindex:       "dev.ifindex",
	findDevType:       "dev.type",
	findNetns:         "netns.inum",
	findLength:        "packet.len",
	findAt:            "packet.at",
	findData:          "packet.data",
	findDrop:          "drop",
	findReason:        "drop.name",
	findLocation:      "drop.location",
	findPacket:        "track.packet",
	findHop:           "track.hop",
	findSince:         "track.since",
	findChanged:       "track.changed",
	findWhyReason:     "why.reason",
	findWhyMeaning:    "why.meaning",
	findWhyCause:      "why.cause",
	findPcapng:        "pcapng",
	findTgid:          "process.tgid",
	findCookie:        "netns.cookie",
	findRx:            "dev.rx_ifindex",
	findHash:          "skb.hash",
	findPriority:      "skb.priority",
	findSummed:        "skb.ip_summed",
	findBranch:        "track.branch",
	findTotal:         "track.total",
	findFrom:          "track.from",
	findBy:            "track.by",
	findUncertain:     "track.uncertain",
	findResent:        "track.resent",
	findInferred:      "track.inferred",
	findWhy:           "why",
	findMissing:       "packet.missing",
	findCaller:        "caller",
	findStack:         "stack",
}

// newFinder finds what decode and comments want.
func newFinder() *format.Finder {
	return format.NewFinder(append(slices.Clone(paths), sections...)...)
}

func optUint(f *format.Finder, i int) opt {
	v, ok := f.Uint(i)
	return opt{v, ok}
}

// decode reads what f has found.
func (e *event) decode(f *format.Finder, comments bool) {
	*e = event{
		cpu: optUint(f, findCPU),
		skb: skb{
			id: optUint(f, findID), macLen: optUint(f, findMacLen), protocol: optUint(f, findProtocol), pktType: optUint(f, findPktType),
			queue: optUint(f, findQueue), vlanTCI: optUint(f, findVlanTCI), vlanProto: optUint(f, findVlanProto),
			macHeader: optUint(f, findMacHeader), networkHeader: optUint(f, findNetworkHeader),
		},
		ifindex: optUint(f, findIfindex), devType: optUint(f, findDevType), netns: optUint(f, findNetns),
		packet: optUint(f, findPacket),
	}
	e.ts, _ = f.Uint(findTS)
	e.probe, _ = f.Str(findProbe)
	e.dev, _ = f.Str(findDev)
	e.len, _ = f.Uint(findLength)
	e.at, _ = f.Str(findAt)
	e.data, _ = f.Bin(findData)
	if f.Has(findPcapng) {
		e.captured(f.Value(findPcapng), comments)
	}
	if !comments {
		return
	}
	e.pid, e.skb.mark, e.hop, e.since = optUint(f, findPid), optUint(f, findMark), optUint(f, findHop), optUint(f, findSince)
	e.tgid, e.cookie, e.rx, e.stack = optUint(f, findTgid), optUint(f, findCookie), optUint(f, findRx), optUint(f, findStack)
	e.skb.hash, e.skb.priority, e.skb.summed = optUint(f, findHash), optUint(f, findPriority), optUint(f, findSummed)
	e.branch, e.total = optUint(f, findBranch), optUint(f, findTotal)
	e.comm, _ = f.Str(findComm)
	e.dropped = f.Has(findDrop)
	e.reason, _ = f.Str(findReason)
	e.location, _ = f.Str(findLocation)
	if e.changes = f.Has(findChanged); e.changes {
		e.changed = f.Cursor(findChanged)
	}
	if e.reason == nil {
		e.reason, _ = f.Str(findWhyReason)
	}
	e.meaning, _ = f.Str(findWhyMeaning)
	if e.why, _ = f.Str(findWhyCause); len(e.why) == 0 {
		e.why, e.meaning = e.meaning, nil
	}
}

// captured reads the section that --read made. A Finder has few paths, and other events have none of these.
func (e *event) captured(v format.Value, comments bool) {
	e.flags.v, e.flags.ok = v.Get("flags").Uint()
	e.linkType.v, e.linkType.ok = v.Get("linktype").Uint()
	e.header, _ = v.Get("header").Bin()
	if comments {
		e.others = format.Raw(v.Get("comments")).Cursor()
		e.othersLen = e.others.Array()
	}
}
