package format

import (
	"fmt"
	"strings"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// A shape is what FORMAT.md's table says of a map: its keys, the form of each, and which are
// never absent. Keys that are not in it are nobody's business.
type shape struct {
	keys []member
	must uint64 // bits of the keys that are never absent
}

// A member is a key of a shape.
type member struct {
	key  string
	form form
	of   *shape // of a map, of an array's maps, or of a map's maps
}

// A form is what a value may be.
type form uint8

const (
	formUint form = iota
	formInt
	formStr
	formBool
	formBin
	formArray
	formMap
	formStrs    // an array of strings
	formUints   // an array of integers
	formPairs   // an array of arrays of two integers
	formMaps    // an array of maps
	formStrMap  // a map of strings
	formUintMap // a map of integers
	formArgs    // a map of integers, which may be negative, and booleans
	formArrMap  // a map of arrays
	formMapMap  // a map of maps
)

// forms are the words in which shapes are written, and those for people.
var forms = [...]struct{ word, says string }{
	formUint: {"u", "an integer of 0 or more"}, formInt: {"i", "an integer"}, formStr: {"s", "a string"}, formBool: {"b", "a boolean"},
	formBin: {"bytes", "bytes"}, formArray: {"a", "an array"}, formMap: {"m", "a map"},
	formStrs: {"a.s", "an array of strings"}, formUints: {"a.u", "an array of integers of 0 or more"}, formPairs: {"a.pair", "an array of pairs of integers of 0 or more"},
	formMaps: {"a.m", "an array of maps"}, formStrMap: {"m.s", "a map of strings"}, formUintMap: {"m.u", "a map of integers of 0 or more"},
	formArgs: {"m.i", "a map of integers"}, formArrMap: {"m.a", "a map of arrays"}, formMapMap: {"m.m", "a map of maps"},
}

// shapes are those of records and of the maps in them, by the names that the lists below use.
// A key is written with its form, and with a question mark where it may be absent; what a map
// has is another shape, in brackets. An event has `cpu` and its sections their members unless
// it was read from a capture: see Checker. What is `cause` in loss and end was `why` in older
// streams.
var shapes = func() map[string]*shape {
	all := map[string]*shape{}
	of := func(name string) *shape {
		if all[name] == nil {
			all[name] = &shape{}
		}
		return all[name]
	}
	for name, list := range map[string]string{
		"start": "type:s ts:u version:u clock_offset:i host:s kernel:s arch:s tool:s boot_id:s cmdline:a.s cpus:u snaplen:u probes:u " +
			"drop_reasons:m.s sysctl:m.s netns?:m(netns) qdisc?:m.s speed?:m.u devices?:m.m(device) tc_filters?:m.s tc_actions?:m.s xfrm_spis?:m.s " +
			"firewall?:m.s ip_rules?:m.u xfrm?:m.u bpf_programs?:m.u capture?:b",
		"device": "addr?:s kind?:s master?:s port?:s link?:s mtu:u up:b vlan?:u table?:u xdp?:b addrs?:a.s carrier?:b locked?:b",
		"event": "type:s ts:u cpu:u probe:s process?:m(process) skb?:m(skb) dev?:m(dev) netns?:m(netns) packet?:m(packet) drop?:m(drop) " +
			"gso?:m(gso) csum?:m(csum) ret?:m(ret) sock?:m(sock) ct?:m(ct) nft?:m(nft) args?:m.i caller?:s stack?:u " +
			"track?:m(track) why?:m(why) pcapng?:m(pcapng)",
		"process": "pid:u tgid:u comm:s",
		"skb": "addr:u head:u id?:u len?:u data_len?:u mac_len?:u protocol?:u pkt_type?:u ip_summed?:u mark?:u priority?:u hash?:u queue?:u " +
			"vlan_tci?:u vlan_proto?:u napi_id?:u tstamp?:u users?:u dataref?:u cloned?:b nr_frags?:u mac_header?:u network_header?:u transport_header?:u",
		"dev":    "name:s ifindex:u rx_ifindex?:u type:u",
		"netns":  "inum:u cookie?:u",
		"packet": "len:u at:s data:bytes missing?:a.pair",
		"drop":   "reason?:u name?:s location:s rx_sk?:u",
		"gso":    "size:u segs:u type:a.s",
		"csum":   "summed:s sum?:u start?:u offset?:u",
		"ret":    "value?:i skb?:u",
		"sock": "addr:u family:s state:s cookie?:u src?:s sport?:u dst?:s dport?:u ifindex?:u type?:s protocol?:u uid?:u inode?:u cgroup?:u " +
			"rmem?:u rcvbuf?:u wmem?:u sndbuf?:u filter?:b backlog?:u max_backlog?:u",
		"ct":     "state:s dir?:s addr?:u status?:a.s proto_state?:s orig?:m(tuple) reply?:m(tuple) zone?:u mark?:u labels?:a.u helper?:s parent?:m(tuple)",
		"tuple":  "src?:s dst?:s sport?:u dport?:u id?:u type?:u code?:u proto?:u",
		"nft":    "type:s verdict:s family?:s table?:s chain?:s jump?:s handle?:u",
		"why":    "reason:s meaning?:s where?:s cause?:s look?:a.s severity:s confidence:s alternatives?:a.m(why?) more?:u rare?:a.s",
		"track":  "packet:u branch?:u hop:u since?:u total:u from?:m(from) changed?:m.a by?:s uncertain?:b inferred?:b resent?:u",
		"from":   "how?:s branch?:u packet?:u",
		"pcapng": "flags?:u linktype?:u header?:bytes comments?:a.s",
		"link":   "type:s ts:u cpu:u how:s from:m(buffer) to:m(buffer)",
		"buffer": "addr?:u head?:u id?:u",
		"free":   "type:s ts:u cpu:u how:s skb:m(buffer) last:b drop?:m(drop)",
		"stack":  "type:s id:u frames:a.s",
		"loss":   "type:s ts:u cpu?:u since:u count:u what:s cause:s",
		"end":    "type:s ts:u events:u links:u frees:u lost:u cause:s status?:i looked?:u",
		"journey": "type:s ts:u packet:u first:u total:u hops:u branches:u slowest:u flow?:m(flow) end:m(ended) ends?:m.u joined?:a.u by?:s " +
			"uncertain?:a.s inferred?:b note?:s resent?:u",
		"flow": "first?:m(tuple) last?:m(tuple)",
		"ended": "how:s branch?:u ts?:u record?:s probe?:s dev?:s netns?:u reason?:s location?:s comm?:s tgid?:u sock?:u into?:u " +
			"unclear?:s",
		"wire":   "type:s from:s to:s packets:u offset?:i min:i p50:i p99:i max:i",
		"resume": "type:s back:u",
		"change": "type:s ts:u seen?:u keys:a.s sysctl?:m.s qdisc?:m.s devices?:m.m(device) tc_filters?:m.s tc_actions?:m.s " +
			"firewall?:m.s ip_rules?:m.u xfrm?:m.u xfrm_spis?:m.s bpf_programs?:m.u gone?:m.a",
	} {
		s := of(name)
		for i, word := range strings.Fields(list) {
			key, text, _ := strings.Cut(word, ":")
			text, inner, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
			name, may := strings.CutSuffix(key, "?")
			if !may {
				s.must |= 1 << i
			}
			m := member{key: name, form: formOf(text)}
			if inner, loose := strings.CutSuffix(inner, "?"); inner != "" {
				if m.of = of(inner); loose { // the same keys, any of them absent
					m.of = of("any of " + inner)
				}
			}
			s.keys = append(s.keys, m)
		}
	}
	all["any of why"].keys = all["why"].keys
	return all
}()

func formOf(word string) form {
	for i, f := range forms {
		if f.word == word {
			return form(i)
		}
	}
	panic("format: no form " + word)
}

// A shapeError says which key is not as the shape has it; has is whether it is there.
type shapeError struct {
	path string
	form form
	has  bool
}

// under is the error of the map that has e's under key; nil of none.
func (e *shapeError) under(key string) *shapeError {
	if e != nil {
		e.path = key + "." + e.path
	}
	return e
}

// A shapeCheck is what checking a record has found besides errors.
type shapeCheck struct {
	lenient bool // keys may be missing
	missing bool // and some are
	signed  bool // an integer of 0 or more has a head that negative ones share
}

// check walks through the map that c is at.
func (k *shapeCheck) check(c *Cursor, s *shape) *shapeError {
	have, at := uint64(0), 0
	for n := c.Map(); n > 0; n-- {
		i := s.index(c.Key(), at)
		if i < 0 {
			c.Skip()
			continue
		}
		have |= 1 << i
		at = i + 1
		if err := k.value(c, &s.keys[i]); err != nil {
			return err
		}
	}
	if lacks := s.must &^ have; lacks != 0 {
		for i := range s.keys {
			m := &s.keys[i]
			if lacks>>i&1 == 0 {
				continue
			}
			if k.lenient && !(m.key == "ts" || m.key == "version" || m.key == "back") {
				k.missing = true
				continue
			}
			return &shapeError{m.key, m.form, false}
		}
	}
	return nil
}

// index returns the place of a key, which is most likely at or behind `at`.
func (s *shape) index(key []byte, at int) int {
	for i := at; i < len(s.keys); i++ {
		if s.keys[i].key == string(key) {
			return i
		}
	}
	for i := 0; i < at; i++ {
		if s.keys[i].key == string(key) {
			return i
		}
	}
	return -1
}

// value checks the value that c is at, of the key m.
func (k *shapeCheck) value(c *Cursor, m *member) *shapeError {
	v := Value(c.b[c.at:])
	kind, ok := v.Kind(), false
	switch m.form {
	case formMap:
		if kind == Map && m.of != nil {
			return k.check(c, m.of).under(m.key)
		}
		ok = kind == Map
	case formArray, formStrs, formUints, formPairs, formMaps:
		if ok = kind == Array; ok && m.form != formArray {
			return k.elements(c, m)
		}
	case formStrMap, formUintMap, formArgs, formArrMap, formMapMap:
		if ok = kind == Map; ok {
			return k.values(c, m)
		}
	default:
		ok = k.scalar(v, m.form)
	}
	if !ok {
		return &shapeError{m.key, m.form, true}
	}
	c.Skip()
	return nil
}

// scalar checks a value that is neither map nor array.
func (k *shapeCheck) scalar(v Value, f form) bool {
	switch f {
	case formUint:
		_, negative, ok := v.integer()
		if ok && v[0] >= 0xd0 && v[0] <= 0xd3 {
			k.signed = true
		}
		return ok && !negative
	case formInt:
		return v.Kind() == Int
	case formStr:
		return v.Kind() == Str
	case formBin:
		return v.Kind() == Bin
	case formBool:
		return v.Kind() == Bool
	}
	return false
}

// elements checks those of the array that c is at.
func (k *shapeCheck) elements(c *Cursor, m *member) *shapeError {
	for n := c.Array(); n > 0; n-- {
		v := Value(c.b[c.at:])
		ok := false
		switch m.form {
		case formMaps:
			if ok = v.Kind() == Map; ok {
				if err := k.check(c, m.of); err != nil {
					return err.under(m.key)
				}
				continue
			}
		case formPairs:
			if ok = v.Kind() == Array && v.Len() == 2; ok {
				for range c.Array() {
					ok = ok && k.scalar(Value(c.b[c.at:]), formUint)
					c.Skip()
				}
				if ok {
					continue
				}
			}
		case formUints:
			ok = k.scalar(v, formUint)
		default:
			ok = k.scalar(v, formStr)
		}
		if !ok {
			return &shapeError{m.key, m.form, true}
		}
		c.Skip()
	}
	return nil
}

// values checks those of the map that c is at, whose keys may be any.
func (k *shapeCheck) values(c *Cursor, m *member) *shapeError {
	for n := c.Map(); n > 0; n-- {
		key := c.Key()
		v := Value(c.b[c.at:])
		ok := false
		switch m.form {
		case formMapMap:
			if ok = v.Kind() == Map; ok {
				if err := k.check(c, m.of); err != nil {
					return err.under(escape.String(string(key))).under(m.key)
				}
				continue
			}
		case formArrMap:
			ok = v.Kind() == Array
		case formUintMap:
			ok = k.scalar(v, formUint)
		case formArgs:
			ok = v.Kind() == Int || v.Kind() == Bool
		default:
			ok = k.scalar(v, formStr)
		}
		if !ok {
			return &shapeError{m.key, m.form, true}
		}
		c.Skip()
	}
	return nil
}

// older is a shape whose `cause` is called `why`.
func (s *shape) older() *shape {
	o := &shape{keys: append([]member(nil), s.keys...), must: s.must}
	for i := range o.keys {
		if o.keys[i].key == "cause" {
			o.keys[i].key = "why"
		}
	}
	return o
}

// A recordShape is the shape of records of a type, and that of older ones.
type recordShape struct{ now, before *shape }

// recordShapes are those of the records that FORMAT.md has.
var recordShapes = func() map[RecordType]recordShape {
	all := map[RecordType]recordShape{}
	for _, t := range [...]RecordType{TypeStart, TypeEvent, TypeLink, TypeFree, TypeStack, TypeLoss, TypeEnd, TypeJourney, TypeWire, TypeResume, TypeChange} {
		s := recordShape{now: shapes[string(t)]}
		if t == TypeLoss || t == TypeEnd {
			s.before = s.now.older()
		}
		all[t] = s
	}
	return all
}()

// A KeyError is a record that lacks a key which FORMAT.md calls never absent, or has a key
// in another form than it says there.
type KeyError struct {
	Type RecordType
	Key  string // with those of the maps that it is in before it: "packet.len"
	Want string // the form, as "an integer"
	Has  bool   // it is there, in another form
}

func (e *KeyError) Error() string {
	if e.Has {
		return fmt.Sprintf("`%s` of %s is not %s", e.Key, article(e.Type), e.Want)
	}
	return fmt.Sprintf("%s has no `%s`", article(e.Type), e.Key)
}

func article(t RecordType) string {
	if t == TypeEvent || t == TypeEnd {
		return "an " + string(t)
	}
	return "a " + string(t)
}

// CheckKeys looks whether r, which is Valid, has the keys that FORMAT.md calls never
// absent, and each that it names in the form that it gives, also those of the maps in r. An
// error is a *KeyError.
func CheckKeys(r Raw) error {
	var k shapeCheck
	return k.record(r)
}

// record checks r, a record of any type.
func (k *shapeCheck) record(r Raw) error {
	t := r.Type()
	of, known := recordShapes[t]
	if !known {
		return nil
	}
	s := of.now
	if of.before != nil && r.Get("cause") == nil && r.Get("why") != nil {
		s = of.before
	}
	c := r.Cursor()
	if err := k.check(&c, s); err != nil {
		return &KeyError{t, err.path, forms[err.form].says, err.has}
	}
	return nil
}

// IsString reports whether FORMAT.md says that the value under path in an event is a string,
// or an array of strings: "ct.helper".
func IsString(path string) bool {
	s := shapes[string(TypeEvent)]
	for {
		key, rest, inner := strings.Cut(path, ".")
		i := s.index([]byte(key), 0)
		switch {
		case i < 0:
			return false
		case !inner:
			return s.keys[i].form == formStr || s.keys[i].form == formStrs
		case s.keys[i].of == nil:
			return false
		}
		s, path = s.keys[i].of, rest
	}
}
