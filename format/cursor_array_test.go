package format

import "testing"

// Array enters an array, steps over what is none, and believes no count that the bytes
// do not bear out.
func TestCursorArray(t *testing.T) {
	r := Raw("\x83\xa1a\x93\x01\xa1b\xc3\xa1n\x05\xa1z\xdd\xff\xff\xff\xff")
	c := r.Cursor()
	c.Map()
	c.Key()
	if n := c.Array(); n != 3 {
		t.Fatalf("%d elements, want 3", n)
	}
	if u, _ := c.Uint(); u != 1 {
		t.Errorf("first is %d", u)
	}
	if s, _ := c.Value().Str(); string(s) != "b" {
		t.Errorf("second is %q", s)
	}
	c.Skip()
	if k := c.Key(); string(k) != "n" || c.Array() != 0 {
		t.Errorf("key %q, or a number that is an array", k)
	}
	if k := c.Key(); string(k) != "z" || c.Array() != 0 || c.Value() != nil {
		t.Errorf("key %q, or an array without its elements", k)
	}
}
