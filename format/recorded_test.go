package format

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestRecorded takes what the four kernels recorded apart and puts it together again: by
// the record types, which must know every key, and by way of JSON.
func TestRecorded(t *testing.T) {
	streams, err := filepath.Glob("../testdata/*.skb")
	if err != nil || len(streams) < 4 {
		t.Fatalf("streams: %v, %v", streams, err)
	}
	for _, name := range streams {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		d := NewDecoder(f)
		seen := map[RecordType]int{}
		for {
			r, err := d.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			seen[r.Type()]++
			var record interface {
				Decode(Raw) error
				Appender
			}
			switch r.Type() {
			case TypeStart:
				record = &Start{}
			case TypeEvent:
				record = &Event{}
			case TypeLink:
				record = &Link{}
			case TypeFree:
				record = &Free{}
			case TypeEnd:
				record = &End{}
			case TypeCounters:
				record = &Counters{}
			case TypeFlow:
				record = &OVSFlow{}
			default:
				t.Fatalf("%s: a record of type %q", name, r.Type())
			}
			if err := record.Decode(r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			// They are older than the name of that key.
			r = Raw(bytes.Replace(r, []byte("\xa3why"), []byte("\xa5cause"), 1))
			if got := record.AppendMsgpack(nil); !bytes.Equal(got, r) {
				t.Fatalf("%s: a %s record\n%x\ncomes back as\n%x", name, r.Type(), r, got)
			}
			line, err := AppendJSON(nil, r)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if back, err := FromJSON(nil, line); err != nil || !bytes.Equal(back, r) {
				t.Fatalf("%s: through JSON: %v\n%s", name, err, line)
			}
		}
		if seen[TypeStart] != 1 || seen[TypeEvent] < 100 || seen[TypeLink] < 5 || seen[TypeFree] < 20 || seen[TypeEnd] != 1 {
			t.Errorf("%s has %v", name, seen)
		}
	}
}
