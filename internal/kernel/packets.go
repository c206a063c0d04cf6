//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/skb-tools/skb-tools/bpf"
)

// What counts the first packets, with Settings.First (bpf/packets.h).
const (
	countdownMap = ".data.packets"
	letInMap     = "let_in"
	unwanted     = 1 << 63 // UNWANTED, in an identity
)

// A Countdown is how far the first packets have come.
type Countdown struct {
	Left    int // packets that may still come
	Buffers int // that those which came have
	Away    int // of their packets, those that are with Open vSwitch's user space
}

// setFirst sets what Settings.First asks for. Without it, there is nothing of it in the kernel.
func (l *Loader) setFirst(maps *ebpf.CollectionSpec) error {
	if l.settings.First == 0 {
		delete(maps.Maps, countdownMap)
		delete(maps.Maps, letInMap)
		return nil
	}
	l.spec.Maps[letInMap].MaxEntries = l.settings.First
	maps.Maps[letInMap].MaxEntries = l.settings.First
	if err := l.spec.Variables["packets"].Set(true); err != nil {
		return fmt.Errorf("setting packets: %w", err)
	}
	return nil
}

// RememberPackets has packets that are seen be remembered: once LetPacketsIn is called, they are none of the
// first.
func (l *Loader) RememberPackets() error { return l.gate(bpf.GateEarly) }

// LetPacketsIn begins to count.
func (l *Loader) LetPacketsIn() error { return l.gate(bpf.GateOpen) }

func (l *Loader) gate(g uint32) error {
	c := bpf.Countdown{Gate: g, Left: int32(l.settings.First)}
	if err := l.maps[countdownMap].Put(uint32(0), &c); err != nil {
		return fmt.Errorf("telling the BPF programs of --packets: %w", err)
	}
	return nil
}

// Countdown reads how far the first packets have come.
func (l *Loader) Countdown() (Countdown, error) {
	var c bpf.Countdown
	if err := l.maps[countdownMap].Lookup(uint32(0), &c); err != nil {
		return Countdown{}, fmt.Errorf("reading how many packets have come: %w", err)
	}
	return Countdown{Left: max(0, int(c.Left)), Buffers: max(0, int(c.Buffers)), Away: max(0, int(c.Away))}, nil
}

// BuffersNow counts the buffers of the first packets one by one. Countdown's are still counted when their
// release was missed, and user space has taken them off the map.
func (l *Loader) BuffersNow() (n int, err error) {
	var (
		key   uint64
		value bpf.Buffer
	)
	all := l.maps["buffers"].Iterate()
	for all.Next(&key, &value) {
		if value.Id != 0 && value.Id&unwanted == 0 {
			n++
		}
	}
	if err := all.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return 0, fmt.Errorf("counting the buffers that are followed: %w", err)
	}
	return n, nil
}

// CanBegin tells whether a packet can be seen first at one of the probes: elsewhere it may be on its way out, or
// gone, and is followed no further.
func CanBegin(functions []Function, tracepoints []Tracepoint) bool {
	for _, f := range functions {
		if f.fate == held {
			return true
		}
	}
	for _, t := range tracepoints {
		if !t.HandedOver() {
			return true
		}
	}
	return false
}
