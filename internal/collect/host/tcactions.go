//go:build linux && (amd64 || arm64)

package host

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/collect/rtnetlink"
)

// actionsAt are the attributes of a filter's options that hold its actions, by the filter's kind
// (TCA_*_ACT, include/uapi/linux/pkt_cls.h).
var actionsAt = map[string]uint16{
	"matchall": 2, "flower": 3, "u32": 7, "basic": 3, "bpf": 1, "fw": 4, "route": 6, "cgroup": 1, "flow": 9,
}

// controls are the verdicts of a tc action (TC_ACT_*, include/uapi/linux/pkt_cls.h) as tc(8) names
// them.
var controls = map[int32]string{-1: "continue", 0: "pass", 1: "reclassify", 2: "drop", 3: "pipe", 4: "trap", 8: "trap"}

// parmsAt are the attributes of an action's options that begin with a tc_gen (TCA_*_PARMS), where
// it is not the second one.
var parmsAt = map[string]uint16{"csum": 1, "nat": 1, "ct": 1}

// filterActions are the actions of one answer to RTM_GETTFILTER: their kinds as tc(8) names them,
// and in place of gact its verdict. A BPF program that gives verdicts itself is bpf, a kind
// of filter whose actions are not known is unknown.
func filterActions(answer netlink.Message) []string {
	a := rtnetlink.Attributes(answer, rtnetlink.SizeofTcmsg)
	if a == nil {
		return nil
	}
	kind, options := "", []byte(nil)
	for a.Next() {
		switch a.Type() {
		case unix.TCA_KIND:
			kind = a.String()
		case unix.TCA_OPTIONS:
			options = a.Bytes()
		}
	}
	at, ok := actionsAt[kind]
	if options == nil {
		return nil // the head of its filters
	}
	if !ok {
		return []string{"unknown"}
	}
	var all []string
	o, err := netlink.NewAttributeDecoder(options)
	if err != nil {
		return []string{"unknown"}
	}
	for o.Next() {
		const bpfFlags, direct = 8, 1 // TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT
		switch {
		case o.Type() == at:
			o.Nested(func(list *netlink.AttributeDecoder) error {
				for list.Next() {
					list.Nested(func(action *netlink.AttributeDecoder) error {
						all = append(all, readAction(action)...)
						return nil
					})
				}
				return nil
			})
		case kind == "bpf" && o.Type() == bpfFlags:
			if b := o.Bytes(); len(b) >= 4 && binary.NativeEndian.Uint32(b)&direct != 0 {
				all = append(all, "bpf")
			}
		}
	}
	return all
}

// readAction gives the kind of an action and, if that is another word, its verdict.
func readAction(a *netlink.AttributeDecoder) []string {
	const kindAt, optionsAt = 1, 2 // TCA_ACT_KIND, TCA_ACT_OPTIONS
	kind, options := "", []byte(nil)
	for a.Next() {
		switch a.Type() {
		case kindAt:
			kind = a.String()
		case optionsAt:
			options = a.Bytes()
		}
	}
	if kind == "" {
		return []string{"unknown"}
	}
	verdict := ""
	if o, err := netlink.NewAttributeDecoder(options); err == nil {
		at := uint16(2)
		if n, ok := parmsAt[kind]; ok {
			at = n
		}
		for o.Next() {
			switch b := o.Bytes(); {
			case o.Type() == at && len(b) >= 12: // struct tc_gen: index, capab, action
				n := int32(binary.NativeEndian.Uint32(b[8:]))
				if verdict = controls[n]; n>>28 == 2 {
					verdict = "goto"
				}
			case kind == "gact" && o.Type() == 3: // TCA_GACT_PROB: another verdict at random
				if len(b) >= 8 && binary.NativeEndian.Uint16(b) != 0 && binary.NativeEndian.Uint32(b[4:]) == 2 {
					return []string{"drop"}
				}
			}
		}
	}
	switch {
	case kind == "gact" && verdict == "":
		return []string{"unknown"}
	case kind == "gact":
		return []string{verdict}
	case verdict == "drop":
		return []string{kind, verdict}
	}
	return []string{kind}
}
