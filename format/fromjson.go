package format

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format/wire"
)

// FromJSON appends to dst the record that line, a JSON object, stands for, and returns the
// record without what was in dst. An error is a *SyntaxError with the offset within line.
//
// The line is scanned by hand: the tokens of encoding/json cost 34 µs for an event of 30
// fields, and 550 allocations.
func FromJSON(dst, line []byte) (Raw, error) {
	j := jsonScanner{in: line, out: dst, limit: len(dst) + MaxFrame}
	j.space()
	if j.at < len(line) && line[j.at] != '{' {
		return nil, syntaxError(j.at, "a record is a JSON object, this is none")
	}
	if err := j.value(wire.MaxDepth, false); err != nil {
		return nil, err
	}
	j.space()
	if j.at < len(line) {
		return nil, syntaxError(j.at, "something is behind the JSON object")
	}
	r := Raw(j.out[len(dst):])
	if len(r) > MaxFrame {
		return nil, j.tooLong()
	}
	if r.Type() == "" {
		return nil, syntaxError(0, "the record does not begin with its type")
	}
	return r, nil
}

// A jsonScanner turns the JSON at in[at:] into msgpack behind out.
type jsonScanner struct {
	in    []byte
	at    int
	out   []byte
	limit int    // of len(out)
	text  []byte // the last string that had escapes
}

func (j *jsonScanner) tooLong() error {
	return syntaxError(j.at, "the record is over the limit of %d bytes", MaxFrame)
}

func (j *jsonScanner) space() {
	for j.at < len(j.in) {
		switch j.in[j.at] {
		case ' ', '\t', '\r', '\n':
			j.at++
		default:
			return
		}
	}
}

// next skips white space and returns the byte behind it, 0 at the end.
func (j *jsonScanner) next() byte {
	j.space()
	if j.at < len(j.in) {
		return j.in[j.at]
	}
	return 0
}

// unexpected is the error of what stands at at.
func (j *jsonScanner) unexpected(want string) error {
	if j.at >= len(j.in) {
		return syntaxError(len(j.in), "the JSON line is cut off")
	}
	r, _ := utf8.DecodeRune(j.in[j.at:])
	return syntaxError(j.at, "%q where %s was expected", r, want)
}

func (j *jsonScanner) value(depth int, isData bool) error {
	switch c := j.next(); {
	case c == '{':
		return j.object(depth)
	case c == '[':
		return j.array(depth)
	case c == '"':
		return j.stringValue(isData)
	case c == '-' || c >= '0' && c <= '9':
		return j.number()
	case c == 't':
		return j.literal("true", 0xc3)
	case c == 'f':
		return j.literal("false", 0xc2)
	case c == 'n':
		return j.literal("null", 0xc0)
	}
	return j.unexpected("a value")
}

func (j *jsonScanner) literal(word string, code byte) error {
	for i := range len(word) {
		if j.at >= len(j.in) || j.in[j.at] != word[i] {
			return j.unexpected(word)
		}
		j.at++
	}
	j.out = append(j.out, code)
	return nil
}

func (j *jsonScanner) object(depth int) error {
	start := j.at
	j.at++
	head := len(j.out)
	j.out = append(j.out, 0x80)
	if j.next() == '}' {
		j.at++
		return nil
	}
	if depth == 0 {
		return syntaxError(start, "nested more than %d deep", wire.MaxDepth)
	}
	var keys wire.KeySet
	for n := 1; ; n++ {
		if j.next() != '"' {
			return j.unexpected("a key")
		}
		at := j.at
		key, err := j.str()
		if err != nil {
			return err
		}
		if j.next() != ':' {
			return j.unexpected("a colon")
		}
		j.at++
		if depth == wire.MaxDepth && string(key) == Decoded {
			if err := j.ignore(depth - 1); err != nil {
				return err
			}
			n-- // it is not one of the record's
		} else {
			if len(key) > 0 && key[0] == '$' {
				if len(key) == 1 || key[1] != '$' {
					if n > 1 {
						return syntaxError(at, "%q must stand alone in its object", key)
					}
					j.out = j.out[:head]
					return j.tagged(at, string(key))
				}
				key = key[1:]
			}
			place := len(j.out)
			j.out = wire.AppendStr(j.out, key)
			if n <= wire.FewKeys && keys.Add(j.out, place) {
				return wire.ErrTwice(at, j.out, place)
			}
			if err := j.value(depth-1, string(key) == "data"); err != nil {
				return err
			}
		}
		switch j.next() {
		case ',':
			j.at++
		case '}':
			j.at++
			if err := j.setHead(head, n, 0x80, 0xde); err != nil || n <= wire.FewKeys {
				return err
			}
			if key := wire.Twice(j.out, head); key >= 0 {
				return wire.ErrTwice(start, j.out, key)
			}
			return nil
		default:
			return j.unexpected("a comma or }")
		}
	}
}

