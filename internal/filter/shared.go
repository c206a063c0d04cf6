//go:build linux && (amd64 || arm64)

package filter

import "github.com/skb-tools/skb-tools/bpf"

// What is in use: the bits of the variable `filters`.
const (
	inUsePacket = uint32(bpf.SkbFilterInUseFILTER_PACKET)
	inUseInfo   = uint32(bpf.SkbFilterInUseFILTER_INFO)
	inUseInner  = uint32(bpf.SkbFilterInUseFILTER_INNER)
	inUseWhere  = uint32(bpf.SkbFilterInUseFILTER_WHERE)
)

// What packet_bytes of bpf/filter.h says in the place of bytes. They are negative there, and bpf2go
// does not know signs.
const (
	notReadable = ^int32(^bpf.SkbNoBytesNOT_READABLE)
	notLookedAt = ^int32(^bpf.SkbNoBytesNOT_LOOKED_AT)
)
