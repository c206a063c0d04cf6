package tempfile

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestNothingIsLeft: while the file is open nothing can be seen of it, and it holds what is written, with a
// system's own way to make it and without.
func TestNothingIsLeft(t *testing.T) {
	for name, create := range map[string]func(dir, program string) (*os.File, error){"File": File, "named": named} {
		dir := t.TempDir()
		f, err := create(dir, "skb-test")
		if err != nil {
			t.Fatal(name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 && runtime.GOOS != "windows" {
			t.Errorf("%s: %v has a name", name, left)
		}
		b := make([]byte, 3)
		if _, err := f.WriteAt([]byte("abcdef"), 0); err != nil {
			t.Error(name, err)
		}
		Free(f, 0, 2)
		if _, err := f.ReadAt(b, 3); err != nil || string(b) != "def" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if err := f.Close(); err != nil {
			t.Error(name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("%s left %v", name, left)
		}
	}
	if _, err := File(filepath.Join(t.TempDir(), "none"), "skb-test"); err == nil {
		t.Error("a file in a folder that is not there")
	}
}
