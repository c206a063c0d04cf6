package pipe

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// TestInterrupted: after a signal a file is read no further, and that what follows is of a
// part of it is said before anything else; a pipe is read to its end.
func TestInterrupted(t *testing.T) {
	name := file(t, stream(1, 2, 3))
	in, err := openParts([]string{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Next(); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = w
	interrupted.Store(true)
	_, err = in.Next()
	os.Stderr = stderr
	w.Close()
	said, _ := io.ReadAll(r)
	var status ExitStatus
	if !errors.As(err, &status) || status != 1 {
		t.Errorf("ended by %v", err)
	}
	if !strings.Contains(string(said), "interrupted: what follows is of a part of "+name+" (33 of 99 bytes were read)") {
		t.Errorf("said: %s", said)
	}
	in, _ = openParts(nil, bytes.NewReader(stream(1, 2, 3)))
	if got, err := times(in); len(got) != 3 || err != io.EOF {
		t.Errorf("a pipe: %v %v", got, err)
	}
	interrupted.Store(false)
}
