package drops

import (
	"math"
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// What a host's start record says holds until a change record says otherwise. Of the latest state alone all is
// kept; a drop of a time that it is not known for is explained without it.

// since is, for each of format.FactKeys, from when on what the host has of it is known, ns.
type since [len(format.FactKeys)]uint64

// never is not known for any time.
const never = math.MaxUint64

// What is kept of what changed. Beyond, nothing is known any more.
const (
	maxChanged      = 64      // hosts
	maxChangedBytes = 4 << 20 // of each, as change records have it
	maxDevices      = 8192
)

// change takes a change record of the start in force.
func (s *hosts) change(r format.Raw, h *host) {
	var c format.Change
	if c.Decode(r) != nil || h.reasons == nil { // no start has come
		return
	}
	h.change(&c, len(r))
	i := slices.Index(s.changed, h)
	switch {
	case i >= 0:
		s.changed = slices.Delete(s.changed, i, i+1)
	case len(s.changed) >= maxChanged:
		s.changed[0].forget()
		s.changed = slices.Delete(s.changed, 0, 1)
	}
	s.changed = append(s.changed, h)
}

// change applies a change record of so many bytes.
func (h *host) change(c *format.Change, size int) {
	h.views = nil
	for i, key := range format.FactKeys {
		switch {
		case !slices.Contains(c.Keys, key):
		case !c.Seen.OK:
			if c.TS >= h.last[i] {
				h.since[i] = never
			}
		case h.lost[i]:
		case c.TS < h.last[i]: // what came after it has been applied before it
			h.lose(key)
		default:
			h.since[i], h.last[i] = c.Seen.V, c.TS
			h.looked = true
		}
	}
	if !c.Seen.OK {
		return
	}
	if h.grown += size; h.grown > maxChangedBytes {
		if h.grown = h.size(); h.grown > maxChangedBytes {
			h.forget()
			return
		}
	}
	for i, key := range format.FactKeys {
		if h.lost[i] || !slices.Contains(c.Keys, key) {
			continue
		}
		for _, name := range c.Gone[key] {
			h.remove(key, name)
		}
		if entries, ok := c.Facts[key]; ok {
			h.put(key, entries)
		}
	}
	_, devices := c.Facts["devices"]
	h.derive = h.derive || devices || c.Gone["devices"] != nil
}

// forget takes all that can change for not known, for good.
func (h *host) forget() {
	for _, key := range format.FactKeys {
		h.lose(key)
	}
	h.views, h.grown = nil, 0
}

// lose takes what is in one map for not known, for good.
func (h *host) lose(key string) {
	i := slices.Index(format.FactKeys[:], key)
	h.since[i], h.lost[i] = never, true
	h.leaveOut(key)
}

// leaveOut has nothing of one of format.FactKeys.
func (h *host) leaveOut(key string) {
	if m := h.strings(key); m != nil {
		*m = nil
	} else if m := h.numbers(key); m != nil {
		*m = nil
	} else {
		h.devices, h.macs, h.addrs, h.owners = nil, nil, nil, nil
	}
	h.qdiscs = h.qdiscs && key != "qdisc"
}

// strings is where the host has what a key has of strings, numbers where it has numbers; nil for other keys.
func (h *host) strings(key string) *map[string]string {
	switch key {
	case "sysctl":
		return &h.sysctl
	case "qdisc":
		return &h.qdisc
	case "tc_filters":
		return &h.filters
	case "tc_actions":
		return &h.actions
	case "firewall":
		return &h.firewall
	case "xfrm_spis":
		return &h.spis
	}
	return nil
}

func (h *host) numbers(key string) *map[string]uint64 {
	switch key {
	case "ip_rules":
		return &h.rules
	case "xfrm":
		return &h.xfrm
	case "bpf_programs":
		return &h.programs
	}
	return nil
}

// put sets entries of one of format.FactKeys.
func (h *host) put(key string, entries map[string]wire.Value) {
	n := 0
	if m := h.strings(key); m != nil {
		n = setAll(m, entries, func(v wire.Value) (string, bool) { s, ok := v.Str(); return string(s), ok })
	} else if m := h.numbers(key); m != nil {
		n = setAll(m, entries, wire.Value.Uint)
	} else {
		n = setAll(&h.devices, entries, func(v wire.Value) (format.Device, bool) {
			return format.DeviceOf(v), v.Kind() == wire.Map
		})
	}
	if h.qdiscs = h.qdiscs || key == "qdisc"; n > maxEntries || key == "devices" && n > maxDevices {
		h.lose(key)
	}
}

func setAll[T any](m *map[string]T, entries map[string]wire.Value, read func(wire.Value) (T, bool)) int {
	if *m == nil {
		*m = map[string]T{}
	}
	for name, v := range entries {
		if value, ok := read(v); ok {
			(*m)[name] = value
		}
	}
	return len(*m)
}

func (h *host) remove(key, name string) {
	if m := h.strings(key); m != nil {
		delete(*m, name)
	} else if m := h.numbers(key); m != nil {
		delete(*m, name)
	} else if key == "devices" {
		delete(h.devices, name)
	}
}

// size is about how many bytes of records the host's maps are of.
func (h *host) size() (n int) {
	const more = 8 // than the strings: their heads, a number
	for _, key := range format.FactKeys {
		if m := h.strings(key); m != nil {
			for name, v := range *m {
				n += len(name) + len(v) + more
			}
		} else if m := h.numbers(key); m != nil {
			for name := range *m {
				n += len(name) + more
			}
		}
	}
	for name, d := range h.devices {
		n += len(name) + 8*more + len(d.Addr) + len(d.Kind) + len(d.Master) + len(d.Port) + len(d.Link)
		for _, a := range d.Addrs {
			n += len(a) + more
		}
	}
	return n
}

// at is the host as far as it is known for a time, ns.
func (h *host) at(ts uint64) *host {
	mask := 0
	for i, from := range h.since {
		if ts < from {
			mask |= 1 << i
		}
	}
	if mask == 0 && !h.derive {
		return h
	}
	if h.derive {
		h.derive, h.views = false, nil
		h.deriveFromDevices()
	}
	if mask == 0 {
		return h
	}
	if view := h.views[mask]; view != nil {
		return view
	}
	view := *h
	for i, key := range format.FactKeys {
		if mask>>i&1 == 1 {
			view.leaveOut(key)
		}
	}
	if h.views == nil {
		h.views = map[int]*host{}
	}
	h.views[mask] = &view
	return &view
}

// then says of when the host's evidence is.
func (f *facts) then() value {
	if f.host.looked {
		return fixed(wordLooked)
	}
	return fixed(wordBegan)
}

var wordBegan, wordLooked = []byte("when the stream began"), []byte("when skb-collect last looked")
