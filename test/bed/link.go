//go:build linux

package main

import (
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
)

// A link is a guest's end of a cable between two guests: datagrams between two sockets of this machine. Neither guest
// needs the other one to boot; a frame to one that is not there is lost.
type link struct{ local, remote string }

// parseLinks reads LOCAL:REMOTE.
func parseLinks(words []string) ([]link, error) {
	var links []link
	for _, w := range words {
		local, remote, ok := strings.Cut(w, ":")
		if !ok || local == "" || remote == "" || strings.Contains(remote, ":") {
			return nil, fmt.Errorf("--net %s: must be LOCAL:REMOTE, the paths of two sockets", w)
		}
		links = append(links, link{local, remote})
	}
	return links, nil
}

// mac is the address of the guest's end, which no other end has: it goes by the path of its socket.
func (l link) mac() net.HardwareAddr {
	sum := sha256.Sum256([]byte(l.local))
	return append(net.HardwareAddr{0x52, 0x54, 0}, sum[:3]...)
}

// arguments are qemu's for device number i.
func (l link) arguments(i int) []string {
	quote := func(path string) string { return strings.ReplaceAll(path, ",", ",,") }
	return []string{
		"-netdev", fmt.Sprintf("dgram,id=net%d,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s", i,
			quote(l.local), quote(l.remote)),
		"-device", fmt.Sprintf("virtio-net-pci,netdev=net%d,mac=%s,romfile=", i, l.mac()),
	}
}
