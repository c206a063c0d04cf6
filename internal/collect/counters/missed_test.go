//go:build linux

package counters

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// TestMissed: what a reading misses is compared with the last one that has it, and what was never read before is not
// told as grown from zero.
func TestMissed(t *testing.T) {
	link := key{source: "link", name: "rx_dropped", netns: 7, index: 2}
	driver := key{source: "ethtool", name: "rx_csum_errors", netns: 7, index: 2}
	qdisc := key{source: "qdisc", name: "dropped", netns: 7, index: 2, what: "fq 1:"}
	socket := key{source: "udp", name: "drops", netns: 7, index: 99}
	file := key{source: "snmp", name: "UdpNoPorts", netns: 7}
	values := func(n uint64, all ...key) map[key]uint64 {
		m := map[key]uint64{}
		for _, k := range all {
			m[k] = n
		}
		return m
	}
	type step struct {
		values map[key]uint64 // of the owners that are found
		torn   []string       // sources that were not read whole
	}
	for name, c := range map[string]struct {
		steps []step
		want  string // of the last
	}{
		"a driver": {[]step{{values(5, link, driver), nil}, {values(5, link), []string{"ethtool"}}, {values(9, link, driver), nil}},
			"link rx_dropped 5 9, ethtool rx_csum_errors 5 9"},
		"a driver, missed twice": {[]step{{values(5, link, driver), nil}, {values(5, link), nil}, {values(5, link), nil}, {values(9, link, driver), nil}},
			"link rx_dropped 5 9, ethtool rx_csum_errors 5 9"},
		"a driver from the start": {[]step{{values(5, link), nil}, {values(9, link, driver), nil}}, "link rx_dropped 5 9, ethtool rx_csum_errors - 9"},
		"a driver that counted nothing": {[]step{{values(0, link, driver), nil}, {values(9, link, driver), nil}},
			"link rx_dropped 0 9, ethtool rx_csum_errors 0 9"},
		"devices": {[]step{{values(5, link, driver), nil}, {nil, []string{"link"}}, {values(6, link, driver), nil}},
			"link rx_dropped 5 6, ethtool rx_csum_errors 5 6"},
		"a device that was away": {[]step{{values(5, link, driver), nil}, {nil, nil}, {values(6, link, driver), nil}},
			"link rx_dropped - 6, ethtool rx_csum_errors - 6"},
		"a qdisc":                              {[]step{{values(5, qdisc), nil}, {nil, []string{"qdisc"}}, {values(6, qdisc), nil}}, "qdisc dropped 5 6"},
		"a qdisc that was not seen":            {[]step{{nil, nil}, {values(6, qdisc), nil}}, "qdisc dropped - 6"},
		"a socket":                             {[]step{{values(5, socket), nil}, {nil, []string{"udp"}}, {values(6, socket), nil}}, "udp drops 5 6"},
		"a socket, from the start":             {[]step{{nil, []string{"udp"}}, {values(6, socket), nil}}, "udp drops - 6"},
		"a new socket":                         {[]step{{nil, nil}, {values(6, socket), nil}}, "udp drops 0 6"},
		"a file":                               {[]step{{values(5, file), nil}, {nil, []string{"snmp"}}, {values(6, file), nil}}, "snmp UdpNoPorts 5 6"},
		"a file, from the start":               {[]step{{nil, []string{"snmp"}}, {values(6, file), nil}}, "snmp UdpNoPorts - 6"},
		"nothing that is missed is told again": {[]step{{values(5, file), nil}, {nil, []string{"snmp"}}}, ""},
	} {
		r := newReader()
		var got []string
		for _, s := range c.steps {
			r.begin()
			for k, n := range s.values {
				r.find(k.owner())
				r.put(k, reading{value: n})
			}
			for _, source := range s.torn {
				r.miss(source, 7, errors.New("failed"))
			}
			got = nil
			for _, g := range r.grew() {
				from := "-"
				if g.From.OK {
					from = fmt.Sprint(g.From.V)
				}
				got = append(got, fmt.Sprint(g.Source, " ", g.Name, " ", from, " ", g.To))
			}
			r.carry()
		}
		want := strings.Split(c.want, ", ")
		slices.Sort(want)
		slices.Sort(got)
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestWithout: a driver whose counters were there and are not read is told, one that never had any is not.
func TestWithout(t *testing.T) {
	e := &ethtool{of: map[uint32]*driver{2: {device: "eth0"}}}
	for _, c := range []struct {
		index uint32
		err   error
		want  error
	}{
		{2, unix.ENODEV, errNoDevice}, {3, unix.ENODEV, errNoDevice}, {2, unix.EOPNOTSUPP, errNoCounters}, {2, nil, errNoCounters},
		{3, unix.EOPNOTSUPP, nil}, {3, nil, nil}, {3, unix.EPERM, unix.EPERM},
	} {
		if err := e.without(c.index, c.err); err != c.want {
			t.Errorf("%d, %v: %v, want %v", c.index, c.err, err, c.want)
		}
	}
}

// TestReplaced: when a driver has other counters, those that were there are compared, and new ones are not.
func TestReplaced(t *testing.T) {
	r := newReader()
	owner := key{source: "ethtool", netns: 7, index: 2}
	of := func(name string) key { k := owner; k.name = name; return k }
	r.base[owner] = 0
	r.last[of("rx_drops")] = reading{value: 4}
	(&driver{kept: []column{{0, "rx_drops"}, {1, "rx_errors"}}}).replaced(r, owner)
	for name, want := range map[string]string{"rx_drops": "{4 true}", "rx_errors": "{0 true}", "rx_1_errors": "{0 false}"} {
		if got := fmt.Sprint(r.from(of(name))); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// TestInterrupted: a dump that the kernel marks, and a device without its counters.
func TestInterrupted(t *testing.T) {
	all := []netlink.Message{{}, {Header: netlink.Header{Flags: netlink.Multi}}}
	if interrupted(all) {
		t.Error("taken for interrupted")
	}
	all[1].Header.Flags |= netlink.DumpInterrupted
	if !interrupted(all) {
		t.Error("not taken for interrupted")
	}
	d := &devices{names: map[uint32]string{1: "lo", 2: "eth0"}, seen: []uint32{1}}
	if err := d.missed(); err == nil || !strings.Contains(err.Error(), "eth0") {
		t.Error(err)
	}
	d.seen = []uint32{2, 1}
	if err := d.missed(); err != nil {
		t.Error(err)
	}
}

// TestSocketsInPieces: sockets that came in several reads are known by their inodes, also those without a drop.
func TestSocketsInPieces(t *testing.T) {
	r := newReader()
	line := "  483: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 %d 2 0000000000000000 %d\n"
	text := []byte("header\n" + fmt.Sprintf(line, 5, 0) + fmt.Sprintf(line, 6, 3) + fmt.Sprintf(line, 0, 3))
	f := &file{source: "udp", netns: 7, reads: 1}
	f.sockets(r, text)
	if r.torn[key{source: "udp", netns: 7}] || len(r.now) != 1 {
		t.Error(r.torn, r.now)
	}
	f.reads = 2
	f.sockets(r, text)
	_, found := r.found[key{source: "udp", netns: 7, index: 5}]
	if !r.torn[key{source: "udp", netns: 7}] || !found {
		t.Error(r.torn, r.found)
	}
}

// TestLate: a file that comes after the start is read from then on, and from zero; in another network namespace it is
// told as not read.
func TestLate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snmp")
	r := newReader()
	p := procFile{"sctp", path, (*file).list}
	own, other := &space{netns: 7}, &space{netns: 8}
	own.add(r, p)
	other.add(r, p)
	reading := func() string {
		r.begin()
		own.late(r, true)
		other.late(r, false)
		for _, f := range own.files {
			f.read(r)
		}
		defer r.carry()
		return fmt.Sprintf("%+v %q", r.grew(), r.failed)
	}
	if s := reading(); s != "[] []" {
		t.Error(s)
	}
	if err := os.WriteFile(path, []byte("SctpInPktDiscards  \t4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := reading(); !strings.Contains(s, "SctpInPktDiscards") || !strings.Contains(s, "From:{V:0 OK:true} To:4") ||
		!strings.Contains(s, "sctp: network namespace 8: the kernel has it only since after the start") {
		t.Error(s)
	}
	for _, f := range own.files {
		f.close()
	}
}
