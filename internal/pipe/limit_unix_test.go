//go:build linux || darwin

package pipe

import (
	"bytes"
	"os"
	"os/signal"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// limitFileSize calls f while no file of this process can be longer than n bytes: a disk
// that is full. Tests that use it do not run beside others.
func limitFileSize(t *testing.T, n int, f func()) {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(n), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	f()
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
}

// TestWholeWrites: a file that can't take all holds whole records, in each form, also one
// that is appended to.
func TestWholeWrites(t *testing.T) {
	records := stream(1, 2, 3, 4)
	one := len(records) / 4
	block := func(n int) []byte {
		b := make([]byte, n)
		b[4] = byte(n)
		return b
	}
	blocks := bytes.Repeat(block(16), 3)
	for name, c := range map[string]struct {
		all   []byte
		fits  int
		whole func([]byte) int
		want  int
	}{
		"frames":             {records, 2*one + 7, WholeFrames, 2 * one},
		"within the length":  {records, one + 2, WholeFrames, one},
		"not even one":       {records, 3, WholeFrames, 0},
		"exactly":            {records, 3 * one, WholeFrames, 3 * one},
		"blocks":             {blocks, 40, WholeBlocks, 32},
		"lines":              {[]byte("abc\ndef\nghi\n"), 9, WholeLines, 8},
		"a line without end": {[]byte("abcdef\n"), 3, WholeLines, 0},
	} {
		for _, flag := range []int{0, os.O_APPEND} {
			const before = "before\n"
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, os.O_RDWR|flag, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Seek(0, 2); err != nil {
				t.Fatal(err)
			}
			limitFileSize(t, len(before)+c.fits, func() {
				if n, err := WholeWrites(f, c.whole).Write(c.all); err == nil || n != c.want {
					t.Errorf("%s: wrote %d, %v; want %d and an error", name, n, err, c.want)
				}
			})
			got, _ := os.ReadFile(path)
			if want := before + string(c.all[:c.want]); string(got) != want {
				t.Errorf("%s: the file holds %q, want %q", name, got, want)
			}
		}
	}
}

// TestSinkWhole: a stream on a stdout that is a file ends with a whole record, whatever its form.
func TestSinkWhole(t *testing.T) {
	for form, whole := range map[string]func([]byte) int{"stream": WholeFrames, "json": WholeLines, "text": WholeLines} {
		path := filepath.Join(t.TempDir(), "out")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sink, err := NewSink(Options{Output: form}, f)
		if err != nil {
			t.Fatal(err)
		}
		event := format.Raw((&format.Event{TS: 1, Probe: "p"}).AppendMsgpack(nil))
		limitFileSize(t, 5003, func() {
			for range 1000 {
				_ = sink.Write(event)
			}
			if err := sink.Flush(); err == nil {
				t.Errorf("%s: no error", form)
			}
		})
		got, _ := os.ReadFile(path)
		if len(got) < 4800 || whole(got) != len(got) {
			t.Errorf("%s: %d bytes, of which %d are whole records", form, len(got), whole(got))
		}
	}
}
