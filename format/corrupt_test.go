package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format/wire"
)

// frame is one with r in it.
func frame(r string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(r))), r...)
}

// readUntilError returns what a Decoder hands on before it fails, and how.
func readUntilError(in io.Reader) (raws [][]byte, err error) {
	d := NewDecoder(in)
	for {
		r, err := d.Next()
		if err != nil {
			if _, again := d.Next(); fmt.Sprint(again) != fmt.Sprint(err) {
				return raws, fmt.Errorf("first %w, then %v", err, again)
			}
			return raws, err
		}
		raws = append(raws, bytes.Clone(r))
	}
}

const (
	ok1 = "\x82\xa4type\xa1x\xa1a\x01"
	ok2 = "\x82\xa4type\xa5event\xa2ts\x05"
)

// manyKeys is a map of n keys, of which the last is the one of that number.
func manyKeys(n, again int) string {
	m := string([]byte{0xde, byte(n >> 8), byte(n)})
	for i := range n - 1 {
		m += fmt.Sprintf("\xa4%04d\x01", i)
	}
	return m + fmt.Sprintf("\xa4%04d\x01", again)
}

// manyPairs is the same in JSON.
func manyPairs(n, again int) string {
	m := ""
	for i := range n - 1 {
		m += fmt.Sprintf("\"%04d\":1,", i)
	}
	return m + fmt.Sprintf("\"%04d\":1", again)
}

