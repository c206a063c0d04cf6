package streamtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
	"github.com/skb-tools/skb-tools/test/pagetest"
)

// evil is what a terminal must not get: an escape sequence, a C1 control, controls of
// direction, a line of its own, what has no width, and bytes that are no text.
const evil = "\x1b[31mx\u009b2Jy\u202ez\u2066\n\r\x07\u2028\u200b\x7f"

// evilBytes is evil with what is no UTF-8, for forms that have bytes.
const evilBytes = evil + "\xff\x9b"

// A key of FORMAT.md's tables.
type key struct{ section, name, typ string }

// keysOf reads the tables of FORMAT.md: each key of each record and section.
func keysOf(t *testing.T) (records []string, keys map[string][]key) {
	t.Helper()
	spec, err := os.ReadFile("../../format/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	keys = map[string][]key{}
	row := regexp.MustCompile("^\\| (`[^|]*`) \\| ([^|]*) \\| ")
	section := ""
	for line := range strings.Lines(string(spec)) {
		if name, ok := strings.CutPrefix(line, "#### `"); ok {
			section, _, _ = strings.Cut(name, "`")
		}
		m := row.FindStringSubmatch(line)
		if m == nil || section == "" {
			continue
		}
		types := strings.Split(m[2], ", ")
		for i, name := range strings.Split(m[1], ", ") {
			name = strings.Trim(name, "`")
			keys[section] = append(keys[section], key{section, name, types[min(i, len(types)-1)]})
			if name == "type" && m[2] == "string" && !strings.Contains("nft sock", section) {
				records = append(records, section)
			}
		}
	}
	if len(records) < 9 || len(keys["event"]) < 18 || len(keys["journey"]) < 15 {
		t.Fatalf("%d records, %d keys of an event: the tables are not what they were", len(records), len(keys["event"]))
	}
	return records, keys
}

// hostileValue is a value of a key, with evil wherever it has a string.
func hostileValue(dst []byte, k key, keys map[string][]key, s string) []byte {
	switch {
	case k.section == "" || k.typ == "":
	case k.name == "src" || k.name == "dst":
		return wire.AppendStr(dst, "fe80::1%"+s) // an address with a zone
	case k.typ == "section" || k.typ == "map" && k.section == "event":
		inner := keys[k.name]
		dst = wire.AppendMap(dst, len(inner)+1)
		for _, i := range inner {
			dst = hostileValue(wire.AppendStr(dst, i.name), i, keys, s)
		}
		return wire.AppendStr(wire.AppendStr(dst, s), s)
	case strings.HasPrefix(k.typ, "integer"):
		return wire.AppendUint(dst, 1)
	case k.typ == "boolean":
		return wire.AppendBool(dst, true)
	case k.typ == "bytes":
		return wire.AppendBin(dst, []byte{0x45, 0, 0, 20})
	case strings.HasPrefix(k.typ, "array"):
		return wire.AppendStr(wire.AppendStr(wire.AppendArray(dst, 2), s), s)
	case strings.HasPrefix(k.typ, "map"):
		dst = wire.AppendMap(dst, 6)
		dst = wire.AppendStr(wire.AppendStr(dst, s), s)
		dst = wire.AppendStr(wire.AppendStr(dst, "how"), s)
		dst = wire.AppendStr(wire.AppendStr(dst, "name"), s)
		dst = wire.AppendStr(wire.AppendStr(dst, "src"), "fe80::1%"+s)
		dst = wire.AppendStr(wire.AppendStr(dst, "dst"), "fe80::2%"+s)
		inner := wire.AppendMap(nil, 3)
		inner = wire.AppendStr(wire.AppendStr(inner, "src"), "fe80::1%"+s)
		inner = wire.AppendStr(wire.AppendStr(inner, "dst"), "fe80::2%"+s)
		inner = wire.AppendUint(wire.AppendStr(inner, "proto"), 6)
		return append(wire.AppendStr(dst, "first"), inner...)
	}
	return wire.AppendStr(dst, s)
}

// hostileStream has each record of FORMAT.md with each of its keys, every string of which
// is s; journeys that end in each way; and a record and keys that nobody knows.
func hostileStream(t *testing.T, s string) []byte {
	t.Helper()
	records, keys := keysOf(t)
	var out bytes.Buffer
	enc := format.NewEncoder(&out)
	write := func(typ string, change func(k key, dst []byte) []byte) {
		r := wire.AppendStr(wire.AppendStr(wire.AppendMap(nil, 1), "type"), typ)
		for _, k := range keys[typ] {
			if k.name == "type" || len(r) == 0 || k.section != typ {
				continue
			}
			v := hostileValue(nil, k, keys, s)
			if change != nil {
				if c := change(k, nil); c != nil {
					v = c
				}
			}
			r = wire.Splice(nil, r, k.name, v)
		}
		r = wire.Splice(nil, r, s, wire.AppendStr(nil, s))
		if err := enc.WriteRaw(r); err != nil {
			t.Fatal(err)
		}
	}
	write("start", nil)
	for _, typ := range records {
		switch typ {
		case "start", "end", "resume":
			continue
		}
		write(typ, nil)
	}
	// As a drop, whose reason rules know.
	for _, reason := range []string{"XDP", "NETFILTER_DROP", "NO_SOCKET", s} {
		write("event", func(k key, dst []byte) []byte {
			if k.name != "drop" {
				return nil
			}
			dst = wire.AppendMap(dst, 3)
			dst = wire.AppendUint(wire.AppendStr(dst, "reason"), 3)
			dst = wire.AppendStr(wire.AppendStr(dst, "name"), reason)
			return wire.AppendStr(wire.AppendStr(dst, "location"), s+"+0x1")
		})
	}
	for _, how := range format.EndNames {
		write("journey", func(k key, dst []byte) []byte {
			if k.name != "end" {
				return nil
			}
			dst = wire.AppendMap(dst, 6)
			dst = wire.AppendStr(wire.AppendStr(dst, "how"), how)
			for _, name := range []string{"reason", "location", "probe", "dev", "comm"} {
				dst = wire.AppendStr(wire.AppendStr(dst, name), s)
			}
			return dst
		})
	}
	write("weather "+s, nil)
	write("end", nil)
	if err := enc.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unsafe is the first character of text that a terminal must not get; "" if there is none.
func unsafe(text []byte) string {
	line := bytes.ReplaceAll(text, []byte("\n"), []byte(" "))
	for i := 0; i < len(line); {
		r, n := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && n == 1 || !escape.Printable(r) {
			return fmt.Sprintf("%q in %q", line[i:i+n], line[max(0, i-60):min(len(line), i+20)])
		}
		i += n
	}
	return ""
}

// unread is err unless that is the one behind a stream which was read to its end: a hostile
// stream has strings where FORMAT.md has none.
func unread(err error) error {
	if err == nil || strings.Contains(err.Error(), "not a whole stream: ") || strings.Contains(err.Error(), "is not of a whole stream") {
		return nil
	}
	return err
}

// TestHostile: whatever strings a stream has, in any key of any record, no program writes to
// a terminal what steers it, in no form, on stdout or stderr, nor in a picture.
func TestHostile(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	part := pipe.Input{Part: true}
	type run = func(in io.Reader, out, stderr io.Writer) error
	tracks := func(set func(*track.Options)) run {
		return func(in io.Reader, out, stderr io.Writer) error {
			o := tracking()
			o.Input, o.Options.Output, o.Again = part, "text", true
			set(&o)
			return track.Run(ctx, o, in, out, stderr)
		}
	}
	// written gives what is shown of the file that a run writes, too.
	written := func(file string, shown func([]byte) []byte, run run) run {
		return func(in io.Reader, out, stderr io.Writer) error {
			err := run(in, out, stderr)
			if b, rerr := os.ReadFile(file); rerr == nil {
				_, _ = out.Write(shown(b))
			}
			return err
		}
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	svg, page, trace, dropped := file("j.svg"), file("j.html"), file("j.json"), file("d.html")
	runs := map[string]run{
		"skb-track --svg": written(svg, func(b []byte) []byte { return b }, tracks(func(o *track.Options) {
			o.SVG, o.Packet = svg, []uint64{1}
		})),
		"skb-track --html":     written(page, dataOf, tracks(func(o *track.Options) { o.HTML = page })),
		"skb-track --perfetto": written(trace, stringsOf, tracks(func(o *track.Options) { o.Perfetto = trace })),
		"skb-drops --html": written(dropped, dataOf, func(in io.Reader, out, stderr io.Writer) error {
			o := drops.Options{Options: pipe.Options{Output: "text"}, Input: part, HTML: dropped, Frees: true}
			return drops.Run(ctx, o, in, out, stderr)
		}),
		"skb-pcap --list-probes": func(in io.Reader, out, stderr io.Writer) error {
			return pcap.Run(ctx, pcap.Options{Input: part, ListProbes: true}, in, out, stderr)
		},
		"skb-pcap, stderr": func(in io.Reader, out, stderr io.Writer) error {
			return pcap.Run(ctx, pcap.Options{Input: part}, in, io.Discard, stderr)
		},
		"skb-pcap | --read, stderr": func(in io.Reader, out, stderr io.Writer) error {
			var capture bytes.Buffer
			if err := pcap.Run(ctx, pcap.Options{Input: part}, in, &capture, io.Discard); unread(err) != nil {
				return err
			}
			return pcap.Run(ctx, pcap.Options{Read: "-"}, &capture, io.Discard, stderr)
		},
	}
	for _, form := range []string{"text", "json"} {
		for _, clock := range []string{"utc", "mono", "delta"} {
			o := pipe.Options{Output: form, Time: clock}
			runs["skb-sort -o "+form+" "+clock] = func(in io.Reader, out, stderr io.Writer) error {
				return sort.Run(ctx, sort.Options{Options: o, Input: part, Memory: 1 << 20}, in, out, stderr)
			}
			runs["skb-sort --by journey -o "+form+" "+clock] = func(in io.Reader, out, stderr io.Writer) error {
				return sort.Run(ctx, sort.Options{Options: o, Input: part, Memory: 1 << 20, By: "journey"}, in, out, stderr)
			}
			for _, again := range []bool{false, true} {
				runs[fmt.Sprintf("skb-track --again=%v -o %s %s", again, form, clock)] = func(in io.Reader, out, stderr io.Writer) error {
					t := tracking()
					t.Options, t.Input, t.Again, t.Infer = o, part, again, again
					return track.Run(ctx, t, in, out, stderr)
				}
			}
			runs["skb-drops -o "+form+" "+clock] = func(in io.Reader, out, stderr io.Writer) error {
				return drops.Run(ctx, drops.Options{Options: o, Input: part, Frees: true}, in, out, stderr)
			}
		}
		o := pipe.Options{Output: form}
		runs["skb-track --summary -o "+form] = func(in io.Reader, out, stderr io.Writer) error {
			t := tracking()
			t.Options, t.Input, t.Summary = o, part, true
			return track.Run(ctx, t, in, out, stderr)
		}
		for _, by := range []string{"reason,location", "dev.name,cause,host", "flow,process.comm,sock.state", "nft.table,caller,function"} {
			runs["skb-drops --summary --by "+by+" -o "+form] = func(in io.Reader, out, stderr io.Writer) error {
				return drops.Run(ctx, drops.Options{Options: o, Input: part, Summary: true, Normal: true, Frees: true, By: strings.Split(by, ",")}, in, out, stderr)
			}
		}
	}
	texts := map[string]bool{}
	for what, in := range map[string][]byte{"text": hostileStream(t, evil), "bytes": hostileStream(t, evilBytes)} {
		for name, run := range runs {
			if what == "bytes" && strings.Contains(name, "-o json") {
				continue // a key that is no UTF-8 has no form there
			}
			var out, stderr bytes.Buffer
			err := run(bytes.NewReader(in), &out, &stderr)
			if err != nil {
				fmt.Fprintln(&stderr, err)
			}
			for where, b := range map[string][]byte{"stdout": out.Bytes(), "stderr": stderr.Bytes()} {
				if u := unsafe(b); u != "" {
					t.Errorf("%s, %s, %s: %s", what, name, where, u)
				}
				for _, form := range []string{`?[31m`, `\\x1b[31m`, `\xc2\x9b`, `\033[31m`} { // one is \x1b[31m and \u009b
					if at := bytes.Index(b, []byte(form)); at >= 0 && !strings.Contains(name, "-o json") {
						t.Errorf("%s, %s, %s: another form of escape: %q", what, name, where, b[max(0, at-60):at+20])
					}
				}
			}
			if bytes.Contains(out.Bytes(), []byte(`[31m`)) {
				texts[name] = true
			}
			if unread(err) != nil && !strings.Contains(name, "--svg") {
				t.Errorf("%s, %s: %v", what, name, err)
			}
		}
	}
	// The strings do come out.
	for name := range runs {
		if !texts[name] && !strings.Contains(name, "stderr") && !strings.Contains(name, "--svg") {
			t.Errorf("%s shows none of them", name)
		}
	}
}

// dataOf is what a page has of the stream, with the escapes of JSON and of HTML undone, as the page shows it.
func dataOf(page []byte) []byte {
	return stringsOf(pagetest.Data(page))
}

// stringsOf are the strings in JSON, without its escapes, a line each.
func stringsOf(data []byte) []byte {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return []byte("\x1b no JSON")
	}
	var b bytes.Buffer
	var each func(v any)
	each = func(v any) {
		switch v := v.(type) {
		case string:
			b.WriteString(v + "\n")
		case []any:
			for _, x := range v {
				each(x)
			}
		case map[string]any:
			for key, x := range v {
				b.WriteString(key + "\n")
				each(x)
			}
		}
	}
	each(v)
	return b.Bytes()
}
