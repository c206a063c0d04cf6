//go:build linux && (amd64 || arm64)

// Package host has what a stream says of the host that it is of: Describe fills the start record in, and a
// Watch tells, in change records, what of it is no longer so. It is of the network namespace of this
// process. What the kernel does not tell, or not this user, is left out.
package host

import (
	"os"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/collect/netns"
	"github.com/skb-tools/skb-tools/internal/collect/nsnames"
)

// Describe fills in what s says of the host. has says whether the kernel has a module now, by a function of
// it where it may be built in.
func Describe(s *format.Start, has func(module, function string) bool) {
	s.Sysctl, s.Speed = sysctls(), speeds()
	evidence(s, has)
	s.Netns.Inum, s.Namespaces = netns.Inum("/proc/self/ns/net"), nsnames.Find()
	s.Host, _ = os.Hostname()
	s.BootID = clock.BootID()
}
