package format

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format/wire"
)

// block returns the code block of FORMAT.md in the named language.
func block(t *testing.T, language string) string {
	t.Helper()
	spec, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(spec, -1)
	if len(m) != 1 {
		t.Fatalf("FORMAT.md has %d blocks of %s, want 1", len(m), language)
	}
	return string(m[0][1])
}

// example is the event that FORMAT.md shows.
func example() *Event {
	e := &Event{TS: 5_000_000_123, CPU: 1, Probe: "ip_rcv", Dev: Dev{Name: "eth0", Ifindex: 2, Type: 1},
		Packet: Packet{Len: 84, At: "network", Data: []byte{0x45, 0, 0, 0x54}}}
	e.Skb.Set(SkbAddr, 0xffff888003a1c200)
	e.Skb.Set(SkbLen, 84)
	return e
}

// The frame in FORMAT.md is the one that is written, and reads as what the text says.
func TestSpecExample(t *testing.T) {
	var frame []byte
	for _, line := range strings.Split(block(t, "hex"), "\n") {
		digits, _, _ := strings.Cut(line, "  ")
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		frame = append(frame, b...)
	}
	if want := stream(example()); !bytes.Equal(frame, want) {
		t.Errorf("FORMAT.md has\n%x\nthe library writes\n%x", frame, want)
	}
	var e Event
	if err := e.Decode(readAll(t, bytes.NewReader(frame))[0]); err != nil || !reflect.DeepEqual(&e, example()) {
		t.Errorf("it reads as %+v, %v", e, err)
	}
	line, err := AppendJSON(nil, frame[4:])
	if want := strings.TrimSpace(block(t, "json")); err != nil || string(line) != want {
		t.Errorf("as JSON it is\n%s\nFORMAT.md has\n%s\n%v", line, want, err)
	}
}

// The reader in FORMAT.md, in Python, reads what the library reads.
func TestSpecReader(t *testing.T) {
	in := stream(append(records(), example())...)
	python := exec.Command("python3", "-c", block(t, "python"))
	python.Stdin = bytes.NewReader(in)
	python.Stderr = os.Stderr
	out, err := python.Output()
	if err != nil {
		t.Fatalf("python3: %v", err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	raws := readAll(t, bytes.NewReader(in))
	if len(lines) != len(raws) {
		t.Fatalf("%d records, want %d:\n%s", len(lines), len(raws), out)
	}
	for i, r := range raws {
		own, err := AppendJSON(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := plainJSON(t, lines[i]), plainJSON(t, own); !reflect.DeepEqual(got, want) {
			t.Errorf("record %d: Python reads\n%v\nthe library\n%v", i, got, want)
		}
	}
}

// plainJSON parses b with all numbers as strings: large ones are, in our JSON.
func plainJSON(t *testing.T, b []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	var plain func(any) any
	plain = func(v any) any {
		switch v := v.(type) {
		case json.Number:
			return string(v)
		case []any:
			for i := range v {
				v[i] = plain(v[i])
			}
		case map[string]any:
			for k := range v {
				v[k] = plain(v[k])
			}
		}
		return v
	}
	return plain(v)
}

// Every key that the library writes has a row in FORMAT.md.
func TestSpecNamesEveryKey(t *testing.T) {
	spec, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	track := Track{1, 1, 1, 1, false, 1, From{"clone", 1, 1}, wire.AppendMap(nil, 0), "addr", true, true, 1}
	for _, rec := range records() {
		r := Raw(rec.AppendMsgpack(nil))
		if r.Type() == TypeEvent {
			r = wire.Splice(nil, r, "track", track.AppendMsgpack(nil))
		}
		section := string(r.Type())
		var walk func(section string, v wire.Value)
		walk = func(section string, v wire.Value) {
			_, rest, ok := strings.Cut(string(spec), "\n#### `"+section+"`\n")
			if !ok {
				t.Errorf("FORMAT.md has no section `%s`", section)
				return
			}
			rest, _, _ = strings.Cut(rest, "\n#")
			v.Each(func(key []byte, v wire.Value) bool {
				if section == "args" || section == "fields" {
					return true // the kernel's own names
				}
				if !strings.Contains(rest, "\n| `"+string(key)+"` |") {
					t.Errorf("FORMAT.md has no row for `%s` in `%s`", key, section)
				}
				if v.Kind() == wire.Map && section == "event" {
					walk(string(key), v)
				}
				return true
			})
		}
		walk(section, wire.Value(r))
	}
}
