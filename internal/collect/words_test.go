//go:build linux && (amd64 || arm64)

package collect

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// TestWriteDash: -w - is stdout, as with tcpdump, and makes no file of that name.
func TestWriteDash(t *testing.T) {
	t.Chdir(t.TempDir())
	begin := func() []format.Raw { return []format.Raw{(&format.Start{TS: 1}).AppendMsgpack(nil)} }
	o := Options{Options: pipe.Options{Output: "json"}, Write: "-", StackDepth: 1}
	if _, err := o.complete(); err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	out, err := openOutput(&o, &stdout, begin, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir("."); err != nil || len(files) > 0 || !bytes.HasPrefix(stdout.Bytes(), []byte(`{"type":"start"`)) {
		t.Errorf("%v %v, on stdout: %s", files, err, stdout.Bytes())
	}
	o = Options{Write: "-", StackDepth: 1, Rotate: 1000}
	if _, err := o.complete(); err != nil {
		t.Fatal(err)
	}
	if _, err := openOutput(&o, io.Discard, begin, nil); err == nil {
		t.Error("--rotate with stdout is no error")
	}
}
