package format

import "github.com/skb-tools/skb-tools/format/wire"

// A Finder checks records as Valid does and finds the values under some paths in them: a wire.Finder
// that knows what a record is.
type Finder struct{ wire.Finder }

// MaxPaths is how many paths a Finder can have.
const MaxPaths = wire.MaxPaths

// NewFinder returns a Finder of the values under the paths, MaxPaths at most, whose keys
// are separated by dots: "skb.len".
func NewFinder(paths ...string) *Finder {
	f := &Finder{}
	wire.InitFinder(&f.Finder, typed, paths...)
	return f
}

// Find checks r and finds its values, which alias it. Errors are those of Valid.
func (f *Finder) Find(r Raw) error { return f.Finder.Find(r) }

// The checks below go by what a layout fixes: all keys, the type, the kind of every value and
// how the values are nested. So a record that passes speaks for all others of its layout, which
// need no walk. One that does not pass is walked through each time: its error names the place.
const (
	goodKeys uint8 = 1 << iota
	goodForms
	goodJSON
)

// CheckKeys is CheckKeys for the record that Find has found good.
func (f *Finder) CheckKeys() error { return f.checkKeys(false) }

// checkKeys is CheckKeys; lenient: keys may be missing.
func (f *Finder) checkKeys(lenient bool) error {
	marks := wire.Marks(&f.Finder)
	if marks != nil && (*marks&goodKeys != 0 || lenient && *marks&goodForms != 0) {
		return nil
	}
	k := shapeCheck{lenient: lenient}
	err := k.record(f.Found())
	// Whether a value with a head that negative integers and others share is an integer of 0 or
	// more, the layout does not tell.
	if err == nil && marks != nil && !k.signed {
		*marks |= goodForms
		if !k.missing {
			*marks |= goodKeys
		}
	}
	return err
}

// ValidJSON is ValidJSON for the record that Find has found good. That asks only whether keys
// are text, and for extension types, and records with these have no layout that is kept.
func (f *Finder) ValidJSON() error {
	marks := wire.Marks(&f.Finder)
	if marks != nil && *marks&goodJSON != 0 {
		return nil
	}
	err := ValidJSON(f.Found())
	if err == nil && marks != nil {
		*marks |= goodJSON
	}
	return err
}
