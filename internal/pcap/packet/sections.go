package packet

import (
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
)

// Sections are those of an event whose every value is a comment with its path in the
// stream: ct.state=NEW, ct.orig.src=10.0.0.1, ct.status=ASSURED for each of several. They are
// all that no other comment or field of a capture is made of. Parsing goes by this order, too, in
// which ret is the first as it always was.
var Sections = func() []string {
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

// IsArray says which values are arrays even when there is one of it.
func IsArray(path string) bool {
	f, ok := forms[path]
	return ok && (f == format.FormStrs || f == format.FormUints)
}

// IsText says which values are strings, or arrays of these.
func IsText(path string) bool {
	f, ok := forms[path]
	return ok && (f == format.FormStr || f == format.FormStrs)
}

// hexKeys are the keys in sections whose numbers people know in hexadecimal: addresses, and marks.
var hexKeys = func() (keys []string) {
	for path, k := range format.EventPaths() {
		section, _, _ := strings.Cut(path, ".")
		if k.Unit.Hex() && slices.Contains(Sections, section) && !slices.Contains(keys, k.Name) {
			keys = append(keys, k.Name)
		}
	}
	return keys
}()

// IsHex says which keys are told in hexadecimal.
func IsHex(key []byte) bool {
	for _, k := range hexKeys {
		if string(key) == k {
			return true
		}
	}
	return false
}

// MaxDepth is how many maps may be in each other below a section.
const MaxDepth = 3

// IsName reports whether a key may stand in front of a comment's value.
func IsName(key []byte) bool {
	for _, c := range key {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(key) > 0
}
