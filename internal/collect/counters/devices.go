//go:build linux

package counters

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/collect/rtnetlink"
)

// devices reads what rtnetlink and ethtool count by device.
type devices struct {
	conn    *netlink.Conn
	names   map[uint32]string
	seen    []uint32
	ethtool ethtool
}

// linkStats are the members of struct rtnl_link_stats64, include/uapi/linux/if_link.h; "" for those that are no loss.
var linkStats = [...]string{"", "", "", "", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped", "", "collisions",
	"rx_length_errors", "rx_over_errors", "rx_crc_errors", "rx_frame_errors", "rx_fifo_errors", "rx_missed_errors",
	"tx_aborted_errors", "tx_carrier_errors", "tx_fifo_errors", "tx_heartbeat_errors", "tx_window_errors", "", "",
	"rx_nohandler", "rx_otherhost_dropped"}

// Of include/uapi/linux/rtnetlink.h, if_link.h and gen_stats.h.
const (
	rtmGetStats     = 94
	sizeofIfStats   = 12 // struct if_stats_msg
	iflaStatsLink64 = 1
	tcaStats2       = 7
	tcaStatsQueue   = 3 // struct gnet_stats_queue
)

func (d *devices) open() (err error) {
	d.conn, err = netlink.Dial(unix.NETLINK_ROUTE, nil)
	return err
}

func (d *devices) close() {
	if d.conn != nil {
		d.conn.Close()
	}
}

// read reads them. What fails, and who is missed, is noted.
func (d *devices) read(r *Reader, netns uint32) {
	d.seen = d.seen[:0]
	if d.conn == nil {
		return // told by Open
	}
	if err := d.readNames(); err != nil {
		r.miss("link", netns, err)
	}
	if err := d.readLinks(r, netns); err != nil {
		r.miss("link", netns, err)
	}
	for _, index := range d.seen {
		if err := d.ethtool.read(r, netns, index, d.names[index]); err != nil {
			r.fail(strings.TrimSpace("ethtool "+d.names[index]), err)
		}
	}
	if err := d.readQdiscs(r, netns); err != nil {
		r.miss("qdisc", netns, err)
	}
}

// errInterrupted is of a dump in whose course something came or went: it may have missed some.
var errInterrupted = errors.New("devices came or went while they were read: some may be missing")

// oneAnswer is the size of a dump, in bytes, that the kernel makes at once: netlink_dump allocates NLMSG_GOODSIZE or
// more, which is a page less the end of the buffer.
const oneAnswer = 2048

// dump asks for one, again if it was interrupted. whole: nothing can have been missed, as it was made at once.
func dump(conn *netlink.Conn, kind netlink.HeaderType, request []byte) (all []netlink.Message, whole bool, err error) {
	for range 3 {
		all, err = conn.Execute(netlink.Message{
			Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump}, Data: request})
		if err != nil {
			return nil, false, err
		}
		if !interrupted(all) {
			break
		}
		err = errInterrupted
	}
	size := 0
	for _, m := range all {
		size += int(m.Header.Length)
	}
	return all, err == nil && size <= oneAnswer, err
}

func interrupted(all []netlink.Message) bool {
	return slices.ContainsFunc(all, func(m netlink.Message) bool { return m.Header.Flags&netlink.DumpInterrupted != 0 })
}

// each calls f for the attributes behind a header of so many bytes.
func each(m netlink.Message, header int, f func(a *netlink.AttributeDecoder)) {
	for a := rtnetlink.Attributes(m, header); a != nil && a.Next(); {
		f(a)
	}
}

func (d *devices) readNames() error {
	request, err := rtnetlink.Links()
	if err != nil {
		return err
	}
	links, _, err := dump(d.conn, unix.RTM_GETLINK, request)
	if err != nil && len(links) == 0 {
		return fmt.Errorf("reading the devices: %w", err)
	}
	d.names = make(map[uint32]string, len(links))
	for _, m := range links {
		each(m, rtnetlink.SizeofIfinfomsg, func(a *netlink.AttributeDecoder) {
			if a.Type() == unix.IFLA_IFNAME {
				d.names[binary.NativeEndian.Uint32(m.Data[4:])] = a.String()
			}
		})
	}
	return err
}

func (d *devices) readLinks(r *Reader, netns uint32) error {
	request := make([]byte, sizeofIfStats)
	binary.NativeEndian.PutUint32(request[8:], 1<<(iflaStatsLink64-1))
	stats, _, err := dump(d.conn, rtmGetStats, request)
	if err != nil && len(stats) == 0 {
		return fmt.Errorf("reading the devices' counters: %w", err)
	}
	for _, m := range stats {
		each(m, sizeofIfStats, func(a *netlink.AttributeDecoder) {
			if a.Type() != iflaStatsLink64 {
				return
			}
			index := binary.NativeEndian.Uint32(m.Data[4:])
			d.seen = append(d.seen, index)
			if d.names[index] == "" {
				return // it came after readNames: ethtool.read tells
			}
			r.find(key{source: "link", netns: netns, index: index})
			b := a.Bytes()
			for i, name := range linkStats {
				if name != "" && len(b) >= 8*(i+1) {
					r.put(key{source: "link", name: name, netns: netns, index: index},
						reading{value: binary.NativeEndian.Uint64(b[8*i:]), dev: d.names[index]})
				}
			}
		})
	}
	return cmp.Or(err, d.missed())
}

// missed is the error that the counters of a device were not among those that came. An answer that is last can't say
// that it was interrupted: netlink.Conn takes it away.
func (d *devices) missed() error {
	for index, name := range d.names {
		if !slices.Contains(d.seen, index) {
			return fmt.Errorf("reading the devices' counters: those of %s did not come", name)
		}
	}
	return nil
}

func (d *devices) readQdiscs(r *Reader, netns uint32) error {
	all, whole, err := dump(d.conn, unix.RTM_GETQDISC, make([]byte, rtnetlink.SizeofTcmsg))
	if err != nil && len(all) == 0 {
		return fmt.Errorf("reading the queueing disciplines: %w", err)
	}
	if !whole {
		r.torn[key{source: "qdisc", netns: netns}] = true
	}
	for _, m := range all {
		var kind string
		var queue []byte
		each(m, rtnetlink.SizeofTcmsg, func(a *netlink.AttributeDecoder) {
			switch a.Type() {
			case unix.TCA_KIND:
				kind = a.String()
			case tcaStats2:
				a.Nested(func(a *netlink.AttributeDecoder) error {
					for a.Next() {
						if a.Type() == tcaStatsQueue {
							queue = a.Bytes()
						}
					}
					return nil
				})
			}
		})
		if len(queue) < 20 || kind == "noqueue" {
			continue
		}
		index, handle := binary.NativeEndian.Uint32(m.Data[4:]), binary.NativeEndian.Uint32(m.Data[8:])
		parent := binary.NativeEndian.Uint32(m.Data[12:])
		what := fmt.Sprintf("%s %x:", kind, handle>>16)
		if handle == 0 { // as the ones that a multiqueue device has by itself
			what = fmt.Sprintf("%s parent %x:%x", kind, parent>>16, parent&0xffff)
		}
		if d.names[index] == "" {
			continue
		}
		owner := key{source: "qdisc", netns: netns, index: index, what: what}
		r.find(owner)
		// qlen, backlog in bytes, drops, requeues, overlimits
		for i, name := range [...]string{"backlog", "", "dropped", "requeues", "overlimits"} {
			if name != "" {
				owner.name = name
				r.put(owner, reading{value: uint64(binary.NativeEndian.Uint32(queue[4*i:])), dev: d.names[index]})
			}
		}
	}
	return err
}
