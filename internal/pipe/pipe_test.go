package pipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/skb-tools/skb-tools/format"
)

// stream is events at these times.
func stream(times ...uint64) []byte {
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	for _, ts := range times {
		_ = e.Write(&format.Event{TS: ts, Probe: "p"})
	}
	_ = e.Flush()
	return b.Bytes()
}

// openParts opens inputs that are no whole streams.
func openParts(paths []string, stdin io.Reader) (*Inputs, error) {
	in, err := OpenInputs(paths, stdin)
	if in != nil {
		in.Part = true
	}
	return in, err
}

func file(t *testing.T, content []byte) string {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// times reads all records, and how the input ended.
func times(in *Inputs) (all []uint64, err error) {
	for {
		r, err := in.Next()
		if err != nil {
			return all, err
		}
		ts, _ := r.Time()
		all = append(all, ts)
	}
}

// TestInputs: files and stdin are read in turn, each in its own form.
func TestInputs(t *testing.T) {
	json := []byte(`{"type":"event","ts":3}` + "\n" + `{"type":"event","ts":4}`)
	in, err := openParts([]string{file(t, stream(1, 2)), file(t, json), "-", file(t, nil), file(t, stream(7))}, bytes.NewReader(stream(5, 6)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := times(in); err != io.EOF || !slices.Equal(got, []uint64{1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("%v %v", got, err)
	}
	in, _ = openParts(nil, bytes.NewReader(stream(8)))
	if got, err := times(in); err != io.EOF || !slices.Equal(got, []uint64{8}) {
		t.Errorf("no names: %v %v, want stdin's", got, err)
	}
}

// TestInputErrors: an error names the input, and the byte where it is damaged.
func TestInputErrors(t *testing.T) {
	if _, err := OpenInputs([]string{file(t, nil), "/nowhere/x"}, nil); err == nil || err.Error() != "/nowhere/x: no such file or directory" {
		t.Errorf("no file: %v", err)
	}
	cut := file(t, append(stream(1), "\x00\x00\x00\x09abc"...))
	in, _ := OpenInputs([]string{cut}, nil)
	got, err := times(in)
	if want := fmt.Sprintf("%s: at byte %d: ", cut, len(stream(1))); !slices.Equal(got, []uint64{1}) || !strings.HasPrefix(fmt.Sprint(err), want) {
		t.Errorf("cut off: %v %v, want %s", got, err, want)
	}
	dir := t.TempDir()
	in, _ = OpenInputs([]string{dir}, nil)
	if _, err := times(in); err == nil || err.Error() != "reading "+dir+": is a directory" {
		t.Errorf("a directory: %v", err)
	}
}

// TestCopy: what was read is written when the input pauses, and before an error.
func TestCopy(t *testing.T) {
	broken := errors.New("broken")
	for _, end := range []error{io.EOF, broken} {
		r, w := io.Pipe()
		outr, outw := io.Pipe()
		in, _ := openParts(nil, r)
		sink, _ := NewSink(Options{Output: "json"}, outw)
		done := make(chan error, 1)
		go func() {
			err := Copy(in, sink, sink.Write)
			outw.Close()
			done <- err
		}()
		for ts := range uint64(3) {
			// Each comes out before the next goes in.
			_, _ = w.Write(stream(ts))
			var line [100]byte
			n, err := outr.Read(line[:])
			if want := fmt.Sprintf(`"ts":%d,`, ts); err != nil || !strings.Contains(string(line[:n]), want) {
				t.Fatalf("%v %s, want %s", err, line[:n], want)
			}
		}
		w.CloseWithError(end)
		if rest, _ := io.ReadAll(outr); len(rest) > 0 {
			t.Errorf("more came: %s", rest)
		}
		if err := <-done; (end == io.EOF) != (err == nil) || end == broken && !errors.Is(err, broken) {
			t.Errorf("ended by %v: %v", end, err)
		}
	}
}

// TestSinks: the forms of output; each is read back where it can be.
func TestSinks(t *testing.T) {
	in := stream(1, 2)
	for output, want := range map[string]string{
		"stream": string(in),
		"auto":   string(in), // no terminal
		"json":   `{"type":"event","ts":1,"cpu":0,"probe":"p","decoded":{}}` + "\n" + `{"type":"event","ts":2,"cpu":0,"probe":"p","decoded":{}}` + "\n",
	} {
		var out bytes.Buffer
		sink, err := NewSink(Options{Output: output}, &out)
		if err != nil {
			t.Fatal(err)
		}
		inputs, _ := openParts(nil, iotest.OneByteReader(bytes.NewReader(in)))
		if err := Copy(inputs, sink, sink.Write); err != nil || out.String() != want {
			t.Errorf("%s: %v %q", output, err, out.String())
		}
	}
	var out bytes.Buffer
	sink, _ := NewSink(Options{Output: "text", Time: "mono", Color: "always"}, &out)
	inputs, _ := openParts(nil, bytes.NewReader(in))
	if err := Copy(inputs, sink, sink.Write); err != nil || strings.Count(out.String(), "\n") != 2 || !strings.Contains(out.String(), "\x1b[") {
		t.Errorf("text: %v %q", err, out.String())
	}
}

// TestStatus: the exit status, and what is said.
func TestStatus(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		says   string
	}{
		{nil, 0, ""},
		{fmt.Errorf("writing: %w", syscall.EPIPE), 0, ""},
		{errors.New("bad"), 1, "x: bad\n"},
		{errors.New("a\x1b[31m\nb\u202e: no such file, '\\x1b'"), 1, `x: a\x1b[31m\nb\u202e: no such file, '\x1b'` + "\n"},
		{ExitStatus(7), 7, ""},
		{fmt.Errorf("the command failed: %w", ExitStatus(3)), 3, "x: the command failed: exit status 3\n"},
	} {
		var says bytes.Buffer
		if got := status("x", c.err, &says); got != c.status || says.String() != c.says {
			t.Errorf("%v: %d %q, want %d %q", c.err, got, says.String(), c.status, c.says)
		}
	}
}

// TestNotInput: a file that is read is not written, by whichever name, also after it was
// closed.
func TestNotInput(t *testing.T) {
	name := file(t, stream(1))
	in, err := OpenInputs([]string{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	inputs := in.Files()
	in.Close()
	for _, link := range []func(string, string) error{os.Link, os.Symlink} {
		other := filepath.Join(t.TempDir(), "other")
		if err := link(name, other); err != nil {
			t.Fatal(err)
		}
		if err := NotInput(other, inputs); err == nil || err.Error() != other+" is both input and output" {
			t.Errorf("another name of it: %v", err)
		}
	}
	if err := NotInput(file(t, stream(1)), inputs); err != nil {
		t.Errorf("a file of the same content: %v", err)
	}
	if err := NotInput(name+"1", inputs); err != nil {
		t.Errorf("no file: %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if err := NotInput(os.DevNull, Identify(null, bytes.NewReader(nil))); err != nil {
		t.Errorf("a device: %v", err)
	}
}
