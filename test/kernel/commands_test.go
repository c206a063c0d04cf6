//go:build kernel

package kerneltest

import (
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/drops"
)

// notRun are commands that skb-drops proposes and no test runs, by how they begin, and why.
var notRun = map[string]string{
	"cat /proc/net/pppoe":       "the guests' kernels have no PPPoE",
	"cat /sys/kernel/security/": "the guests have no securityfs",
	"ls /sys/kernel/security":   "the guests have no securityfs",
	"ebtables-legacy ":          "the guests do not have the program",
	"gtp-tunnel ":               "the guests do not have the program",
	"iptables-legacy-save":      "the guests do not have the program",
	"iw ":                       "the guests do not have the program",
	"ovs-dpctl ":                "there is no Open vSwitch in this test",
	"ovs-appctl ":               "the same",
	"ovs-ofctl ":                "the same",
	"dmesg | grep ":             "it fails where the log does not have the line",
	"wg ":                       "the guests do not have the program",
	"bpftool prog dump xlated ": "the number is that of a program (TestXDPProbed, TestProgramsWithSkb and TestXDPTold run it)",
	"ip route get 224.0.0.22":   "it fails where the reason for it is, which is that no route leads there",
}

// since are the counters and settings that not all kernels here have, with a reason that the same ones have.
var since = map[string]string{
	"UdpMemErrors":             "NO_SOCKET",
	"Udp6MemErrors":            "NO_SOCKET",
	"Icmp6OutRateLimitHost":    "NO_SOCKET",
	"TcpExtTCPAOBad":           "TCP_AOFAILURE",
	"TcpExtTCPAORequired":      "TCP_AOFAILURE",
	"TcpExtTCPAOKeyNotFound":   "TCP_AOFAILURE",
	"TcpExtBeyondWindow":       "TCP_INVALID_END_SEQUENCE",
	"TcpExtPAWSOldAck":         "TCP_RFC7323_PAWS_ACK",
	"TcpExtPAWSTimewait":       "TCP_RFC7323_TW_PAWS",
	"TcpExtTSEcrRejected":      "TCP_RFC7323_TSECR",
	"net.core.qdisc_max_burst": "QDISC_BURST_DROP",
}

// commandsToLookWith are those that skb-drops proposes, for a packet that came in on l1 of ns1 or that ns1 sent there.
func commandsToLookWith(t *testing.T) (all []string) {
	t.Helper()
	fields := map[string]string{
		"bpf.id":   "1",
		"dev.name": "l1", "dev.sysctl": "l1", "dev.master": "br1", "frame.owner": "r1",
		"forwarding.sysctl": "net.ipv4.conf.l1.forwarding",
		"openflow":          "in_port=l1",
		"sport":             "4000", "dport": "53", "ip.version": "4",
		"nft.family": "inet", "nft.table": "looks", "nft.chain": "input",
	}
	// Sources and destinations: what ns1 forwards, what it takes, and what it sends.
	forwarded := map[string]string{"4": "10.0.0.1 10.0.1.2", "6": "fd00::1 fd00:1::2"}
	taken := map[string]string{"4": "10.0.0.1 10.0.0.2", "6": "fd00::1 fd00::2"}
	sent := map[string]string{"4": "10.0.0.2 10.0.0.1", "6": "fd00::2 fd00::1"}
	field := regexp.MustCompile(`\{[a-z.]+\}`)
	commands, err := drops.Commands()
	if err != nil || len(commands) < 300 {
		t.Fatal(len(commands), err)
	}
	for _, command := range commands {
		version, ends := "4", sent
		if strings.HasPrefix(command, "ip -6 ") {
			version = "6"
		}
		switch {
		case strings.Contains(command, " iif "):
			ends = forwarded
		case strings.Contains(command, "get {saddr} from {daddr}"):
			ends = taken
		}
		src, dst, _ := strings.Cut(ends[version], " ")
		all = append(all, field.ReplaceAllStringFunc(command, func(f string) string {
			switch f = strings.Trim(f, "{}"); {
			case f == "saddr":
				return src
			case f == "daddr":
				return dst
			case f == "dev.name" && strings.Contains(command, " vrf "):
				return "blue"
			case f == "dev.name" && strings.HasPrefix(command, "bridge "):
				return "p9"
			case fields[f] == "":
				t.Fatalf("%s: what is {%s} here?", command, f)
			}
			return fields[f]
		}))
	}
	return all
}

