package drops

import (
	"slices"
	"strings"
)

// machineSettings are settings of the whole machine, by the beginning of their names. In another
// network namespace than the first they are not there at all, or not to be seen (net/core/sysctl_net_core.c,
// net/core/neighbour.c, net/ipv4/sysctl_net_ipv4.c).
var machineSettings = []string{
	"net.core.netdev_", "net.core.qdisc_max_burst", "net.core.rmem_", "net.core.wmem_",
	"net.ipv4.tcp_mem", "net.ipv4.udp_mem", "net.ipv4.neigh.default.", "net.ipv6.neigh.default.",
}

// wholeMachine tells whether a command is to be run as it is, wherever the packet was.
func wholeMachine(command string) bool {
	words := fields(command)
	switch words[0] {
	case "ls", "ovs-appctl", "ovs-ofctl", "ovs-vsctl": // ovs-vswitchd is asked by a file's name
		return true
	case "cat":
		return !strings.HasPrefix(words[1], "/proc/net/")
	case "bpftool":
		return words[1] != "net"
	case "sysctl":
		return slices.ContainsFunc(words[1:], machineSetting)
	}
	return false
}

func machineSetting(name string) bool {
	return slices.ContainsFunc(machineSettings, func(part string) bool { return strings.HasPrefix(name, part) })
}