func TestCorruptStream(t *testing.T) {
	good := append(frame(ok1), frame(ok2)...)
	at := func(n int) string { return fmt.Sprintf("at byte %d: ", len(good)+n) }
	for _, tt := range []struct {
		name string
		tail string
		want string
	}{
		{"4 GiB", "\xff\xff\xff\xff", at(0) + "frame of 4294967295 bytes is over the limit of 16777215: this is no stream, or a damaged one"},
		{"one over the limit", "\x01\x00\x00\x00", at(0) + "frame of 16777216 bytes is over the limit of 16777215: this is no stream, or a damaged one"},
		{"text", "event", at(0) + "frame of 1702258030 bytes is over the limit of 16777215: this is no stream, or a damaged one"},
		{"cut in the length", "\x00\x00", at(0) + "the stream is cut off within a frame's length"},
		{"cut at the limit", "\x00\xff\xff\xff\x81", at(0) + "the stream is cut off: 1 of a frame's 16777215 bytes are there"},
		{"empty frame", "\x00\x00\x00\x00", at(4) + "a record is a map, this is none"},
		{"no map", string(frame("\xa4type")), at(4) + "a record is a map, this is none"},
		{"no type", string(frame("\x81\xa1x\xa1y")), at(4) + "the record does not begin with its type"},
		{"type not first", string(frame("\x82\xa1x\x01\xa4type\xa1x")), at(4) + "the record does not begin with its type"},
		{"type no string", string(frame("\x81\xa4type\x01")), at(4) + "the record does not begin with its type"},
		{"two values", string(frame(ok1 + "\xc0")), at(4+len(ok1)) + "1 bytes too many behind the record"},
		{"no msgpack", string(frame("\x82\xa4type\xa1x\xa1a\xc1")), at(4+10) + "0xc1 is no msgpack"},
		{"a pair missing", string(frame("\x83\xa4type\xa1x\xa1a\x01")), at(4+11) + "a value is cut off"},
		{"string too long", string(frame("\x82\xa4type\xa1x\xa1a\xa5ab")), at(4+10) + "a value is cut off"},
		{"bytes of 4 GiB", string(frame("\x82\xa4type\xa1x\xa1a\xc6\xff\xff\xff\xff")), at(4+10) + "a value is cut off"},
		{"array of 4 Gi", string(frame("\x82\xa4type\xa1x\xa1a\xdd\xff\xff\xff\xff")), at(4+10) + "a value is cut off"},
		{"map of 4 Gi", string(frame("\xdf\xff\xff\xff\xff\xa4type\xa1x")), at(4) + "a value is cut off"},
		{"extension of 4 GiB", string(frame("\x82\xa4type\xa1x\xa1a\xc9\xff\xff\xff\xff\x01")), at(4+10) + "a value is cut off"},
		{"integer as a key", string(frame("\x82\xa4type\xa1x\x01\x01")), at(4+8) + "a key is not a string"},
		{"map as a key", string(frame("\x82\xa4type\xa1x\xa1a\x81\x80\x01")), at(4+11) + "a key is not a string"},
		{"a key twice", string(frame("\x83\xa4type\xa1x\xa2ts\x01\xa2ts\x02")), at(4+12) + "`ts` stands twice in one map"},
		{"a key twice, of another form", string(frame("\x83\xa4type\xa1x\xa2ts\x01\xd9\x02ts\x02")), at(4+12) + "`ts` stands twice in one map"},
		{"the type twice", string(frame("\x82\xa4type\xa1x\xa4type\xa1x")), at(4+8) + "`type` stands twice in one map"},
		{"a key twice, within", string(frame("\x82\xa4type\xa1x\xa1a\x91\x82\xa1\x1b\x01\xa1\x1b\x01")), at(4+15) + "`\\x1b` stands twice in one map"},
		{"a key twice among many", string(frame("\x82\xa4type\xa1x\xa1a" + manyKeys(300, 77))), at(4+10+3+6*299) + "`0077` stands twice in one map"},
		{"deep", string(frame("\x82\xa4type\xa1x\xa1a" + strings.Repeat("\x91", 33) + "\x01")), at(4+10+31) + "nested more than 32 deep"},
		{"very deep", string(frame("\x82\xa4type\xa1x\xa1a" + strings.Repeat("\x91", 1<<20) + "\x01")), at(4+10+31) + "nested more than 32 deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raws, err := readUntilError(io.MultiReader(bytes.NewReader(good), strings.NewReader(tt.tail)))
			if len(raws) != 2 || string(raws[0]) != ok1 || string(raws[1]) != ok2 {
				t.Errorf("handed on %q", raws)
			}
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || err.Error() != tt.want {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}

func TestCorruptJSON(t *testing.T) {
	const good = `{"type":"x","a":1}` + "\n\n \t\r\n" + `{"type":"event","ts":5}` + "\n"
	deep := strings.Repeat("[", 1<<20)
	for _, tt := range []struct {
		name string
		line string
		at   int // in line
		want string
	}{
		{"half a line", `{"type":"eve`, 12, "the JSON line is cut off"},
		{"half a line, one more behind", `{"type":"x","a":` + "\n" + `{"type":"x"}`, 16, "the JSON line is cut off"},
		{"half a literal", `{"type":"x","a":tr`, 18, "the JSON line is cut off"},
		{"half an escape", `{"type":"x","a":"\u00`, 21, "the JSON line is cut off"},
		{"wrong literal", `{"type":"x","a":nul1}`, 19, "'1' where null was expected"},
		{"no object", `["type","x"]`, 0, "a record is a JSON object, this is none"},
		{"indented", `  17`, 2, "a record is a JSON object, this is none"},
		{"a frame", string(frame(ok1)), 0, "a record is a JSON object, this is none"},
		{"two objects", `{"type":"x"} {"type":"x"}`, 13, "something is behind the JSON object"},
		{"no type", `{"a":1}`, 0, "the record does not begin with its type"},
		{"type no string", `{"type":9007199254740993}`, 0, "the record does not begin with its type"},
		{"root in a form", `{"$str":"type"}`, 0, "the record does not begin with its type"},
		{"NaN", `{"type":"x","a":NaN}`, 16, "'N' where a value was expected"},
		{"minus NaN", `{"type":"x","a":-NaN}`, 17, "'N' where a digit was expected"},
		{"infinite", `{"type":"x","a":1e999}`, 16, "a number that does not fit 64 bits"},
		{"leading zero", `{"type":"x","a":01}`, 17, "'1' where a comma or } was expected"},
		{"no fraction", `{"type":"x","a":1.}`, 18, "'}' where a digit was expected"},
		{"comma at the end", `{"type":"x",}`, 12, "'}' where a key was expected"},
		{"comma at an array's end", `{"type":"x","a":[1,]}`, 19, "']' where a value was expected"},
		{"no colon", `{"type" "x"}`, 8, `'"' where a colon was expected`},
		{"brackets crossed", `{"type":"x","a":[1}}`, 18, "'}' where a comma or ] was expected"},
		{"key no string", `{"type":"x",1:2}`, 12, "'1' where a key was expected"},
		{"tab in a string", "{\"type\":\"x\ty\"}", 10, `'\t' where a character of a string was expected`},
		{"NUL", "{\"type\":\x00}", 8, `'\x00' where a value was expected`},
		{"wrong escape", `{"type":"\x"}`, 10, "'x' where an escape was expected"},
		{"wrong digit", `{"type":"\u00g0"}`, 13, "'g' where a hexadecimal digit was expected"},
		{"half a pair", `{"type":"x\ud83dy"}`, 10, "half of a surrogate pair is no character"},
		{"pair in the wrong order", `{"type":"\ude00\ud83d"}`, 9, "half of a surrogate pair is no character"},
		{"no UTF-8", "{\"type\":\"x\",\"a\":\"abc\xff\"}", 20, "the text is not UTF-8"},
		{"no UTF-8, behind an escape", "{\"type\":\"x\",\"a\":\"\\nbc\xc3\"}", 21, "the text is not UTF-8"},
		{"no UTF-8, in a key", "{\"type\":\"x\",\"\xed\xa0\x80\":1}", 13, "the text is not UTF-8"},
		{"data no base64", `{"type":"x","data":"abc"}`, 19, "data is not base64"},
		{"data in lines", `{"type":"x","data":"QUJD\nQUJD"}`, 19, "data is not base64"},
		{"unknown form", `{"type":"x","a":{"$x":"1"}}`, 17, `"$x" is no form of a value`},
		{"$bin no base64", `{"type":"x","a":{"$bin":"="}}`, 17, "the value of $bin is not what it says"},
		{"$bytes no base64", `{"type":"x","a":{"$bytes":"?"}}`, 17, "the value of $bytes is not what it says"},
		{"$float no number", `{"type":"x","a":{"$float":"x"}}`, 17, "the value of $float is not what it says"},
		{"$int too large", `{"type":"x","a":{"$int":"18446744073709551616"}}`, 17, "the value of $int is not what it says"},
		{"$int too small", `{"type":"x","a":{"$int":"-9223372036854775809"}}`, 17, "the value of $int is not what it says"},
		{"$bin a number", `{"type":"x","a":{"$bin":1}}`, 24, "'1' where a string behind $bin was expected"},
		{"key behind $bin", `{"type":"x","a":{"$bin":"","b":1}}`, 26, "',' where } behind the value of $bin was expected"},
		{"key before $bin", `{"type":"x","a":{"b":1,"$bin":""}}`, 23, `"$bin" must stand alone in its object`},
		{"a key twice", `{"type":"x","ts":1,"ts":2}`, 19, "`ts` stands twice in one map"},
		{"a key twice, once escaped", `{"type":"x","ts":1,"\u0074s":2}`, 19, "`ts` stands twice in one map"},
		{"a key twice, within", `{"type":"x","a":[{"b":1,"c":{"b":1},"b":1}]}`, 36, "`b` stands twice in one map"},
		{"a key twice among many", `{"type":"x","a":{` + manyPairs(300, 77) + `}}`, 16, "`0077` stands twice in one map"},
		{"very deep", `{"type":"x","a":` + deep, 16 + 31, "nested more than 32 deep"},
		{"deep, closed", `{"type":"x","a":` + strings.Repeat("[", 32) + "1" + strings.Repeat("]", 32) + "}", 16 + 31, "nested more than 32 deep"},
		{"deep objects", `{"type":"x","a":` + strings.Repeat(`{"a":`, 32) + "{}" + strings.Repeat("}", 33), 16 + 5*31, "nested more than 32 deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			raws, err := readUntilError(strings.NewReader(good + tt.line))
			if len(raws) != 2 || string(raws[0]) != ok1 || string(raws[1]) != ok2 {
				t.Errorf("handed on %q", raws)
			}
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset != int64(len(good)+tt.at) || syntax.Err.Error() != tt.want {
				t.Errorf("error %q, want %q at byte %d", err, tt.want, len(good)+tt.at)
			}
		})
	}
}

// What is neither form is told by the first byte.
func TestNeitherForm(t *testing.T) {
	for in, want := range map[string]string{
		"\xd4\xc3\xb2\xa1": "at byte 0: this is a capture and no stream: skb-pcap --read makes one of it",
		"\n\r\r\n\x6c\x00": "at byte 4: this is a capture and no stream: skb-pcap --read makes one of it",
		"\xd4\xc3\xb2":     "at byte 0: neither a stream nor JSON lines: it begins with 0xd4",
		"\n\n(1)":          "at byte 2: neither a stream nor JSON lines: it begins with 0x28",
		"":                 "EOF",
		" \n":              "EOF",
	} {
		if _, err := NewDecoder(strings.NewReader(in)).Next(); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

// Cut at any byte, every whole record before is handed on, and the error names where the
// one begins that is not whole (a frame) or where the input ends (a line).
func TestCutAnywhere(t *testing.T) {
	var raws [][]byte
	var lines []byte
	var frameEnds, lineEnds []int
	for _, r := range append(records(), example()) {
		raw := r.AppendMsgpack(nil)
		raws = append(raws, raw)
		frameEnds = append(frameEnds, len(stream(append(records(), example())[:len(raws)]...)))
		lines, _ = AppendJSON(lines, raw)
		lineEnds = append(lineEnds, len(lines))
		lines = append(lines, '\n')
	}
	for name, in := range map[string]struct {
		bytes []byte
		ends  []int
		json  bool
	}{
		"stream": {stream(append(records(), example())...), frameEnds, false},
		"JSON":   {lines, lineEnds, true},
	} {
		for n := range in.bytes {
			whole, start := 0, 0
			for whole < len(in.ends) && in.ends[whole] <= n {
				start = in.ends[whole]
				whole++
			}
			want := fmt.Sprintf("at byte %d: ", start)
			if in.json {
				want = fmt.Sprintf("at byte %d: the JSON line is cut off", n)
			}
			if n == start || in.json && whole > 0 && n == start+1 {
				want = "EOF"
			}
			got, err := readUntilError(piecemeal{bytes.NewReader(in.bytes[:n])})
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s cut at %d: %v, want %s", name, n, err, want)
			}
			if len(got) != whole {
				t.Fatalf("%s cut at %d: %d records, want %d", name, n, len(got), whole)
			}
			for i := range got {
				if !bytes.Equal(got[i], raws[i]) {
					t.Fatalf("%s cut at %d: record %d differs", name, n, i)
				}
			}
		}
	}
}

// piecemeal reads a few bytes at a time, so that frames come in pieces.
type piecemeal struct{ r io.Reader }

func (r piecemeal) Read(p []byte) (int, error) { return r.r.Read(p[:min(len(p), 7)]) }

// repeated is a byte for ever.
type repeated byte

func (c repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(c)
	}
	return len(p), nil
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Memory is for what has arrived, not for what is claimed, and has an end.
func TestBoundedMemory(t *testing.T) {
	const one = 1 << 20
	for _, tt := range []struct {
		name  string
		in    io.Reader
		limit uint64
	}{
		{"a length of 4 GiB", strings.NewReader("\xff\xff\xff\xff"), one},
		{"a length of 4 GiB behind a record", strings.NewReader(string(frame(ok1)) + "\xff\xff\xff\xff"), one},
		{"16 MiB claimed, none there", strings.NewReader("\x00\xff\xff\xff"), one},
		{"an array of 4 Gi", bytes.NewReader(frame("\x82\xa4type\xa1x\xa1a\xdd\xff\xff\xff\xff")), one},
		{"a string of 4 GiB", bytes.NewReader(frame("\x82\xa4type\xa1x\xa1a\xdb\xff\xff\xff\xff")), one},
		{"a line without end", io.MultiReader(strings.NewReader(`{"type":"`), repeated('x')), 64 * one},
		{"an escaped line without end", io.MultiReader(strings.NewReader(`{"type":"`), repeated('\\')), 64 * one},
		{"nesting without end", io.MultiReader(strings.NewReader(`{"type":`), repeated('[')), 64 * one},
		{"spaces without end", io.LimitReader(repeated(' '), 64*one), one},
		{"empty lines", io.MultiReader(strings.NewReader(`{"type":"x"}`), io.LimitReader(repeated('\n'), 64*one)), one},
	} {
		var err error
		n := allocated(func() { _, err = readUntilError(tt.in) })
		if err == nil || n > tt.limit {
			t.Errorf("%s: %d bytes allocated, want at most %d; %v", tt.name, n, tt.limit, err)
		}
	}
}

// The largest record passes, in both forms; one byte more does not.
func TestLargestRecord(t *testing.T) {
	r := append([]byte("\x82\xa4type\xa1x\xa4data"), wire.AppendBinHead(nil, 1<<24)...)
	r = append(r, make([]byte, MaxFrame-len(r))...)
	binary.BigEndian.PutUint32(r[14:], uint32(len(r)-18))
	var b bytes.Buffer
	e := NewEncoder(&b)
	if err := e.WriteRaw(r); err != nil {
		t.Fatal(err)
	}
	if err := e.WriteRaw(append(r, 0)); err == nil {
		t.Error("a record over the limit was written")
	}
	e.Flush()
	if got := readAll(t, &b); len(got) != 1 || !bytes.Equal(got[0], r) {
		t.Error("the largest record does not pass")
	}
	line, err := AppendJSON(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, bytes.NewReader(line)); len(got) != 1 || !bytes.Equal(got[0], r) {
		t.Error("the largest record does not pass as JSON")
	}
	longer := bytes.Replace(line, []byte(`"data":"`), []byte(`"data":"AAAA`), 1)
	if _, err := FromJSON(nil, longer); err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("JSON of a record over the limit: %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// A reader that gives nothing for ever does not hang its reader.
func TestNoProgress(t *testing.T) {
	if _, err := NewDecoder(stuck{}).Next(); err != io.ErrNoProgress {
		t.Error(err)
	}
}

// An error of the input comes behind the records that were read before it.
func TestReadError(t *testing.T) {
	gone := errors.New("gone")
	for _, in := range []string{string(frame(ok1)) + "\x00\x00", `{"type":"x","a":1}` + "\n" + `{"ty`} {
		raws, err := readUntilError(io.MultiReader(strings.NewReader(in), failing{gone}))
		if len(raws) != 1 || err != gone {
			t.Errorf("%q, %v", raws, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
