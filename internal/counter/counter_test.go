package counter

import (
	"strings"
	"testing"
)

// TestTable: each counter stands once, is a part of one that is there, and has words that fit into a line.
func TestTable(t *testing.T) {
	if len(byName()) != len(table) {
		t.Errorf("%d counters have %d names", len(table), len(byName()))
	}
	for i := range table {
		c := &table[i]
		name := c.Source + " " + c.Name
		if c.Words == "" || strings.ContainsAny(c.Words, "\n;") || strings.HasSuffix(c.Words, ".") {
			t.Errorf("%s: %q", name, c.Words)
		}
		if of := Lookup(c.Source, c.Of); c.Of != "" && (of == nil || of.Of != "" || of.Kind != c.Kind) {
			t.Errorf("%s is a part of %s, of which is known %+v", name, c.Of, of)
		}
		if strings.Contains(c.Look, "{dev}") != (c.Source == "link" || c.Source == "qdisc") && c.Look != "" {
			t.Errorf("%s: %q", name, c.Look)
		}
	}
}

// TestKept: traffic is left out, loss and trouble are not, also where nothing is known of the name.
func TestKept(t *testing.T) {
	for name, want := range map[string]bool{
		"snmp IpInReceives": false, "snmp TcpRetransSegs": true, "snmp UdpInDatagrams": false, "netstat TcpExtTCPHPHits": false,
		"netstat TcpExtListenDrops": true, "netstat TcpExtTCPNewOverflow": true, "snmp6 Ip6InOctets": false,
		"ethtool rx_packets": false, "ethtool rx_out_of_buffer": true, "ethtool rx_no_buffer_count": true,
		"ethtool rx_queue_0_xdp_drops": true, "ethtool port.rx_crc_errors": true, "ethtool rx_fifo_full": true,
		"ethtool rx_no_dma_resources": true, "ethtool port_rx_nodesc_drops": true, "ethtool rx_nodesc_trunc": true,
		"ethtool rx_overruns": true, "ethtool port_rx_bad_bytes": true, "ethtool rx_crc": true, "ethtool rx_fcs": true,
		"ethtool rx_oversize": true, "ethtool rx_jabber": true, "ethtool rx_csum_complete": false,
		"ethtool rx_csum_none": false, "ethtool rx_csum_offload_errors": true, "ethtool tx_csum_bad": true,
		"sctp SctpInPktDiscards": true, "sctp SctpInSCTPPacks": false,
		"xfrm_stat XfrmInNoStates": true, "conntrack found": false, "conntrack early_drop": true,
	} {
		source, counter, _ := strings.Cut(name, " ")
		if got := Kept(source, counter); got != want {
			t.Errorf("%s: kept %v", name, got)
		}
	}
}
