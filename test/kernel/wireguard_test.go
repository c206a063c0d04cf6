//go:build kernel

package kerneltest

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// A wgPeer is one end of a WireGuard tunnel, as the other end knows it.
type wgPeer struct {
	key      *ecdh.PublicKey
	endpoint netip.AddrPort // invalid: it calls first
	allowed  netip.Prefix
}

func newKey() *ecdh.PrivateKey {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// What wireguard sends, include/uapi/linux/wireguard.h.
const (
	wgSetDevice                                   = 1
	wgIfname, wgPrivateKey, wgListenPort, wgPeers = 2, 3, 6, 8
	wgPeerKey, wgPeerEndpoint, wgPeerAllowed      = 1, 4, 9
	wgAllowedFamily, wgAllowedAddr, wgAllowedMask = 1, 2, 3
)

// wireguard sets up a WireGuard device, as wg(8) does. It runs in the device's namespace.
func wireguard(dev string, key *ecdh.PrivateKey, port uint16, peer wgPeer) error {
	p := attr(wgPeerKey, peer.key.Bytes())
	if peer.endpoint.IsValid() {
		sa := binary.NativeEndian.AppendUint16(nil, unix.AF_INET)
		sa = binary.BigEndian.AppendUint16(sa, peer.endpoint.Port())
		sa = append(append(sa, peer.endpoint.Addr().AsSlice()...), make([]byte, 8)...)
		p = append(p, attr(wgPeerEndpoint, sa)...)
	}
	allowed := slices.Concat(attr16(wgAllowedFamily, unix.AF_INET), attr(wgAllowedAddr, peer.allowed.Addr().AsSlice()),
		attr(wgAllowedMask, []byte{byte(peer.allowed.Bits())}))
	p = append(p, attr(wgPeerAllowed|nested, attr(nested, allowed))...)
	return genetlink("wireguard", 1, command(wgSetDevice, attr(wgIfname, append([]byte(dev), 0)), attr(wgPrivateKey, key.Bytes()),
		attr16(wgListenPort, port), attr(wgPeers|nested, attr(nested, p))))
}
