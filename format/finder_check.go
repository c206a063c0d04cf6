package format

// The checks below go by what a layout fixes: all keys, the type, the kind of every value and
// how the values are nested. So a record that passes speaks for all others of its layout, which
// need no walk. One that does not pass is walked through each time: its error names the place.

// CheckKeys is CheckKeys for the record that Find has found good.
func (f *Finder) CheckKeys() error {
	if f.end != nil && f.end.goodKeys {
		return nil
	}
	err := CheckKeys(f.r)
	if err == nil && f.end != nil {
		f.end.goodKeys = !hasSigned(f.r)
	}
	return err
}

// hasSigned reports whether a value of the record itself, not of a map in it, has a head that
// negative integers and others share. Whether such a value is an integer of 0 or more, which
// CheckKeys asks, the layout does not tell.
func hasSigned(r Raw) bool {
	c := r.Cursor()
	for n := c.Map(); n > 0; n-- {
		c.Skip()
		if v := c.Value(); len(v) > 0 && v[0] >= 0xd0 && v[0] <= 0xd3 {
			return true
		}
	}
	return false
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
