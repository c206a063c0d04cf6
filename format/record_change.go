package format

import (
	"bytes"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// FactKeys are the keys of a start record that say how the host's network is set up, which can change
// while a stream is made. Each is a map.
var FactKeys = [...]string{
	"sysctl", "qdisc", "devices", "tc_filters", "tc_actions", "firewall", "ip_rules", "xfrm", "xfrm_spis", "bpf_programs",
}

// Facts are what a start and the change records behind it say: for each of FactKeys that is known, the
// value of each entry, in msgpack.
type Facts map[string]map[string]wire.Value

// Facts returns those of a start record, which they are parts of.
func (r Raw) Facts() Facts {
	f := Facts{}
	for _, key := range FactKeys {
		if v := r.Get(key); v.Kind() == wire.Map {
			f[key] = entriesOf(v)
		}
	}
	return f
}

func entriesOf(v wire.Value) map[string]wire.Value {
	entries := make(map[string]wire.Value, v.Len())
	_ = v.Each(func(key []byte, v wire.Value) bool {
		entries[string(key)] = v
		return true
	})
	return entries
}

// A Change says that what the start record says of the host is not so any more, or may not be.
type Change struct {
	TS   uint64      // ns; until then it was as said before
	Seen Opt[uint64] // ns; from then on it was as said here. Absent: how it is now, a later record may tell
	Keys []string    // of FactKeys: what this is about

	// entries that are new or have another value; a key that was not known before has all of its entries
	Facts Facts
	Gone  map[string][]string // entries that are no more
}

var changeSection = Section{"change", changeKeys()}

// changeKeys has those of FactKeys as the start record's table has them.
func changeKeys() []Key {
	keys := []Key{
		{Name: "type", Form: FormStr, What: "`change`"},
		{Name: "ts", Form: FormUint, Unit: UnitNS,
			What: "until this time nothing of this had changed, ns. If the kernel reported the change, it is 100 ms " +
				"before the report, because a change can take time"},
		{Name: "seen", Form: FormUint, Unit: UnitNS,
			What: "from then on it is known again, ns", Absent: "it is not yet"},
		{Name: "keys", Form: FormStrs, What: "the keys of `start` that this is about, of those below"},
	}
	for i, name := range FactKeys {
		k := *startSection.key(name)
		k.What, k.Absent = "as in `start`: entries that are new or have another value", "no entry is, or without `seen`"
		if i == 0 {
			k.What = "as in `start`, the entries that are new or have another value; of a key that was absent from " +
				"`start`, all"
		}
		keys = append(keys, k)
	}
	return append(keys, Key{Name: "gone", Form: FormArrMap,
		What: "by key, the names of entries that are no more", Absent: "there are none"})
}

// Changes returns what has to be said of keys, which are of FactKeys, where they were as in before and
// are as in now. Those that now does not have are left out.
func Changes(before, now Facts, keys []string) *Change {
	c := &Change{Facts: Facts{}, Gone: map[string][]string{}}
	for _, key := range keys {
		entries, known := now[key]
		if !known {
			continue
		}
		c.Keys = append(c.Keys, key)
		was, knew := before[key]
		differ := map[string]wire.Value{}
		for name, v := range entries {
			if w, had := was[name]; !had || !bytes.Equal(v, w) {
				differ[name] = v
			}
		}
		for _, name := range sorted(was) {
			if _, has := entries[name]; !has {
				c.Gone[key] = append(c.Gone[key], name)
			}
		}
		if len(differ) > 0 || !knew {
			c.Facts[key] = differ
		}
	}
	return c
}

// Empty says that nothing is otherwise.
func (c *Change) Empty() bool { return len(c.Facts) == 0 && len(c.Gone) == 0 }

// AppendMsgpack appends the record.
func (c *Change) AppendMsgpack(dst []byte) []byte { return appendEncoded(dst, c.encode) }

// EncodeMsgpack writes the record.
func (c *Change) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, c) }

func (c *Change) encode(e *msgpack.Encoder) error {
	entries := []entry{
		{"type", true, TypeChange}, {"ts", true, c.TS}, {"seen", c.Seen.OK, c.Seen.V}, {"keys", true, c.Keys},
	}
	for _, key := range FactKeys {
		facts, has := c.Facts[key]
		entries = append(entries, entry{key, has, facts})
	}
	return encodeMap(e, append(entries, entry{"gone", len(c.Gone) > 0, c.Gone}))
}

// Decode reads r, which must be a change. Facts are parts of r.
func (c *Change) Decode(r Raw) error {
	if r.Type() != TypeChange {
		return errType(r, TypeChange)
	}
	*c = Change{Facts: r.Facts(), Keys: namesOf(r.Get("keys"))}
	c.TS, _ = r.Time()
	c.Seen.V, c.Seen.OK = r.Get("seen").Uint()
	if v := r.Get("gone"); v != nil {
		c.Gone = map[string][]string{}
		_ = v.Each(func(key []byte, v wire.Value) bool {
			if slices.Contains(FactKeys[:], string(key)) {
				c.Gone[string(key)] = namesOf(v)
			}
			return true
		})
	}
	return nil
}

func namesOf(v wire.Value) (names []string) {
	_ = v.Elems(func(v wire.Value) bool {
		if s, ok := v.Str(); ok {
			names = append(names, string(s))
		}
		return true
	})
	return names
}

// Apply makes f what it is after c.
func (f Facts) Apply(c *Change) {
	for key, entries := range c.Facts {
		if f[key] == nil {
			f[key] = map[string]wire.Value{}
		}
		for name, v := range entries {
			f[key][name] = bytes.Clone(v)
		}
	}
	for key, names := range c.Gone {
		for _, name := range names {
			delete(f[key], name)
		}
	}
}
