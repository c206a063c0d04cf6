package compress

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// Made of testdata/plain by the programs that Debian 12 has: gzip, zstd, pzstd, xz and lz4, some of them from
// parts of 9,000 bytes that were joined (-joined), or with options (xz --block-size=6000 -C sha256, lz4 -BD -B4
// --content-size, lz4 -l, zstd -19 --no-check).
var made = []string{"gzip", "gzip-joined", "zstd", "zstd-joined", "zstd-19", "zstd-pzstd", "xz", "xz-joined", "xz-blocks",
	"lz4", "lz4-joined", "lz4-linked", "lz4-legacy"}

func data(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// packed are the files made by others, and by Writer.
func packed(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range made {
		all[name] = data(t, name)
	}
	plain := data(t, "plain")
	for _, name := range []string{"x.gz", "x.zst", "x.LZ4"} {
		var b bytes.Buffer
		w, err := NewWriter(name, &b)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(plain); at += 1000 {
			if _, err := w.Write(plain[at:min(len(plain), at+1000)]); err != nil {
				t.Fatal(err)
			}
			if uint64(b.Len()) != w.Wrote() {
				t.Errorf("%s: has %d bytes, not %d", name, b.Len(), w.Wrote())
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		all[name] = b.Bytes()
	}
	return all
}

// TestRead: what any of the programs wrote is read, in whatever pieces it comes.
func TestRead(t *testing.T) {
	plain := data(t, "plain")
	for name, b := range packed(t) {
		for how, in := range map[string]io.Reader{"at once": bytes.NewReader(b), "byte by byte": iotest.OneByteReader(bytes.NewReader(b)),
			"with its end": iotest.DataErrReader(bytes.NewReader(b))} {
			r := NewReader(in)
			got, err := io.ReadAll(r)
			if err != nil || r.Cut() || !bytes.Equal(got, plain) {
				t.Errorf("%s, %s: %d of %d bytes, %v, cut %v", name, how, len(got), len(plain), err, r.Cut())
			}
			if kind, _, _ := strings.Cut(name, "-"); kind != r.Kind() && !strings.HasPrefix(name, "x.") {
				t.Errorf("%s: taken for %q", name, r.Kind())
			}
			if r.Packed() != int64(len(b)) {
				t.Errorf("%s: %d of %d bytes were read", name, r.Packed(), len(b))
			}
		}
	}
}

// TestPlain: what is not compressed is passed on as it comes.
func TestPlain(t *testing.T) {
	for _, in := range []string{"", "\x00", "\x00\x00\x00\x05abcd", "{\"type\"", "\x1f", "\x28\xb5", "\x28\xb5\x2f!abcdefghijklmn", "PK", "BZ!"} {
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			c := NewReader(r)
			if got, err := io.ReadAll(c); string(got) != in || err != nil || c.Kind() != "" || c.Cut() {
				t.Errorf("%q: %q, %v, %q", in, got, err, c.Kind())
			}
		}
	}
}

// TestCut: wherever a file is cut off, what it has is read, and that it was cut off is told.
func TestCut(t *testing.T) {
	plain := data(t, "plain")
	for name, b := range packed(t) {
		whole := map[int]bool{} // where the files that were joined end
		if strings.HasSuffix(name, "-joined") || name == "zstd-pzstd" || name == "lz4-legacy" {
			for at := range b {
				if k, _ := kindOf(b[at:]); k != nil && k.read != nil && len(b)-at > 8 {
					whole[at] = true
				}
			}
		}
		most := 0
		for at := 7; at < len(b); at++ {
			if at > 64 && at < len(b)-64 && at%157 != 0 && !whole[at] {
				continue
			}
			r := NewReader(bytes.NewReader(b[:at]))
			got, err := io.ReadAll(r)
			if err != nil || !bytes.HasPrefix(plain, got) {
				t.Fatalf("%s, cut at %d: %v, %d bytes", name, at, err, len(got))
			}
			if !r.Cut() && !whole[at] {
				t.Errorf("%s, cut at %d of %d: not told; %d of %d bytes", name, at, len(b), len(got), len(plain))
			}
			most = max(most, len(got))
		}
		// These two are of one block, and behind it is nothing that could be cut off alone.
		if most < len(plain) && name != "lz4-legacy" && name != "zstd-19" {
			t.Errorf("%s: never more than %d of %d bytes are read of what is cut off", name, most, len(plain))
		}
	}
}

// TestDamaged: no changed byte makes anything but an error, or what was there.
func TestDamaged(t *testing.T) {
	plain := data(t, "plain")
	for name, b := range packed(t) {
		unseen := 0
		for at := 8; at < len(b); at += 1 + len(b)/100 {
			bad := bytes.Clone(b)
			bad[at] ^= 0x41
			r := NewReader(bytes.NewReader(bad))
			got, err := io.ReadAll(io.LimitReader(r, 1<<24))
			if err == nil && !r.Cut() && !bytes.Equal(got, plain) {
				unseen++
			}
			var is *Error
			if err != nil && !errors.As(err, &is) {
				t.Errorf("%s, damaged at %d: %v", name, at, err)
			}
		}
		// lz4 -l and zstd --no-check have no checksum.
		if unseen > 0 && name != "lz4-legacy" && name != "zstd-19" && name != "x.LZ4" {
			t.Errorf("%s: %d damages are not seen", name, unseen)
		}
	}
}

// TestLive: what was written is read at once, though the file goes on.
func TestLive(t *testing.T) {
	for _, name := range []string{"x.gz", "x.zst", "x.lz4"} {
		pr, pw := io.Pipe()
		w, err := NewWriter(name, pw)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(pr)
		buf := make([]byte, 256<<10)
		for i := range 5 {
			text := strings.Repeat("event ", 100*(i+1))
			done := make(chan error, 1)
			go func() {
				_, err := io.WriteString(w, text)
				done <- err
			}()
			got := ""
			for len(got) < len(text) {
				n, err := r.Read(buf)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got += string(buf[:n])
			}
			if got != text {
				t.Fatalf("%s: read %q of %q", name, got, text)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		pw.Close()
		if _, err := r.Read(buf); err != io.EOF || !r.Cut() {
			t.Errorf("%s: the end of one that was not closed: %v, cut %v", name, err, r.Cut())
		}
	}
}

// TestFileError: an error of reading the file is that error, and no damage.
func TestFileError(t *testing.T) {
	for name, b := range packed(t) {
		for _, at := range []int{0, 1, 5, 20, len(b) / 2, len(b)} {
			boom := errors.New("boom")
			_, err := io.ReadAll(NewReader(io.MultiReader(bytes.NewReader(b[:at]), iotest.ErrReader(boom))))
			if err != boom {
				t.Errorf("%s, read up to %d: %v", name, at, err)
			}
		}
	}
}

// TestRefused: what is not read says so, and what reads it.
func TestRefused(t *testing.T) {
	for in, want := range map[string]string{
		"BZh91AY&SY":               "is compressed with bzip2, and is not read here: bzip2 -dc FILE | ... makes a stream of it",
		"PK\x03\x04abcdefgh":       "zip",
		"\x1f\x9dabcdefgh":         "compress",
		"\x1f\x8b\x07aaaaaaaaaaaa": "gzip",
		"\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff": "zstd",
	} {
		_, err := io.ReadAll(NewReader(strings.NewReader(in)))
		var is *Error
		if !errors.As(err, &is) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, not %q", in, err, want)
		}
	}
	b := append(data(t, "gzip"), "and more of another kind"...)
	if got, err := io.ReadAll(NewReader(bytes.NewReader(b))); !bytes.Equal(got, data(t, "plain")) || err == nil ||
		!strings.Contains(err.Error(), "followed by what is not compressed in the same way") {
		t.Errorf("with something behind it: %d bytes, %v", len(got), err)
	}
}

// TestBomb: a file that asks for much memory is refused, and one that holds very much more than its size is
// read in a small one.
func TestBomb(t *testing.T) {
	// A frame with a window of 2 GB, and a block of one repeated byte (RFC 8878, 3.1.1).
	_, err := io.ReadAll(NewReader(strings.NewReader("\x28\xb5\x2f\xfd\x00\xa8\x03\x00\x00\x00")))
	if err == nil || !strings.Contains(err.Error(), "needs more than 128 MB of memory to be read") {
		t.Errorf("a window of 2 GB: %v", err)
	}
	// Of `xz --lzma2=dict=1536MiB`, the largest that it makes.
	if _, err := io.ReadAll(NewReader(bytes.NewReader(data(t, "xz-dictionary")))); err == nil ||
		!strings.Contains(err.Error(), "needs more than 64 MB of memory to be read") {
		t.Errorf("a dictionary of 1.5 GB: %v", err)
	}
	for _, name := range []string{"x.gz", "x.zst", "x.lz4"} {
		var b bytes.Buffer
		w, err := NewWriter(name, &b)
		if err != nil {
			t.Fatal(err)
		}
		zeros := make([]byte, 1<<20)
		const size = 256
		for range size {
			if _, err := w.Write(zeros); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := NewReader(&b)
		buf, n := make([]byte, 64<<10), 0
		for err = nil; err == nil; {
			var m int
			m, err = r.Read(buf)
			n += m
		}
		runtime.ReadMemStats(&after)
		if n != size<<20 || err != io.EOF {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 32<<20 {
			t.Errorf("%s: %d MB were allocated to read %d MB", name, took>>20, size)
		}
	}
}

// TestName: a name whose end is of a format that is not written is refused.
func TestName(t *testing.T) {
	for _, name := range []string{"x.skb.xz", "x.bz2", "x.Z", "x.lzma", "x.zip"} {
		if _, err := NewWriter(name, io.Discard); err == nil || !strings.Contains(err.Error(), ".zst, .gz, .lz4") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"x.skb", "x", "zst", "x.zst.1", "/tmp/x.gz/y"} {
		if w, err := NewWriter(name, io.Discard); w != nil || err != nil {
			t.Errorf("%s: compressed, or %v", name, err)
		}
	}
	for name, want := range map[string]string{"a.skb.zst": "a.skb|.zst", "a.skb": "a.skb|", "d.gz/a": "d.gz/a|", "a.GZ": "a|.GZ"} {
		if before, suffix := CutSuffix(name); before+"|"+suffix != want {
			t.Errorf("%s: %s|%s", name, before, suffix)
		}
	}
}

// TestPlainAllocations: a file that is not compressed costs no allocation for each read.
func TestPlainAllocations(t *testing.T) {
	r := NewReader(zeros{})
	buf := make([]byte, 64<<10)
	if n := testing.AllocsPerRun(100, func() { _, _ = r.Read(buf) }); n != 0 {
		t.Errorf("%v allocations a read", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
