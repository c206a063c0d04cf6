package skbcollect

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// start is the record that lets the stream explain itself on any machine.
func (c *collector) start() *format.Start {
	s := &format.Start{
		TS:          monotonic(),
		ClockOffset: clockOffset(),
		Kernel:      c.kernel.Release,
		Arch:        runtime.GOARCH,
		Tool:        "skb-collect " + pipe.Version,
		Cmdline:     os.Args,
		CPUs:        uint32(runtime.NumCPU()),
		Snaplen:     c.snaplen,
		Probes:      uint32(c.selection.len()),
		DropReasons: c.decoder.reasons,
		Sysctl:      sysctls(),
		Speed:       speeds(),
	}
	evidence(s, c.kernel.HasModule)
	s.Netns.Inum = ownNetns()
	s.Host, _ = os.Hostname()
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		s.BootID = strings.TrimSpace(string(id))
	}
	return s
}

// sysctlGlobs are the settings, of this network namespace, that decide over packets
// without a rule in sight.
var sysctlGlobs = []string{
	"net/ipv4/ip_forward", "net/ipv4/conf/*/rp_filter", "net/ipv4/conf/*/forwarding",
	"net/ipv4/conf/*/accept_local", "net/ipv4/conf/*/route_localnet", "net/ipv4/conf/*/arp_ignore",
	"net/ipv4/icmp_echo_ignore_all", "net/ipv4/tcp_syncookies",
	"net/ipv6/conf/*/forwarding", "net/ipv6/conf/*/disable_ipv6",
	"net/core/rmem_max", "net/core/rmem_default", "net/core/netdev_max_backlog", "net/core/somaxconn",
	"net/ipv4/tcp_l3mdev_accept", "net/ipv4/udp_l3mdev_accept", "net/ipv4/icmp_echo_ignore_broadcasts",
	"net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_count", "net/bridge/bridge-nf-call-iptables",
	"net/bridge/bridge-nf-call-ip6tables", "net/netfilter/nf_conntrack_tcp_be_liberal",
}

func sysctls() map[string]string {
	const root = "/proc/sys/"
	values := map[string]string{}
	for _, g := range sysctlGlobs {
		paths, _ := filepath.Glob(root + g)
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				continue // not for this user to read: the stream just does not say
			}
			// sysctl(8) writes a dot in a device's name as a slash.
			name := strings.NewReplacer("/", ".", ".", "/").Replace(strings.TrimPrefix(p, root))
			values[name] = strings.TrimSpace(string(b))
		}
	}
	return values
}

// ownNetns is the number of this process's network namespace; 0 if it cannot be told.
func ownNetns() uint32 {
	info, err := os.Stat("/proc/self/ns/net")
	if err != nil {
		return 0
	}
	return uint32(info.Sys().(*syscall.Stat_t).Ino)
}

// end is the record that closes the stream.
func (c *collector) end(why string) *format.End {
	e := &format.End{TS: monotonic(), Events: c.counts.events, Links: c.counts.links,
		Frees: c.counts.frees, Lost: c.losses.sum(), Cause: why}
	if c.child != nil && c.child.ended() {
		e.Status = format.Some(c.child.status())
	}
	return e
}
