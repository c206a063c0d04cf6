package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/skb-tools/skb-tools/bpf"
)

// Collect forgets the buffers that were seen last before a time, in ns of CLOCK_MONOTONIC:
// their release was missed, as it seems. One that does live is given another identity when
// it is seen again. It returns how many there were.
func (l *Loader) Collect(before uint64) (int, error) {
	const batch = 4096
	var (
		keys   = make([]uint64, batch)
		values = make([]bpf.Buffer, batch)
		cursor ebpf.MapBatchCursor
		forgot int
	)
	buffers := l.maps["buffers"]
	for {
		n, err := buffers.BatchLookup(&cursor, keys, values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return forgot, fmt.Errorf("looking for buffers whose release was missed: %w", err)
		}
		for i := range n {
			if values[i].Seen >= before {
				continue
			}
			switch derr := buffers.Delete(keys[i]); {
			case derr == nil:
				forgot++
			case !errors.Is(derr, ebpf.ErrKeyNotExist): // released meanwhile
				return forgot, fmt.Errorf("forgetting a buffer: %w", derr)
			}
		}
		if err != nil {
			return forgot, nil
		}
	}
}