// ignore goes behind a value that is no part of the record: any that is valid JSON.
func (j *jsonScanner) ignore(depth int) error {
	c := j.next()
	switch {
	case c == '"':
		_, err := j.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, _, err := j.numeral()
		return err
	case c != '{' && c != '[':
		start := len(j.out)
		err := j.value(depth, false) // a literal
		j.out = j.out[:start]
		return err
	}
	object, closing, at := c == '{', c+2, j.at // what closes either bracket is two behind it in ASCII
	j.at++
	if j.next() == closing {
		j.at++
		return nil
	}
	if depth == 0 {
		return syntaxError(at, "nested more than %d deep", wire.MaxDepth)
	}
	for {
		if object {
			if j.next() != '"' {
				return j.unexpected("a key")
			}
			if _, err := j.str(); err != nil {
				return err
			}
			if j.next() != ':' {
				return j.unexpected("a colon")
			}
			j.at++
		}
		if err := j.ignore(depth - 1); err != nil {
			return err
		}
		switch c := j.next(); c {
		case ',', closing:
			j.at++
			if c == closing {
				return nil
			}
		default:
			return j.unexpected("a comma or " + string(rune(closing)))
		}
	}
}

func (j *jsonScanner) array(depth int) error {
	start := j.at
	j.at++
	head := len(j.out)
	j.out = append(j.out, 0x90)
	if j.next() == ']' {
		j.at++
		return nil
	}
	if depth == 0 {
		return syntaxError(start, "nested more than %d deep", wire.MaxDepth)
	}
	for n := 1; ; n++ {
		if err := j.value(depth-1, false); err != nil {
			return err
		}
		switch j.next() {
		case ',':
			j.at++
		case ']':
			j.at++
			return j.setHead(head, n, 0x90, 0xdc)
		default:
			return j.unexpected("a comma or ]")
		}
		if len(j.out) > j.limit {
			return j.tooLong()
		}
	}
}

// setHead writes the head of a map or array, whose length is known only at its end, over
// the one byte that was left for it.
func (j *jsonScanner) setHead(at, n int, short, long byte) error {
	if len(j.out) > j.limit {
		return j.tooLong()
	}
	if n < 16 {
		j.out[at] = short | byte(n)
		return nil
	}
	var b [5]byte
	h := binary.BigEndian.AppendUint16(append(b[:0], long), uint16(n))
	if n > math.MaxUint16 {
		h = binary.BigEndian.AppendUint32(append(b[:0], long+1), uint32(n))
	}
	body := len(j.out)
	j.out = append(j.out, h[1:]...)
	copy(j.out[at+len(h):], j.out[at+1:body])
	copy(j.out[at:], h)
	return nil
}

// tagged reads the rest of {"$bin": "base64"} and its like, behind the colon.
func (j *jsonScanner) tagged(at int, tag string) error {
	if j.next() != '"' {
		return j.unexpected("a string behind " + tag)
	}
	s, err := j.str()
	if err != nil {
		return err
	}
	if j.next() != '}' {
		return j.unexpected("} behind the value of " + tag)
	}
	j.at++
	switch tag {
	case "$str":
		j.out = wire.AppendStr(j.out, s)
		return nil
	case "$bytes":
		if s, err = base64.StdEncoding.DecodeString(string(s)); err == nil {
			j.out = wire.AppendStr(j.out, s)
			return nil
		}
	case "$bin":
		if j.base64(s) {
			return nil
		}
	case "$int":
		if u, negative, ok := parseInteger(s); ok {
			j.integer(u, negative)
			return nil
		}
	case "$float":
		if f, err := strconv.ParseFloat(string(s), 64); err == nil {
			j.out = appendFloat(j.out, f)
			return nil
		}
	default:
		return syntaxError(at, "%q is no form of a value", tag)
	}
	return syntaxError(at, "the value of %s is not what it says", tag)
}

// base64 appends what s stands for as bytes.
func (j *jsonScanner) base64(s []byte) bool {
	n := base64.StdEncoding.DecodedLen(len(s))
	n -= len(s) - len(bytes.TrimRight(s, "="))
	if len(s)%4 != 0 || n < 0 {
		return false
	}
	out := wire.AppendBinHead(j.out, n)
	body := len(out)
	out, err := base64.StdEncoding.AppendDecode(out, s)
	if err != nil || len(out)-body != n { // shorter where newlines stood in between
		return false
	}
	j.out = out
	return true
}

func (j *jsonScanner) stringValue(isData bool) error {
	at := j.at
	s, err := j.str()
	switch {
	case err != nil:
		return err
	case isData:
		if !j.base64(s) {
			return syntaxError(at, "data is not base64")
		}
	case isBigInteger(s):
		u, negative, _ := parseInteger(s)
		j.integer(u, negative)
	default:
		j.out = wire.AppendStr(j.out, s)
	}
	return nil
}

