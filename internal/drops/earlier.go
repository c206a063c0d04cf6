package drops

import (
	"bytes"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// What the events before the drop said of the same packet: the verdict of nftables and of BPF programs, the
// connection, what functions returned.
//
// The packets are kept in a table of fixed size; of two that share a place the later one
// stays. So memory is bounded, and what is forgotten is missing from an explanation but
// never wrong in one.
type earlier struct {
	slots [earlierSlots]*memory
}

// 8192 packets of at most 1 kB each.
const earlierSlots = 8192

// What is kept of the events before.
type kept uint8

const (
	keptNFT kept = iota
	keptCT
	keptBPF  // of the BPF program that returned last
	keptHook // the function that ran a netfilter hook, or was about to
	keptUFID // the flow of Open vSwitch that the packet found last
	allKept
)

var noFlow = []byte("-")

const returns = 4

type memory struct {
	key    uint64
	buf    [768]byte // the sections' bytes
	used   int
	at     [allKept][2]int // from, to
	rets   [returns]returned
	latest int
	looked looked
	drop   bool // an event said that the buffer was dropped
	reset  bool // it was answered by a TCP reset
}

// looked is what has come of the packet's last lookup in Open vSwitch's flow table.
type looked struct {
	up        bool // there was one
	noActions bool // the flow had none: the drop is told
	executed  bool // a list of actions was begun, which is the flow's
}

type returned struct {
	function [40]byte
	n        int // of function
	value    int32
}

// identity is what an event and those before it have in common if they are one packet's:
// skb-track's number if the stream has it, else that of the buffer.
func (f *facts) identity() (uint64, bool) {
	if id, ok := f.find.Uint(findTrackPacket); ok {
		return id ^ f.host.id ^ 1<<63, true
	}
	return f.buffer()
}

func (f *facts) buffer() (uint64, bool) {
	id, ok := f.find.Uint(findSkbID)
	return id ^ f.host.id, ok
}

func (e *earlier) find(key uint64) *memory {
	if m := e.slots[slot(key)]; m != nil && m.key == key {
		return m
	}
	return nil
}

func slot(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> 51 }

func (e *earlier) make(key uint64) *memory {
	p := &e.slots[slot(key)]
	if *p == nil {
		*p = new(memory)
	}
	if m := *p; m.key != key {
		m.key, m.drop, m.reset = key, false, false
		m.forget()
	}
	return *p
}

// forget drops what is kept of the packet of an event before which others are missing: they may have said something
// else. What has happened for certain stays.
func (e *earlier) forget(f *facts) {
	if !f.find.Has(findHeld) {
		return
	}
	if key, ok := f.identity(); ok {
		if m := e.find(key); m != nil {
			m.forget()
		}
	}
}

func (m *memory) forget() {
	m.used, m.at, m.rets, m.latest, m.looked = 0, [allKept][2]int{}, [returns]returned{}, 0, looked{}
}

// remember takes what may explain a later drop out of an event that is none.
func (e *earlier) remember(f *facts) {
	probe, _ := f.find.Str(findProbe)
	at := kfunc.Lookup(probe)
	if !f.find.Has(findNft) && !f.find.Has(findCt) && !f.find.Has(findRet) && !f.find.Has(findCaller) &&
		!f.find.Has(findOVSType) && !f.find.Has(findBPFVerdict) && !at.Is(kfunc.OnlyHook|kfunc.Resets) {
		return
	}
	key, ok := f.identity()
	if !ok {
		return
	}
	m := e.make(key)
	m.set(keptNFT, f.find.Value(findNft))
	m.set(keptCT, f.find.Value(findCt))
	if f.find.Has(findBPFVerdict) {
		m.set(keptBPF, f.find.Value(findBPF))
	}
	m.reset = m.reset || at.Is(kfunc.Resets)
	switch kind, _ := f.find.Str(findOVSType); string(kind) {
	case "actions":
		m.looked.executed = true
	case "lookup":
		no, _ := f.find.Value(findOVSNoActions).Bool()
		m.looked = looked{up: true, noActions: no}
		ufid, ok := f.find.Str(findOVSUFID)
		if !ok {
			ufid = noFlow // the one before has done with it
		}
		m.set(keptUFID, ufid)
	}
	switch {
	case at.Is(kfunc.OnlyHook):
		m.set(keptHook, probe)
	case at.Is(kfunc.RunsHook):
		caller, _ := f.find.Str(findCaller)
		m.set(keptHook, caller)
	}
	// The kernel's functions return an int, of which the register has the lower half.
	function := kfunc.Function(bytes.TrimPrefix(probe, []byte(kfunc.Return)))
	if v, ok := f.find.Uint(findRetValue); ok {
		m.addReturn(function, int32(v))
	} else if v, ok := f.find.Value(findRetValue).Int(); ok {
		m.addReturn(function, int32(v))
	}
}

func (m *memory) set(s kept, b []byte) {
	if b == nil {
		return
	}
	if to := m.at[s][1]; to-m.at[s][0] >= len(b) { // fits where the one before was
		n := copy(m.buf[m.at[s][0]:to], b)
		m.at[s][1] = m.at[s][0] + n
		return
	}
	if m.used+len(b) > len(m.buf) {
		m.at[s] = [2]int{} // better none than the one before
		return
	}
	m.at[s] = [2]int{m.used, m.used + len(b)}
	m.used += copy(m.buf[m.used:], b)
}

func (m *memory) get(s kept) []byte {
	if m.at[s][1] == m.at[s][0] {
		return nil
	}
	return m.buf[m.at[s][0]:m.at[s][1]]
}

func (m *memory) addReturn(function []byte, v int32) {
	r := &m.rets[m.latest%returns]
	if len(function) > len(r.function) {
		return
	}
	r.n = copy(r.function[:], function)
	r.value = v
	m.latest++
}

// ret gives what a function returned when it was last called with the packet.
func (m *memory) ret(function string) (int32, bool) {
	for i := m.latest - 1; i >= 0 && i >= m.latest-returns; i-- {
		if r := &m.rets[i%returns]; string(r.function[:r.n]) == function {
			return r.value, true
		}
	}
	return 0, false
}
