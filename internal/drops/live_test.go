package drops

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

const oneDrop = `{"type":"event","ts":%d,"probe":"skb:kfree_skb","drop":{"name":"NOMEM","location":"a+1"}}` + "\n"

// A drop comes out of the filter while its input pauses: a user watching sees it at once.
func TestFilterIsLive(t *testing.T) {
	for _, form := range []string{"json", "stream", "text"} {
		pr, pw := io.Pipe()
		or, ow := io.Pipe()
		done := make(chan error, 1)
		go func() {
			done <- Run(t.Context(), Options{Input: pipe.Input{Part: true}, Options: pipe.Options{Output: form}}, pr, ow, io.Discard)
			ow.Close()
		}()
		fmt.Fprintf(pw, oneDrop, 1)
		if out := readUntil(t, or, "NOMEM"); !strings.Contains(out, "NOMEM") {
			t.Errorf("-o %s: %q", form, out)
		}
		pw.Close()
		_, _ = io.Copy(io.Discard, or)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// maxRead bounds what is read in search of a text: what draws again and again never ends.
const maxRead = 1 << 20

// readUntil reads until it has read what.
func readUntil(t *testing.T, r io.Reader, what string) string {
	t.Helper()
	var all bytes.Buffer
	b := make([]byte, 4096)
	for !strings.Contains(all.String(), what) {
		n, err := r.Read(b)
		all.Write(b[:n])
		if err != nil {
			t.Fatalf("no %q: %v after %q", what, err, all.String())
		}
		if all.Len() > maxRead {
			t.Fatalf("no %q in %d bytes: %q", what, all.Len(), all.Bytes()[all.Len()-4096:])
		}
	}
	return all.String()
}
