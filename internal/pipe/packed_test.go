package pipe

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/compress"
)

// pack compresses b as a file of this name would be.
func pack(t testing.TB, name string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := compress.NewWriter(name, &out)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(b); at += 100 {
		if _, err := w.Write(b[at:min(len(b), at+100)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// whole is a whole stream of n events, and JSON of it.
func wholeStream(t testing.TB, n int) (stream, lines []byte) {
	t.Helper()
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	_ = e.Write(&format.Start{TS: 1})
	for i := range n {
		_ = e.Write(&format.Event{TS: uint64(i + 1), Probe: "p"})
	}
	_ = e.Write(&format.End{TS: uint64(n + 1), Events: uint64(n)})
	_ = e.Flush()
	for d := format.NewDecoder(bytes.NewReader(b.Bytes())); ; {
		r, err := d.Next()
		if err != nil {
			return b.Bytes(), lines
		}
		if lines, err = format.AppendJSON(lines, r); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, '\n')
	}
}

// TestPacked: streams and JSON are read compressed as they are not, from files and from stdin, in turn with others.
func TestPacked(t *testing.T) {
	stream, lines := wholeStream(t, 5)
	for _, plain := range [][]byte{stream, lines} {
		for _, suffix := range []string{".zst", ".gz", ".lz4"} {
			b := pack(t, "x"+suffix, plain)
			in, err := OpenInputs([]string{file(t, b), file(t, stream), "-"}, bytes.NewReader(append(bytes.Clone(b), b...)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := times(in)
			if len(got) != 4*7 || err != io.EOF || !in.Whole() {
				t.Errorf("%s: %d records, %v", suffix, len(got), err)
			}
		}
	}
}

// TestPackedCut: of a compressed stream that is cut off all that is there is handed on, it is told, and the next
// inputs are read; --part takes what ends with a record.
func TestPackedCut(t *testing.T) {
	stream, lines := wholeStream(t, 100)
	for _, plain := range [][]byte{stream, lines} {
		for _, suffix := range []string{".zst", ".gz", ".lz4"} {
			b := pack(t, "x"+suffix, plain)
			// What follows the last record is a checksum, and what says that this is the end.
			for _, at := range []int{len(b) / 2, len(b) - 30, len(b) - 1} {
				in, err := OpenInputs([]string{file(t, b[:at]), file(t, stream)}, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := times(in)
				if len(got) < 102+at*75/len(b) {
					t.Errorf("%s, cut at %d of %d: %d records", suffix, at, len(b), len(got))
				}
				var lacks *NotWholeError
				if !errors.As(err, &lacks) || !strings.Contains(err.Error(), ": not a whole stream: it is compressed with ") ||
					!strings.HasSuffix(err.Error(), ", and cut off") || in.Whole() {
					t.Errorf("%s, cut at %d of %d: %v", suffix, at, len(b), err)
				}
			}
			in, err := openParts([]string{file(t, b[:len(b)-1])}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := times(in); err != io.EOF {
				t.Errorf("%s, a part: %v", suffix, err)
			}
		}
	}
}

// TestPackedDamaged: an error says which bytes it counts.
func TestPackedDamaged(t *testing.T) {
	stream, _ := wholeStream(t, 100)
	name := file(t, pack(t, "x.gz", append(bytes.Clone(stream), 1, 2, 3, 4)))
	in, err := OpenInputs([]string{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := times(in); len(got) != 102 || err == nil || !strings.HasPrefix(err.Error(), name+", uncompressed: at byte ") {
		t.Errorf("%d records, %v", len(got), err)
	}
	for content, want := range map[string]string{
		"BZh91AY&SY": "is compressed with bzip2, and is not read here: bzip2 -dc FILE",
		string(append(bytes.Clone(stream), "\x1f\x8b\x08\x00"...)): "a compressed file begins here, behind one that is not",
	} {
		name := file(t, []byte(content))
		in, err := OpenInputs([]string{name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := times(in); err == nil || !strings.HasPrefix(err.Error(), name+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, not %q", err, want)
		}
	}
}

// TestPackedBomb: a frame or a line that is larger than any may be is refused, however small it is compressed.
func TestPackedBomb(t *testing.T) {
	for _, begin := range []string{"{", "\x00\xff\xff\xff"} {
		name := filepath.Join(t.TempDir(), "x.zst")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		w, err := compress.NewWriter(name, f)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, begin)
		zeros := make([]byte, 1<<20)
		for range 64 {
			if _, err := w.Write(zeros); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		in, err := OpenInputs([]string{name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := times(in); err == nil || !strings.Contains(err.Error(), "uncompressed: at byte") {
			t.Errorf("%q: %v", begin, err)
		}
	}
}
