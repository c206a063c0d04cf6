package drops

// What is looked into of a record; other paths may be asked for by --by and by rules, and
// cost a search each.
const (
	findTS = iota
	findProbe
	findDrop
	findDropLocation
	findDropName
	findDropReason
	findHow
	findWhy
	findSkbID
	findSkbProtocol
	findSkbMacLen
	findIPSummed
	findSkbPktType
	findSkbMark
	findSkbLen
	findDevName
	findDevIfindex
	findDevRxIfindex
	findDevType
	findNetns
	findNetnsInum
	findNetnsCookie
	findPacketData
	findPacketAt
	findPacketLen
	findSockRmem
	findSockRcvbuf
	findSockState
	findNft
	findNftVerdict
	findNftHandle
	findNftFamily
	findNftTable
	findNftChain
	findCt
	findBPF
	findBPFVerdict
	findBPFDropped
	findRet
	findRetValue
	findCaller
	findStack
	findTrackPacket
	findProcessComm
	findVlanTCI
	findOVSType
	findOVSUFID
	findOVSAction
	findOVSNoActions
	findHeld
)

var paths = [...]string{
	findTS:           "ts",
	findProbe:        "probe",
	findDrop:         "drop",
	findDropLocation: "drop.location",
	findDropName:     "drop.name",
	findDropReason:   "drop.reason",
	findHow:          "how",
	findWhy:          "why",
	findSkbID:        "skb.id",
	findSkbProtocol:  "skb.protocol",
	findSkbMacLen:    "skb.mac_len",
	findIPSummed:     "skb.ip_summed",
	findSkbPktType:   "skb.pkt_type",
	findSkbMark:      "skb.mark",
	findSkbLen:       "skb.len",
	findDevName:      "dev.name",
	findDevIfindex:   "dev.ifindex",
	findDevRxIfindex: "dev.rx_ifindex",
	findDevType:      "dev.type",
	findNetns:        "netns",
	findNetnsInum:    "netns.inum",
	findNetnsCookie:  "netns.cookie",
	findPacketData:   "packet.data",
	findPacketAt:     "packet.at",
	findPacketLen:    "packet.len",
	findSockRmem:     "sock.rmem",
	findSockRcvbuf:   "sock.rcvbuf",
	findSockState:    "sock.state",
	findNft:          "nft",
	findNftVerdict:   "nft.verdict",
	findNftHandle:    "nft.handle",
	findNftFamily:    "nft.family",
	findNftTable:     "nft.table",
	findNftChain:     "nft.chain",
	findCt:           "ct",
	findBPF:          "bpf",
	findBPFVerdict:   "bpf.verdict",
	findBPFDropped:   "bpf.dropped",
	findRet:          "ret",
	findRetValue:     "ret.value",
	findCaller:       "caller",
	findStack:        "stack",
	findTrackPacket:  "track.packet",
	findProcessComm:  "process.comm",
	findVlanTCI:      "skb.vlan_tci",
	findOVSType:      "ovs.type",
	findOVSUFID:      "ovs.ufid",
	findOVSAction:    "ovs.action",
	findOVSNoActions: "ovs.no_actions",
	findHeld:         "held",
}
