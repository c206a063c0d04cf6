//go:build linux && (amd64 || arm64)

package host

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/rtnetlink"
)

// This machine's own loopback device, which every host has.
func TestEvidence(t *testing.T) {
	var s format.Start
	evidence(&s, func(string, string) bool { return false })
	lo, ok := s.Devices["lo"]
	if !ok || lo.MTU == 0 || lo.Master != "" || lo.Addr != "00:00:00:00:00:00" {
		t.Fatalf("lo: %+v", lo)
	}
	if lo.Up && !slices.Contains(lo.Addrs, "127.0.0.1/8") {
		t.Errorf("lo's addresses: %q", lo.Addrs)
	}
	var copied format.Start
	if err := copied.Decode(s.AppendMsgpack(nil)); err != nil {
		t.Fatal(err)
	}
	if got := copied.Devices["lo"]; got.Addr != lo.Addr || !slices.Equal(got.Addrs, lo.Addrs) {
		t.Errorf("read back: %+v", got)
	}
}

// An answer as the kernel gives one for a port of a bond.
func TestReadLink(t *testing.T) {
	e := netlink.NewAttributeEncoder()
	e.String(unix.IFLA_IFNAME, "p2")
	e.Bytes(unix.IFLA_ADDRESS, []byte{2, 0, 0, 0, 0, 2})
	e.Uint32(unix.IFLA_MTU, 1500)
	e.Uint32(unix.IFLA_MASTER, 7)
	e.Uint32(unix.IFLA_LINK, 3)
	e.Uint32(unix.IFLA_LINK_NETNSID, 1)
	e.Uint8(unix.IFLA_CARRIER, 0)
	e.Nested(unix.IFLA_LINKINFO, func(e *netlink.AttributeEncoder) error {
		e.String(unix.IFLA_INFO_KIND, "veth")
		e.String(iflaInfoSlaveKind, "bond")
		e.Nested(iflaInfoSlaveData, func(e *netlink.AttributeEncoder) error {
			e.Uint8(iflaBondSlaveState, 1)
			return nil
		})
		return nil
	})
	e.Nested(unix.IFLA_XDP, func(e *netlink.AttributeEncoder) error {
		e.Uint8(iflaXdpAttached, 2)
		return nil
	})
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	header := make([]byte, rtnetlink.SizeofIfinfomsg)
	binary.NativeEndian.PutUint32(header[4:], 9)
	binary.NativeEndian.PutUint32(header[8:], unix.IFF_UP)
	l, ok := readLink(netlink.Message{Data: append(header, b...)})
	want := format.Device{Addr: "02:00:00:00:00:02", Kind: "veth", MTU: 1500, Up: true, Port: "backup", XDP: true}
	if !ok || l.index != 9 || l.master != 7 || l.below != 0 || l.name != "p2" || l.device.Addr != want.Addr ||
		l.device.Kind != want.Kind || l.device.MTU != want.MTU || !l.device.Up || l.device.Port != want.Port || !l.device.XDP || l.device.Carrier != format.Some(false) || l.device.Locked.OK {
		t.Errorf("%+v", l)
	}
	all := devices([]link{l, {index: 7, name: "bond0"}}, map[uint32][]string{9: {"10.0.0.2/24"}})
	if all["p2"].Master != "bond0" || len(all["p2"].Addrs) != 1 {
		t.Errorf("%+v", all)
	}
	for n := range b { // cut off anywhere, it is no panic
		readLink(netlink.Message{Data: append(slices.Clone(header), b[:n]...)})
	}
	if _, ok := readLink(netlink.Message{Data: header[:3]}); ok {
		t.Error("an answer without a header")
	}
}
