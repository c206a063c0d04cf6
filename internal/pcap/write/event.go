package write

import (
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// An event is read of a record by its Finder. What it has aliases the record.
type event struct{ packet.Event }

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
	return format.NewFinder(append(slices.Clone(paths), packet.Sections...)...)
}

func optUint(f *format.Finder, i int) packet.Opt {
	v, ok := f.Uint(i)
	return packet.Opt{V: v, OK: ok}
}

// decode reads what f has found.
func (e *event) decode(f *format.Finder, comments bool) {
	*e = event{packet.Event{
		CPU: optUint(f, findCPU),
		Skb: packet.Skb{
			ID: optUint(f, findID), MacLen: optUint(f, findMacLen), Protocol: optUint(f, findProtocol),
			PktType: optUint(f, findPktType), Queue: optUint(f, findQueue), VLANTCI: optUint(f, findVlanTCI),
			VLANProto: optUint(f, findVlanProto), MacHeader: optUint(f, findMacHeader),
			NetworkHeader: optUint(f, findNetworkHeader),
		},
		Ifindex: optUint(f, findIfindex), DevType: optUint(f, findDevType), Netns: optUint(f, findNetns),
		Packet: optUint(f, findPacket),
	}}
	e.TS, _ = f.Uint(findTS)
	e.Probe, _ = f.Str(findProbe)
	e.Dev, _ = f.Str(findDev)
	e.Len, _ = f.Uint(findLength)
	e.At, _ = f.Str(findAt)
	e.Data, _ = f.Bin(findData)
	if f.Has(findPcapng) {
		e.captured(f.Value(findPcapng), comments)
	}
	if !comments {
		return
	}
	e.PID, e.Skb.Mark, e.Hop = optUint(f, findPid), optUint(f, findMark), optUint(f, findHop)
	e.TGID, e.Cookie, e.RX = optUint(f, findTgid), optUint(f, findCookie), optUint(f, findRx)
	e.Since, e.Stack = optUint(f, findSince), optUint(f, findStack)
	e.Skb.Hash, e.Skb.Priority, e.Skb.Summed = optUint(f, findHash), optUint(f, findPriority), optUint(f, findSummed)
	e.Branch, e.Total = optUint(f, findBranch), optUint(f, findTotal)
	e.Comm, _ = f.Str(findComm)
	e.Dropped = f.Has(findDrop)
	e.Reason, _ = f.Str(findReason)
	e.Location, _ = f.Str(findLocation)
	if e.Changes = f.Has(findChanged); e.Changes {
		e.Changed = f.Cursor(findChanged)
	}
	if e.Reason == nil {
		e.Reason, _ = f.Str(findWhyReason)
	}
	e.Meaning, _ = f.Str(findWhyMeaning)
	if e.Why, _ = f.Str(findWhyCause); len(e.Why) == 0 {
		e.Why, e.Meaning = e.Meaning, nil
	}
}

// captured reads the section that --read made. A Finder has few paths, and other events have none of these.
func (e *event) captured(v wire.Value, comments bool) {
	e.Flags.V, e.Flags.OK = v.Get("flags").Uint()
	e.LinkType.V, e.LinkType.OK = v.Get("linktype").Uint()
	e.Header, _ = v.Get("header").Bin()
	if comments {
		e.Others = format.Raw(v.Get("comments")).Cursor()
		e.OthersLen = e.Others.Array()
	}
}
