package pcap

import (
	"slices"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// sections are those of an event whose every value is a comment with its path in the
// stream: ct.state=NEW, ct.orig.src=10.0.0.1, ct.status=ASSURED for each of several. They are
// all that no other comment or field of a capture is made of. Parsing goes by this order, too, in
// which ret is the first as it always was.
var sections = func() []string {
	names := []string{"ret"}
	for _, k := range format.SectionOf("event").Keys {
		switch k.Name {
		case "process", "skb", "dev", "netns", "packet", "drop", "ret", "track", "why", "pcapng":
		default:
			if k.Form == format.FormMap || k.Form == format.FormArgs {
				names = append(names, k.Name)
			}
		}
	}
	return names
}()

// forms are those of the values in an event, by their paths.
var forms = func() map[string]format.Form {
	forms := map[string]format.Form{}
	for path, k := range format.EventPaths() {
		forms[path] = k.Form
	}
	return forms
}()

// isArray says which values are arrays even when there is one of it.
func isArray(path string) bool {
	f, ok := forms[path]
	return ok && (f == format.FormStrs || f == format.FormUints)
}

// isText says which values are strings, or arrays of these.
func isText(path string) bool {
	f, ok := forms[path]
	return ok && (f == format.FormStr || f == format.FormStrs)
}

// hexKeys are the keys in sections whose numbers people know in hexadecimal: addresses, and marks.
var hexKeys = func() (keys []string) {
	for path, k := range format.EventPaths() {
		section, _, _ := strings.Cut(path, ".")
		if k.Unit.Hex() && slices.Contains(sections, section) && !slices.Contains(keys, k.Name) {
			keys = append(keys, k.Name)
		}
	}
	return keys
}()

func isHex(key []byte) bool {
	for _, k := range hexKeys {
		if string(key) == k {
			return true
		}
	}
	return false
}

// maxDepth is how many maps may be in each other below a section.
const maxDepth = 3

// A tree appends what is in a section as comments.
type tree struct {
	path []byte // of the map that it is in, with a dot behind
}

// section appends the map at c, whose key is name.
func (t *tree) section(dst []byte, name string, c *format.Cursor) []byte {
	t.path = append(append(t.path[:0], name...), '.')
	return t.pairs(dst, c, maxDepth)
}

func (t *tree) pairs(dst []byte, c *format.Cursor, depth int) []byte {
	here := len(t.path)
	for n := c.Map(); n > 0; n-- {
		key, v := c.Key(), c.Value()
		if !isName(key) {
			continue
		}
		t.path = append(t.path[:here], key...)
		switch v.Kind() {
		case format.Map:
			if depth > 1 {
				t.path = append(t.path, '.')
				inner := format.Raw(v).Cursor()
				dst = t.pairs(dst, &inner, depth-1)
			}
		case format.Array:
			inner := format.Raw(v).Cursor()
			for m := inner.Array(); m > 0; m-- {
				dst = t.leaf(dst, key, inner.Value())
			}
		default:
			dst = t.leaf(dst, key, v)
		}
	}
	t.path = t.path[:here]
	return dst
}

// leaf appends a comment unless v is of a kind that has no plain form.
func (t *tree) leaf(dst, key []byte, v format.Value) []byte {
	switch v.Kind() {
	case format.Str, format.Int, format.Bool:
	default:
		return dst
	}
	b := beginComment(&dst, "")
	dst = append(append(dst, t.path...), '=')
	if u, ok := v.Uint(); ok && u != 0 && isHex(key) {
		dst = strconv.AppendUint(append(dst, "0x"...), u, 16)
	} else {
		dst = appendPlain(dst, v)
	}
	return endComment(dst, b)
}

// isName reports whether a key may stand in front of a comment's value.
func isName(key []byte) bool {
	for _, c := range key {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(key) > 0
}

// appendMissing appends a comment for each stretch of the packet that could not be read:
// where it begins in the frame, +, how many bytes. frame's; the header that was put in front of them misses nothing.
func appendMissing(dst []byte, c format.Cursor, f *frame) []byte {
	for n := c.Array(); n > 0; n-- {
		pair := format.Raw(c.Value()).Cursor()
		if pair.Array() != 2 {
			continue
		}
		from, _ := pair.Uint()
		length, _ := pair.Uint()
		if from > pcapng.SnapLen || length > pcapng.SnapLen {
			continue
		}
		begin, end := max(int(from)+f.shift, f.headerLen), int(from+length)+f.shift
		if end <= begin || begin > pcapng.SnapLen {
			continue
		}
		b := beginComment(&dst, "packet.missing=")
		dst = strconv.AppendUint(dst, uint64(begin), 10)
		dst = endComment(strconv.AppendUint(append(dst, '+'), uint64(end-begin), 10), b)
	}
	return dst
}
