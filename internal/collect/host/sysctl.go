//go:build linux && (amd64 || arm64)

package host

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// sysctlNames are the settings, of this network namespace, that decide over packets
// without a rule in sight; confNames those that each device has, in two folders.
var (
	sysctlNames = []string{
		"net/ipv4/ip_forward", "net/ipv4/icmp_echo_ignore_all", "net/ipv4/tcp_syncookies",
		"net/core/rmem_max", "net/core/rmem_default", "net/core/netdev_max_backlog", "net/core/somaxconn",
		"net/ipv4/tcp_l3mdev_accept", "net/ipv4/udp_l3mdev_accept", "net/ipv4/icmp_echo_ignore_broadcasts",
		"net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_count", "net/bridge/bridge-nf-call-iptables",
		"net/bridge/bridge-nf-call-ip6tables", "net/netfilter/nf_conntrack_tcp_be_liberal",
	}
	confNames = map[string][]string{
		"net/ipv4/conf": {"rp_filter", "forwarding", "accept_local", "route_localnet", "arp_ignore"},
		"net/ipv6/conf": {"forwarding", "disable_ipv6"},
	}
)

// sysctls are their values, by their names. What is not there or not for this user to read is left out. A
// host of many devices has thousands: so each takes three system calls.
func sysctls() map[string]string {
	const root = "/proc/sys/"
	values := map[string]string{}
	buf := make([]byte, 256)
	for _, name := range sysctlNames {
		if value, ok := readSysctl(unix.AT_FDCWD, root+name, buf); ok {
			values[strings.ReplaceAll(name, "/", ".")] = value
		}
	}
	for folder, names := range confNames {
		f, err := os.Open(root + folder)
		if err != nil {
			continue
		}
		devices, _ := f.Readdirnames(-1)
		prefix := strings.ReplaceAll(folder, "/", ".") + "."
		for _, device := range devices {
			for _, name := range names {
				if value, ok := readSysctl(int(f.Fd()), device+"/"+name, buf); ok {
					// sysctl(8) writes a dot in a device's name as a slash.
					values[prefix+strings.ReplaceAll(device, ".", "/")+"."+name] = value
				}
			}
		}
		f.Close()
	}
	return values
}

// readSysctl reads one below a folder.
func readSysctl(folder int, name string, buf []byte) (string, bool) {
	fd, err := unix.Openat(folder, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", false
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	return strings.TrimSpace(string(buf[:max(n, 0)])), err == nil
}
