package write

import (
	"encoding/binary"
	"strconv"

	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// An iface is an interface of the capture.
type iface struct {
	number      uint32
	block       []byte
	first, last uint64 // Unix time of its packets in this file, ns
	packets     uint64 // in this file
	host        byte   // as in an origin
}

// Bounds of what a damaged stream can make us keep: interfaces, and bytes of a name.
const (
	MaxInterfaces = 1 << 14
	maxName       = 1 << 10
)

// iface returns the interface of e, which it describes when it is new.
func (w *writer) iface(e *event, o *origin) *iface {
	k := append(w.key[:0], o.number)
	switch w.o.InterfaceBy {
	case "dev":
		k = append(binary.LittleEndian.AppendUint64(k, e.Netns.V), e.Dev...)
	case "netns":
		k = binary.LittleEndian.AppendUint64(k, e.Netns.V)
	case "cpu":
		k = binary.LittleEndian.AppendUint64(k, e.CPU.V)
		if !e.CPU.OK {
			k = append(k, '?')
		}
	default:
		k = append(k, e.Probe...)
	}
	w.key = k
	if i, ok := w.byKey[string(k)]; ok {
		return i
	}
	if len(w.ifaces) > MaxInterfaces || len(k) > maxName {
		if w.others == nil {
			w.others = w.addIface(&pcapng.Interface{Name: "others", Description: "too many to tell apart"})
		}
		return w.others
	}
	d := pcapng.Interface{OS: o.os(), Hardware: o.start.Arch}
	if o.record != nil { // here too: the section's is lost where mergecap puts captures together
		d.Comments = []string{says("host=", o.start.Host)}
		if !w.told[o.number] {
			w.told[o.number] = true
			d.Comments = append(d.Comments, w.firstOf(o).madeBy()...)
		}
	}
	switch w.o.InterfaceBy {
	case "dev":
		d.Name, d.Description = string(packet.AppendEscaped(nil, e.Dev)), "no network namespace"
		if e.Netns.OK {
			d.Description = "network namespace " + strconv.FormatUint(e.Netns.V, 10)
			if name := o.names.Name(e.Netns.V); name != "" {
				d.Description += " " + string(packet.AppendEscaped(nil, []byte(name)))
			}
		}
		if len(e.Dev) == 0 {
			d.Name = "no device"
		} else if e.Netns.OK && e.Netns.V == uint64(o.start.Netns.Inum) {
			d.Speed = o.start.Speed[string(e.Dev)] * 1e6
		}
	case "netns":
		d.Name = "no netns"
		if e.Netns.OK {
			d.Name = "netns " + strconv.FormatUint(e.Netns.V, 10)
			if name := o.names.Name(e.Netns.V); name != "" {
				d.Name, d.Description = string(packet.AppendEscaped(nil, []byte(name))), d.Name
			}
		}
	case "cpu":
		d.Name = "no cpu"
		if e.CPU.OK {
			d.Name = "cpu " + strconv.FormatUint(e.CPU.V, 10)
		}
	default:
		d.Name, d.Description = string(packet.AppendEscaped(nil, e.Probe)), packet.Describe(e.Probe)
	}
	i := w.addIface(&d)
	i.host = o.number
	w.byKey[string(k)] = i
	return i
}

// addIface puts the description of an interface into the capture.
func (w *writer) addIface(d *pcapng.Interface) *iface {
	w.begin()
	d.LinkType = w.linkType
	i := &iface{number: uint32(len(w.ifaces)), block: d.Append(nil)}
	w.ifaces = append(w.ifaces, i)
	if w.written {
		w.buf = append(w.buf, i.block...)
	} else {
		w.head = append(w.head, i.block...)
	}
	return i
}