// str reads a string. It is valid until the next.
func (j *jsonScanner) str() ([]byte, error) {
	j.at++
	start, ascii := j.at, true
	for ; j.at < len(j.in); j.at++ {
		switch c := j.in[j.at]; {
		case c == '"':
			s := j.in[start:j.at]
			if !ascii && !utf8.Valid(s) {
				return nil, notUTF8(s, start)
			}
			j.at++
			return s, nil
		case c == '\\':
			return j.escaped(start)
		case c < 0x20:
			return nil, j.unexpected("a character of a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, j.unexpected("")
}

func notUTF8(s []byte, offset int) error {
	for i := 0; ; {
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n <= 1 {
			return syntaxError(offset+i, "the text is not UTF-8")
		}
		i += n
	}
}

// escaped reads the rest of a string that began at start and has its first escape at at.
func (j *jsonScanner) escaped(start int) ([]byte, error) {
	s := j.text[:0]
	for from := start; ; {
		if j.at >= len(j.in) {
			return nil, j.unexpected("")
		}
		c := j.in[j.at]
		if c != '"' && c != '\\' {
			if c < 0x20 {
				return nil, j.unexpected("a character of a string")
			}
			j.at++
			continue
		}
		run := j.in[from:j.at]
		if !utf8.Valid(run) {
			return nil, notUTF8(run, from)
		}
		s = append(s, run...)
		j.at++
		if c == '"' {
			j.text = s
			return s, nil
		}
		r, err := j.escape()
		if err != nil {
			return nil, err
		}
		s = utf8.AppendRune(s, r)
		from = j.at
	}
}

// escape reads what is behind a backslash.
func (j *jsonScanner) escape() (rune, error) {
	if j.at >= len(j.in) {
		return 0, j.unexpected("")
	}
	c := j.in[j.at]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return j.unicode()
	default:
		return 0, j.unexpected("an escape")
	}
	j.at++
	return rune(c), nil
}

// unicode reads an escape from its u on, or two that make one character.
func (j *jsonScanner) unicode() (rune, error) {
	at := j.at - 1
	r, err := j.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if j.at+1 < len(j.in) && j.in[j.at] == '\\' && j.in[j.at+1] == 'u' {
		j.at++
		low, err := j.hex()
		if err != nil {
			return 0, err
		}
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, syntaxError(at, "half of a surrogate pair is no character")
}

// hex reads u and four hexadecimal digits.
func (j *jsonScanner) hex() (rune, error) {
	j.at++
	var r rune
	for range 4 {
		if j.at >= len(j.in) {
			return 0, j.unexpected("")
		}
		switch c := j.in[j.at]; {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, j.unexpected("a hexadecimal digit")
		}
		j.at++
	}
	return r, nil
}

// number reads an integer as one, and as a float64 what has a point, an exponent or more
// than 64 bits.
func (j *jsonScanner) number() error {
	start := j.at
	s, integer, err := j.numeral()
	if err != nil {
		return err
	}
	if integer {
		if u, negative, ok := parseInteger(s); ok {
			j.integer(u, negative)
			return nil
		}
	}
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil {
		return syntaxError(start, "a number that does not fit 64 bits")
	}
	j.out = appendFloat(j.out, f)
	return nil
}

// numeral reads the text of a number; integer: it has neither a point nor an exponent.
func (j *jsonScanner) numeral() (s []byte, integer bool, err error) {
	start := j.at
	if j.in[j.at] == '-' {
		j.at++
	}
	if j.at < len(j.in) && j.in[j.at] == '0' {
		j.at++
	} else if err := j.digits(); err != nil {
		return nil, false, err
	}
	end := j.at
	if j.at < len(j.in) && j.in[j.at] == '.' {
		j.at++
		if err := j.digits(); err != nil {
			return nil, false, err
		}
	}
	if j.at < len(j.in) && j.in[j.at]|0x20 == 'e' {
		j.at++
		if j.at < len(j.in) && (j.in[j.at] == '-' || j.in[j.at] == '+') {
			j.at++
		}
		if err := j.digits(); err != nil {
			return nil, false, err
		}
	}
	return j.in[start:j.at], end == j.at, nil
}

// digits reads at least one.
func (j *jsonScanner) digits() error {
	start := j.at
	for j.at < len(j.in) && j.in[j.at] >= '0' && j.in[j.at] <= '9' {
		j.at++
	}
	if j.at == start {
		return j.unexpected("a digit")
	}
	return nil
}

func (j *jsonScanner) integer(u uint64, negative bool) {
	if negative {
		j.out = wire.AppendInt(j.out, int64(u))
	} else {
		j.out = wire.AppendUint(j.out, u)
	}
}

// parseInteger reads a decimal integer, as two's complement. strconv's wants a string,
// which would be an allocation per number.
func parseInteger(s []byte) (u uint64, negative, ok bool) {
	if len(s) > 0 && s[0] == '-' {
		negative, s = true, s[1:]
	}
	if len(s) == 0 {
		return 0, false, false
	}
	for _, c := range s {
		if c < '0' || c > '9' || u > (math.MaxUint64-uint64(c-'0'))/10 {
			return 0, false, false
		}
		u = u*10 + uint64(c-'0')
	}
	if !negative {
		return u, false, true
	}
	return -u, u != 0, u <= 1<<63
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(f))
}
