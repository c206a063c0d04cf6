package tempfile

import (
	"os"
	"path/filepath"
	"testing"
)

// TestReplace: a file is replaced as a whole, through links too, and nothing is left beside it.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "a"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("old, and longer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, link, filepath.Join(dir, "new")} {
		if err := CanReplace(name); err != nil {
			t.Fatal(err)
		}
		if err := Replace(name, []byte(name)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != name {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if s, err := os.Lstat(link); err != nil || s.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is no link any more")
	}
	if s, err := os.Stat(file); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, want that which it had", s.Mode())
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 3 {
		t.Errorf("there is %v", left)
	}
	for _, name := range []string{dir, filepath.Join(dir, "no", "such")} {
		if err := CanReplace(name); err == nil {
			t.Errorf("%s can be replaced", name)
		}
		if err := Replace(name, nil); err == nil {
			t.Errorf("%s was replaced", name)
		}
	}
	if err := Replace(os.DevNull, []byte("x")); err != nil {
		t.Error(err)
	}
}
