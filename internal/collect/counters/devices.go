//go:build linux

package counters

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// devices reads what rtnetlink and ethtool count by device.
type devices struct {
	conn    *netlink.Conn
	names   map[uint32]string
	known   map[uint32]bool // that were there at the reading before
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
	sizeofIfinfo    = 16
	sizeofTcmsg     = 20
	skipStats       = 1 << 3 // RTEXT_FILTER_SKIP_STATS
	tcaStats2       = 7
	tcaStatsQueue   = 3 // struct gnet_stats_queue
)

func (d *devices) open() (err error) {
	d.known = map[uint32]bool{}
	d.conn, err = netlink.Dial(unix.NETLINK_ROUTE, nil)
	return err
}

func (d *devices) close() {
	if d.conn != nil {
		d.conn.Close()
	}
}

// knows takes the devices of this reading for those of the reading before.
func (d *devices) knows() {
	clear(d.known)
	for _, index := range d.seen {
		d.known[index] = true
	}
}

func (d *devices) read(r *Reader, s *space) error {
	d.seen = d.seen[:0]
	if d.conn == nil {
		return nil // told by Open
	}
	if err := d.readNames(); err != nil {
		return err
	}
	if err := d.readLinks(r, s.netns); err != nil {
		return err
	}
	for _, index := range d.seen {
		if err := d.ethtool.read(r, s.netns, index, d.names[index]); err != nil {
			r.fail("ethtool "+d.names[index], err)
		}
	}
	return d.readQdiscs(r, s.netns)
}

func dump(conn *netlink.Conn, kind netlink.HeaderType, request []byte) ([]netlink.Message, error) {
	return conn.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump}, Data: request})
}

// each calls f for the attributes behind a header of so many bytes.
func each(m netlink.Message, header int, f func(a *netlink.AttributeDecoder)) {
	if len(m.Data) < header {
		return
	}
	a, err := netlink.NewAttributeDecoder(m.Data[header:])
	if err != nil {
		return
	}
	for a.Next() {
		f(a)
	}
}

func (d *devices) readNames() error {
	e := netlink.NewAttributeEncoder()
	e.Uint32(unix.IFLA_EXT_MASK, skipStats)
	mask, err := e.Encode()
	if err != nil {
		return err
	}
	links, err := dump(d.conn, unix.RTM_GETLINK, append(make([]byte, sizeofIfinfo), mask...))
	if err != nil {
		return fmt.Errorf("reading the devices: %w", err)
	}
	d.names = make(map[uint32]string, len(links))
	for _, m := range links {
		each(m, sizeofIfinfo, func(a *netlink.AttributeDecoder) {
			if a.Type() == unix.IFLA_IFNAME {
				d.names[binary.NativeEndian.Uint32(m.Data[4:])] = a.String()
			}
		})
	}
	return nil
}

func (d *devices) readLinks(r *Reader, netns uint32) error {
	request := make([]byte, sizeofIfStats)
	binary.NativeEndian.PutUint32(request[8:], 1<<(iflaStatsLink64-1))
	stats, err := dump(d.conn, rtmGetStats, request)
	if err != nil {
		return fmt.Errorf("reading the devices' counters: %w", err)
	}
	for _, m := range stats {
		each(m, sizeofIfStats, func(a *netlink.AttributeDecoder) {
			if a.Type() != iflaStatsLink64 {
				return
			}
			index := binary.NativeEndian.Uint32(m.Data[4:])
			d.seen = append(d.seen, index)
			b := a.Bytes()
			for i, name := range linkStats {
				if name != "" && len(b) >= 8*(i+1) {
					r.put(key{source: "link", name: name, netns: netns, index: index},
						reading{value: binary.NativeEndian.Uint64(b[8*i:]), dev: d.names[index]})
				}
			}
		})
	}
	return nil
}

func (d *devices) readQdiscs(r *Reader, netns uint32) error {
	all, err := dump(d.conn, unix.RTM_GETQDISC, make([]byte, sizeofTcmsg))
	if err != nil {
		return fmt.Errorf("reading the queueing disciplines: %w", err)
	}
	for _, m := range all {
		var kind string
		var queue []byte
		each(m, sizeofTcmsg, func(a *netlink.AttributeDecoder) {
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
		// qlen, backlog in bytes, drops, requeues, overlimits
		for i, name := range [...]string{"backlog", "", "dropped", "requeues", "overlimits"} {
			if name != "" {
				r.put(key{source: "qdisc", name: name, netns: netns, index: index, what: what},
					reading{value: uint64(binary.NativeEndian.Uint32(queue[4*i:])), dev: d.names[index]})
			}
		}
	}
	return nil
}
