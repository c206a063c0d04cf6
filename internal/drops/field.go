package drops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// A field names a value of a drop: in the rules' conditions and templates, and after
// --by. Names with a dot that are not listed here are paths into the record itself, as
// skb.mark or nft.chain.
type field struct {
	name string
	id   fieldID
	path []string // of fieldPath
	find int      // of fieldPath: its index in paths, or -1
	// of fieldRet: the function; of fieldPrograms: the type; of fieldQdiscHas: the kinds; of fieldTCActions: ingress,
	// egress or qdisc; of fieldKnows: a reason that the kernel has a name for
	arg string
}

type fieldID uint8

const (
	fieldPath fieldID = iota
	fieldRet
	fieldReset
	fieldReason
	fieldFunction
	fieldLocation
	fieldWhere
	fieldCause
	fieldSeverity
	fieldConfidence
	fieldFlow
	fieldHook
	fieldProto
	fieldIPVersion
	fieldSaddr
	fieldDaddr
	fieldSport
	fieldDport
	fieldTTL
	fieldDF
	fieldFragment
	fieldIPLen
	fieldIPOptions
	fieldIPPayload
	fieldUDPLen
	fieldTCPFlags
	fieldTCPData
	fieldICMPType
	fieldICMPCode
	fieldCsum
	fieldIPCsum
	fieldSaddrKind
	fieldDaddrKind
	fieldEtherType
	fieldSPI
	fieldScope
	fieldRoomy
	fieldMany
	fieldDevSysctl
	fieldRPFilter
	fieldForwarding
	fieldForwardingSysctl
	fieldIPv6Disabled
	fieldQdisc
	fieldClsact
	fieldNoqueue
	fieldHost
	fieldFrameFor
	fieldDevKind
	fieldDevMaster
	fieldDevPort
	fieldMasterKind
	fieldTCFilters
	fieldFirewall
	fieldConntrackUsed
	fieldIPRules
	fieldXfrmStates
	fieldXfrmPolicies
	fieldPrograms
	fieldConntrackCount
	fieldConntrackMax
	fieldFrameDst
	fieldSPIKnown
	fieldQdiscFilters
	fieldQdiscHas
	fieldFrameOwner
	fieldDevCarrier
	fieldDevLocked
	fieldTCActions
	fieldKnows
	fieldOnLink
	fieldSaddrOwn
	fieldDaddrOwn
	fieldThen
	fieldOpenFlow
	fieldNetns
)

var fieldNames = map[string]fieldID{
	"reason": fieldReason, "function": fieldFunction, "location": fieldLocation, "where": fieldWhere,
	"cause": fieldCause, "severity": fieldSeverity, "confidence": fieldConfidence, "flow": fieldFlow,
	"hook": fieldHook, "proto": fieldProto, "ip.version": fieldIPVersion, "saddr": fieldSaddr, "daddr": fieldDaddr,
	"sport": fieldSport, "dport": fieldDport, "ttl": fieldTTL, "df": fieldDF, "fragment": fieldFragment,
	"ip.len":     fieldIPLen,
	"ip.options": fieldIPOptions, "ip.payload": fieldIPPayload, "udp.len": fieldUDPLen,
	"tcp.flags": fieldTCPFlags, "tcp.data": fieldTCPData, "icmp.type": fieldICMPType, "icmp.code": fieldICMPCode,
	"csum": fieldCsum, "ip.csum": fieldIPCsum, "saddr.kind": fieldSaddrKind, "daddr.kind": fieldDaddrKind,
	"ethertype": fieldEtherType, "dev.sysctl": fieldDevSysctl, "rp_filter": fieldRPFilter, "forwarding": fieldForwarding,
	"forwarding.sysctl": fieldForwardingSysctl, "ipv6.disabled": fieldIPv6Disabled, "qdisc": fieldQdisc,
	"clsact": fieldClsact, "noqueue": fieldNoqueue, "reset": fieldReset, "host": fieldHost, "frame.for": fieldFrameFor,
	"frame.dst": fieldFrameDst, "frame.owner": fieldFrameOwner, "dev.carrier": fieldDevCarrier,
	"dev.locked": fieldDevLocked, "dev.kind": fieldDevKind, "dev.master": fieldDevMaster, "dev.port": fieldDevPort,
	"master.kind": fieldMasterKind, "tc.filters": fieldTCFilters, "qdisc.filters": fieldQdiscFilters,
	"firewall": fieldFirewall, "conntrack.used": fieldConntrackUsed, "spi": fieldSPI, "spi.known": fieldSPIKnown,
	"daddr.scope": fieldScope, "sock.roomy": fieldRoomy, "daddr.many": fieldMany, "conntrack.count": fieldConntrackCount,
	"conntrack.max": fieldConntrackMax, "saddr.own": fieldSaddrOwn, "daddr.own": fieldDaddrOwn,
	"daddr.onlink": fieldOnLink, "ip.rules": fieldIPRules, "xfrm.states": fieldXfrmStates,
	"xfrm.policies": fieldXfrmPolicies, "then": fieldThen, "openflow": fieldOpenFlow,
	"netns": fieldNetns,
}

// prefixes of fields that name one of many after the dot.
var fieldPrefixes = map[string]fieldID{"ret": fieldRet, "programs": fieldPrograms, "qdisc": fieldQdiscHas,
	"knows": fieldKnows}

func parseField(name string) (*field, error) {
	f := &field{name: name}
	if id, ok := fieldNames[name]; ok {
		f.id = id
		return f, nil
	}
	if where, ok := strings.CutPrefix(name, "tc.actions."); ok {
		f.id, f.arg = fieldTCActions, where
		return f, nil
	}
	if prefix, one, ok := strings.Cut(name, "."); ok && name != "ret.value" && name != "ret.skb" {
		if id, ok := fieldPrefixes[prefix]; ok && one != "" {
			f.id, f.arg = id, one
			return f, nil
		}
	}
	f.path, f.find = strings.Split(name, "."), slices.Index(paths[:], name)
	for _, key := range f.path {
		if key == "" || strings.ContainsAny(key, " \t{}'\"") || strings.ContainsFunc(key, func(r rune) bool {
			return !escape.Printable(r)
		}) {
			return nil, fmt.Errorf("%q is no field: give a path into the event, as dev.name, or one of reason, location, "+
				"flow, saddr, daddr, sport, dport, proto", name)
		}
	}
	return f, nil
}
