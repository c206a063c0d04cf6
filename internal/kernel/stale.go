//go:build linux && (amd64 || arm64)

package kernel

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/skb-tools/skb-tools/bpf"
)

// Collect forgets the buffers that were seen last before a time, in ns of CLOCK_MONOTONIC:
// their release was missed, as it seems. One that does live is given another identity when
// it is seen again. It returns how many there were, and ends early when ctx does.
//
// Not by a batch lookup: while that walks the map, the kernel runs no kprobe programs on the
// cpu, and what they would have seen is lost without a count.
func (l *Loader) Collect(ctx context.Context, before uint64) (int, error) {
	const most = 1 << 16 // at a time
	var (
		key   uint64
		value bpf.Buffer
		old   []uint64
	)
	buffers := l.maps["buffers"]
	all := buffers.Iterate()
	for len(old) < most && ctx.Err() == nil && all.Next(&key, &value) {
		if value.Seen < before {
			old = append(old, key)
		}
	}
	// Where entries come and go quickly a walk can end early.
	if err := all.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return 0, fmt.Errorf("looking for buffers whose release was missed: %w", err)
	}
	for i, k := range old {
		if ctx.Err() != nil {
			return i, nil
		}
		if err := buffers.Delete(k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return i, fmt.Errorf("forgetting a buffer: %w", err)
		}
	}
	return len(old), nil
}