// namesShown are the words of a command that one of nstat or sysctl shows, "": it is no such command.
func namesShown(command string) (program string, names []string) {
	program, rest, _ := strings.Cut(command, " ")
	if program != "nstat" && program != "sysctl" || strings.ContainsAny(command, "|&") {
		return "", nil
	}
	for name := range strings.FieldsSeq(rest) {
		if !strings.HasPrefix(name, "-") {
			names = append(names, name)
		}
	}
	return program, names
}

var _ = sameOnAllKernels("TestCommandsRun",
	"that programs take the words of commands; TestCountersAndSettings asks for what kernels differ in")

// TestCommandsRun: each command that skb-drops proposes to look with is one that its program takes: it ends without an
// error. TestDropLooks shows that those of rules tell what they are for. Of those that a reason of the kernel's or the
// census has, this and TestCountersAndSettings are all that is tested.
func TestCommandsRun(t *testing.T) {
	net := zooNetwork(t)
	withIPv6(t, net)
	run(t, "modprobe", "-a", "vrf", "ip_vs", "nf_conntrack", "nf_tables", "nfnetlink_queue", "macsec", "mpls_router",
		"nf_synproxy_core")
	net.in(1, `ip link add blue type vrf table 10; ip link set blue up
		ip link add br1 type bridge; ip link add p9 type dummy; ip link set p9 master br1
		nft 'table inet looks { chain input { type filter hook input priority 0; ct state new accept; }; }'`)
	newCgroup(t, "looks") // and its file system
	script := "failed() { echo \"FAILED: $1\"; cat /tmp/looked; }\n"
	unused := maps.Clone(notRun)
	for _, command := range commandsToLookWith(t) {
		if program, names := namesShown(command); program != "" && names != nil {
			continue
		}
		skipped := false
		for begin := range notRun {
			if strings.HasPrefix(command, begin) {
				delete(unused, begin)
				skipped = true
			}
		}
		if !skipped {
			quoted := strings.ReplaceAll(command, "'", `'\''`)
			script += fmt.Sprintf("{ %s\n} > /tmp/looked 2>&1 || failed '%s'\n", command, quoted)
		}
	}
	for begin := range unused {
		t.Errorf("notRun: no command begins with %q", begin)
	}
	out, err := exec.Command("nsenter", "--net=/run/netns/ns1", "bash", "-c", script).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCountersAndSettings: the kernel has each counter and each setting that a command of skb-drops names.
func TestCountersAndSettings(t *testing.T) {
	run(t, "modprobe", "-a", "nf_conntrack", "br_netfilter")
	net := zooNetwork(t)
	withIPv6(t, net)
	collector, file := collect(t, "--no-follow", "-p", "skb:kfree_skb")
	collector.stop()
	reasons := slices.Collect(maps.Values(readStream(t, file).start.DropReasons))
	named := map[string]map[string]bool{"nstat -asz": {}, "sysctl": {}}
	for _, command := range commandsToLookWith(t) {
		program, names := namesShown(command)
		if program == "nstat" {
			program += " -asz"
		}
		for _, name := range names {
			named[program][name] = true
		}
	}
	for program, names := range named {
		script := program + " " + strings.Join(slices.Sorted(maps.Keys(names)), " ") + " 2> /dev/null || true"
		shown := net.in(1, script)
		if program == "sysctl" { // some are the machine's, and not a namespace's
			shown += run(t, "bash", "-c", script)
		}
		for name := range names {
			there := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` `).MatchString(shown)
			if want := since[name] == "" || slices.Contains(reasons, since[name]); there != want {
				t.Errorf("%s shows %s: %v, want %v", program, name, there, want)
			}
		}
	}
}
