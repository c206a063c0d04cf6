package format

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestValidLast: the last pair is the one that a walk through the record ends with.
func TestValidLast(t *testing.T) {
	files, _ := filepath.Glob("../testdata/*.skb")
	records := 0
	for _, f := range files {
		stream, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for d := NewDecoder(bytes.NewReader(stream)); ; records++ {
			r, err := d.Next()
			if err != nil {
				break
			}
			var wantKey, want []byte
			_ = r.Each(func(key []byte, v Value) bool {
				wantKey, want = key, v
				return true
			})
			if key, v, err := ValidLast(r); err != nil || string(key) != string(wantKey) || !bytes.Equal(v, want) {
				t.Fatalf("%s: %v, %s %x, want %s %x", f, err, key, v, wantKey, want)
			}
		}
	}
	if records < 500 {
		t.Fatalf("only %d records", records)
	}
	if _, _, err := ValidLast(Raw("\x82\xa4type\xa1x\xa1a")); err == nil {
		t.Error("a record that is cut off is valid")
	}
}
