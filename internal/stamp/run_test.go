package stamp

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// recorded is a stream of a real kernel.
const recorded = "../../testdata/traffic-6.12.skb"

func run(t *testing.T, o Options, in []byte) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Run(o, bytes.NewReader(in), &out)
	return out.String(), err
}

// A record of a line, as far as the tests look.
type record struct {
	Type  string
	TS    int64
	Fleet struct {
		Host, Boot, Stream, Time string
		Seq                      int
	}
	Decoded struct{ Time string }
}

func records(t *testing.T, text string) (keys []string, all []record) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		key, value, ok := strings.Cut(line, "\t")
		if !ok {
			t.Fatalf("no key: %.100s", line)
		}
		var r record
		if err := json.Unmarshal([]byte(value), &r); err != nil {
			t.Fatalf("%v: %.200s", err, value)
		}
		keys, all = append(keys, key), append(all, r)
	}
	return keys, all
}

// TestLines: each line has its host as the key, its number, and its time; and without these it is the record.
func TestLines(t *testing.T) {
	in, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t, Options{Name: "all"}, in)
	if err != nil {
		t.Fatal(err)
	}
	keys, all := records(t, out)
	for i, r := range all {
		f := r.Fleet
		if keys[i] != "guest" || f.Host != "guest" || f.Boot != "92f4d943-5e23-4a53-bb57-45cbf2539fe7" ||
			f.Stream != "all-11721401354" || f.Seq != i+1 {
			t.Fatalf("line %d: key %q, %+v", i+1, keys[i], f)
		}
		ns := json.Number(f.Time)
		if n, err := ns.Int64(); err != nil || n != r.TS+1795249438773387675 {
			t.Fatalf("line %d: time %s of ts %d", i+1, f.Time, r.TS)
		}
	}
	// Read back, it is the stream with a section more.
	bare, err := run(t, Options{Name: "all", Bare: true}, in)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pipeJSON(in)
	if err != nil {
		t.Fatal(err)
	}
	stamped := strings.Split(strings.TrimSuffix(bare, "\n"), "\n")
	if len(stamped) != len(lines) {
		t.Fatalf("%d lines of %d records", len(stamped), len(lines))
	}
	for i, line := range stamped {
		before, _, _ := strings.Cut(line, `,"fleet":{`)
		if before+"}" != lines[i] {
			t.Fatalf("line %d is\n%s\nof\n%s", i+1, line, lines[i])
		}
	}
}

// pipeJSON are the records as JSON without decoded.
func pipeJSON(in []byte) (lines []string, err error) {
	d := format.NewDecoder(bytes.NewReader(in))
	for {
		r, err := d.Next()
		if err != nil {
			return lines, nil //nolint:nilerr // the end
		}
		line, err := format.AppendJSON(nil, r)
		if err != nil {
			return nil, err
		}
		lines = append(lines, string(line))
	}
}

// start is the JSON of one, of a host.
func start(host string, ts string) string {
	return `{"type":"start","ts":` + ts + `,"version":1,"clock_offset":1000,"host":` + host + `,"kernel":"6.1","arch":"amd64",` +
		`"tool":"t","boot_id":"b","cmdline":[],"cpus":1,"snaplen":96,"probes":1,"drop_reasons":{},"sysctl":{}}` + "\n"
}

func end(n string) string {
	return `{"type":"end","ts":90,"events":` + n + `,"links":0,"frees":0,"lost":0,"cause":"signal"}` + "\n"
}

func event(ts string) string {
	return `{"type":"event","ts":` + ts + `,"cpu":0,"probe":"ip_rcv"}` + "\n"
}

// TestHosts: in a stream merged of several, each line goes to its own host, numbered for itself. The same start again
// goes on with its numbers. A host's name can't break a line, nor a key.
func TestHosts(t *testing.T) {
	a, b := start(`"a"`, "1"), start(`"b\t\n\"\u001b"`, "2")
	in := a + event("10") + b + event("20") + `{"type":"resume","back":1}` + "\n" + event("11") +
		`{"type":"resume","back":1}` + "\n" + event("21") + a + event("12") + end("3") + `{"type":"resume","back":1}` + "\n" + end("2")
	out, err := run(t, Options{Name: "x"}, []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	keys, all := records(t, out)
	var got []string
	for i, r := range all {
		got = append(got, keys[i]+" "+r.Fleet.Stream+" "+r.Type+" "+r.Fleet.Time+" "+string(rune('0'+r.Fleet.Seq)))
	}
	odd := `b\t\n\"\u001b`
	want := []string{"a x-1 start 1001 1", "a x-1 event 1010 2", odd + " x-2 start 1002 1", odd + " x-2 event 1020 2",
		"a x-1 event 1011 3", odd + " x-2 event 1021 3", "a x-1 start 1001 4", "a x-1 event 1012 5", "a x-1 end 1090 6",
		odd + " x-2 end 1090 4"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestRefused: what it can't number it says, and what was good before is out.
func TestRefused(t *testing.T) {
	whole := start(`"a"`, "1") + event("10") + end("1")
	stamped, err := run(t, Options{Name: "x", Bare: true}, []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		o     Options
		in    string
		usage bool
		want  string
		lines int
	}{
		{"no name", Options{}, whole, true, "--name is missing", 0},
		{"no name of stdin", Options{File: "-"}, whole, true, "--name is missing", 0},
		{"a name with a blank", Options{Name: "a b"}, whole, true, `"a b" is not 1 to 100 letters`, 0},
		{"twice", Options{Name: "x"}, stamped, false, "been through skb-stamp already", 0},
		{"cut off", Options{Name: "x"}, start(`"a"`, "1") + event("10"), false, "no end record", 2},
		{"without a start", Options{Name: "x", Input: pipe.Input{Part: true}}, event("10"), false, "no start before this record", 0},
		{"damaged", Options{Name: "x"}, start(`"a"`, "1") + event("10") + "{\n", false, "stdin", 2},
	} {
		out, err := run(t, c.o, []byte(c.in))
		var usage pipe.UsageError
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &usage) != c.usage {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
		if n := strings.Count(out, "\n"); n != c.lines {
			t.Errorf("%s: %d lines, want %d", c.what, n, c.lines)
		}
	}
}

// TestFileName: a file is called as it is, so that numbered files of one start differ.
func TestFileName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "night 2.skb")
	if err := os.WriteFile(file, []byte(start(`"a"`, "1")+end("0")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Run(Options{File: file}, nil, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"stream":"night_2.skb-1","seq":2`) {
		t.Error(out.String())
	}
}
