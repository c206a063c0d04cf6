package format

// The checks below go by what a layout fixes: all keys, the type, the kind of every value and
// how the values are nested. So a record that passes speaks for all others of its layout, which
// need no walk. One that does not pass is walked through each time: its error names the place.

// CheckKeys is CheckKeys for the record that Find has found good.
func (f *Finder) CheckKeys() error { return f.checkKeys(false) }

// checkKeys is CheckKeys; lenient: keys may be missing.
func (f *Finder) checkKeys(lenient bool) error {
	if f.end != nil && (f.end.goodKeys || lenient && f.end.goodForms) {
		return nil
	}
	k := shapeCheck{lenient: lenient}
	err := k.record(f.r)
	// Whether a value with a head that negative integers and others share is an integer of 0 or
	// more, the layout does not tell.
	if err == nil && f.end != nil && !k.signed {
		f.end.goodKeys, f.end.goodForms = !k.missing, true
	}
	return err
}

// ValidJSON is ValidJSON for the record that Find has found good. That asks only whether keys
// are text, and for extension types, and records with these have no layout that is kept.
func (f *Finder) ValidJSON() error {
	if f.end != nil && f.end.goodJSON {
		return nil
	}
	err := ValidJSON(f.r)
	if err == nil && f.end != nil {
		f.end.goodJSON = true
	}
	return err
}
