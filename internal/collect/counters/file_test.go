//go:build linux

package counters

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFiles: each file of proc is read as the kernel writes it, also when it has more or fewer lines than before.
func TestFiles(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		parse  func(*file, *Reader, []byte)
		text   string
		want   string
	}{
		"pairs": {"netstat", (*file).pairs, "TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits\nTcpExt: 1 2 37 4\nIpExt: InNoRoutes InOctets\nIpExt: 3 9\n",
			"IpExtInNoRoutes=3 TcpExtListenDrops=37 TcpExtListenOverflows=2"},
		"negative":      {"snmp", (*file).pairs, "Tcp: MaxConn RetransSegs InErrs\nTcp: -1 5 0\n", "TcpRetransSegs=5"},
		"a line is cut": {"snmp", (*file).pairs, "Tcp: MaxConn RetransSegs InErrs\nTcp: -1 5", "TcpRetransSegs=5"},
		"list":          {"snmp6", (*file).list, "Ip6InReceives   \t9\nUdp6RcvbufErrors      \t12\n", "Udp6RcvbufErrors=12"},
		"conntrack": {"conntrack", (*file).conntrack, "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new\n" +
			"00000002  00000000 00000005 00000000 00000001 00000000 00000000 00000000 00000000 00000000 0000000a 00000001 00000000  00000000\n" +
			"00000002  00000000 00000005 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000010 00000000 00000000  00000000\n",
			"drop=26 early_drop=1 invalid=1"},
		"softnet": {"softnet_stat", (*file).softnet, "0000272d 00000003 00000001 0 0 0 0 0 0 0 00000002 0 0\n0000034d 00000004 00000000 0 0 0 0 0 0 0 00000000 0 1\n",
			"dropped=7 flow_limit_count=2 time_squeeze=1"},
		"sockets": {"udp", (*file).sockets, "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n" +
			"  483: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0000000000000000 7         \n" +
			"  484: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12346 2 0000000000000000 0         \n" +
			"  485: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12347 2 0000000000000000 8\n",
			"udp 127.0.0.1:53 drops=7 udp [::1]:53 drops=8"},
		"nothing": {"netstat", (*file).pairs, "", ""},
		"garbage": {"udp", (*file).sockets, "\x00\n\n 1\n: : : 5\n", ""},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := newReader()
		f := r.file(7, c.source, path, c.parse)
		for range 2 { // the second time from what was kept of the first
			clear(r.now)
			f.read(r)
			var got []string
			for k, v := range maps.All(r.now) {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s=%d", v.sock, k.name, v.value)))
			}
			slices.Sort(got)
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s: %s\nwant %s", name, s, c.want)
			}
		}
		f.close()
	}
}

// TestGrew: what grew is told, and neither what did not nor what began anew; levels only near their limits.
func TestGrew(t *testing.T) {
	r := newReader()
	r.base = map[key]int{{source: "link", netns: 7, index: 2}: 0, {source: "snmp", netns: 7}: 0}
	set := func(m map[key]reading, source, name string, index uint32, v reading) {
		m[key{source: source, name: name, netns: 7, index: index}] = v
	}
	set(r.last, "snmp", "UdpNoPorts", 0, reading{value: 5})
	set(r.now, "snmp", "UdpNoPorts", 0, reading{value: 5})
	set(r.last, "snmp", "UdpInErrors", 0, reading{value: 5})
	set(r.now, "snmp", "UdpInErrors", 0, reading{value: 4})
	set(r.now, "snmp", "TcpInErrs", 0, reading{value: 4})
	set(r.now, "link", "rx_dropped", 2, reading{value: 4, dev: "eth0"})
	set(r.now, "link", "rx_dropped", 3, reading{value: 4, dev: "eth1"})
	set(r.last, "conntrack", "nf_conntrack_count", 0, reading{value: 95, limit: 100})
	set(r.now, "conntrack", "nf_conntrack_count", 0, reading{value: 90, limit: 100})
	set(r.now, "sockstat", "TCP_mem", 0, reading{value: 89, limit: 100})
	var got []string
	for _, c := range r.grew() {
		got = append(got, fmt.Sprint(c.Dev, c.Name, " ", c.From, c.To))
	}
	want := "nf_conntrack_count {95 true} 90; eth0rx_dropped {0 true} 4; eth1rx_dropped {0 false} 4; TcpInErrs {0 true} 4"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
}
