package pipe

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWholeWritesNoFile: what is no file is not wrapped.
func TestWholeWritesNoFile(t *testing.T) {
	var b bytes.Buffer
	if WholeWrites(&b, WholeFrames) != &b {
		t.Error("what is no file is wrapped")
	}
}

// TestGone: a file that has another name, or none, by the end is told.
func TestGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.skb")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Gone(f, path); err != nil {
		t.Errorf("there: %v", err)
	}
	os.Remove(path)
	for _, what := range []string{"removed", "replaced"} {
		if err := Gone(f, path); err == nil || !strings.Contains(err.Error(), path+" was removed or replaced while it was written") {
			t.Errorf("%s: %v", what, err)
		}
		os.WriteFile(path, nil, 0o600)
	}
	null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := Gone(null, "/nowhere"); err != nil {
		t.Errorf("a device: %v", err)
	}
}
