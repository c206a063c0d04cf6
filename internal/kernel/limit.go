//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/skb-tools/skb-tools/bpf"
)

// Maps and the variable of --limit in bpf/maps.h.
const (
	bucketsMap   = "buckets"
	heldDropsMap = "held_drops"
	limitMap     = ".data.limit"
)

// second is one, in ns.
const second = uint64(1e9)

// moreProbes is for how many probes beyond those that are known there is room: an entry and its return are two, and
// --probe-stack finds more.
const moreProbes = 1024

// applyLimit sets the ceiling of the events of each probe. As many as it allows in a second may come at once.
func (s *Settings) applyLimit(spec *ebpf.CollectionSpec) error {
	if s.Counts {
		spec.Maps[bucketsMap].MaxEntries = 2
		return nil
	}
	if s.Limit == 0 {
		// They are not used, but programs name them.
		spec.Maps[bucketsMap].MaxEntries = 1
		spec.Maps[heldDropsMap].MaxEntries = 1
		return nil
	}
	spec.Maps[bucketsMap].MaxEntries = uint32(2*s.Probes + moreProbes)
	for name, value := range map[string]any{"limited": true, "limit_burst": second - gapOf(s.Limit)} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// gapOf is the time between events, in ns, at so many a second.
func gapOf(perSecond uint64) uint64 { return max(1, second/perSecond) }

// startLimit sets the rate, and makes the bucket of the probes for which there is no room.
func (l *Loader) startLimit() error {
	if l.settings.Counts {
		return nil // CountDrops makes it
	}
	if l.settings.Limit == 0 {
		return nil
	}
	err := errors.Join(l.maps[limitMap].Put(uint32(0), gapOf(l.settings.Limit)),
		l.maps[bucketsMap].Put(uint64(0), bpf.Bucket{}))
	if err != nil {
		return fmt.Errorf("setting the rate of --limit: %w", err)
	}
	return nil
}

// CountDrops has drops counted, for Held, without events. t is skb:kfree_skb.
func (a *Attachment) CountDrops(t Tracepoint, number uint64) error {
	// For the drops that the map of drops has no room for.
	if err := a.loader.maps[bucketsMap].Put(number, bpf.Bucket{}); err != nil {
		return fmt.Errorf("making the map of --count-drops: %w", err)
	}
	vars := dropArgs(t)
	vars["probe_number"], vars["skb_arg"] = number, uint8(t.Arg)
	k, err := a.rawTracepoint("count_only", t, vars)
	if err != nil {
		return err
	}
	a.add(k, 1)
	return nil
}

// Held is what was held back so far. It is exact when the programs are off.
type Held struct {
	// Events by what they carry as `probe`, of a return with the highest bit changed: those that are not in Drops.
	Events map[uint64]uint64
	Drops  map[bpf.DropKey]bpf.DropCount
}

// counted is which option it is that Held reads for.
func (s *Settings) counted() string {
	if s.Counts {
		return "--count-drops counted"
	}
	return "--limit held back"
}

// Held reads it.
func (l *Loader) Held() (h Held, err error) {
	h = Held{Events: map[uint64]uint64{}, Drops: map[bpf.DropKey]bpf.DropCount{}}
	var probe uint64
	var b bpf.Bucket
	buckets := l.maps[bucketsMap].Iterate()
	for buckets.Next(&probe, &b) {
		if b.Held > 0 {
			h.Events[probe] = b.Held
		}
	}
	var key bpf.DropKey
	var n bpf.DropCount
	drops := l.maps[heldDropsMap].Iterate()
	for drops.Next(&key, &n) {
		h.Drops[key] = n
	}
	if err := errors.Join(buckets.Err(), drops.Err()); err != nil {
		return h, fmt.Errorf("reading what %s: %w", l.settings.counted(), err)
	}
	return h, nil
}
