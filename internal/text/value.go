package text

import (
	"encoding/base64"
	"strconv"

	"github.com/skb-tools/skb-tools/format/wire"
)

// appendValue adds a value as it stands behind key=: numbers, true and false
// as they are, a string bare where that is unmistakable and else in double
// quotes, the rest as JSON (bytes in base64). Nothing in it is left raw.
func appendValue(dst []byte, v wire.Value) []byte {
	if n, ok := v.Uint(); ok {
		return appendNum(dst, n)
	}
	if s, ok := v.Str(); ok {
		return appendString(dst, s)
	}
	return appendJSON(dst, v, 0)
}

// appendString adds a string as appendValue does.
func appendString(dst, s []byte) []byte {
	if bare(s) {
		return append(dst, s...)
	}
	return appendQuoted(dst, s)
}

// bare says whether s can stand without quotes: no blanks, and no look of
// something else.
func bare(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '=' {
			return false
		}
	}
	return len(s) > 0 && s[0] != '{' && s[0] != '['
}

// maxJSONDepth is deeper than any record's own values.
const maxJSONDepth = 64

// appendJSON adds v for reading. It is not the stream's JSON form: that one is
// made to be read back, and leaves characters raw that a terminal obeys.
func appendJSON(dst []byte, v wire.Value, depth int) []byte {
	if depth > maxJSONDepth {
		return append(dst, "..."...)
	}
	start := len(dst)
	switch v.Kind() {
	case wire.Int:
		if n, ok := v.Uint(); ok {
			return strconv.AppendUint(dst, n, 10)
		}
		n, _ := v.Int()
		return strconv.AppendInt(dst, n, 10)
	case wire.Float:
		f, _ := v.Float()
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	case wire.Bool:
		b, _ := v.Bool()
		return strconv.AppendBool(dst, b)
	case wire.Str:
		s, _ := v.Str()
		return appendQuoted(dst, s)
	case wire.Bin:
		b, _ := v.Bin()
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
	case wire.Map:
		dst = append(dst, '{')
		v.Each(func(key []byte, v wire.Value) bool {
			dst = append(appendQuoted(dst, key), ':')
			dst = append(appendJSON(dst, v, depth+1), ',')
			return true
		})
		return closeJSON(dst, start, '}')
	case wire.Array:
		dst = append(dst, '[')
		v.Elems(func(v wire.Value) bool {
			dst = append(appendJSON(dst, v, depth+1), ',')
			return true
		})
		return closeJSON(dst, start, ']')
	}
	return append(dst, "null"...)
}

// closeJSON puts the bracket in the place of the last comma.
func closeJSON(dst []byte, start int, bracket byte) []byte {
	if len(dst) > start+1 {
		dst = dst[:len(dst)-1]
	}
	return append(dst, bracket)
}

func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for len(s) > 0 {
		i := 0
		for i < len(s) && s[i] != '"' {
			i++
		}
		dst = appendEscaped(dst, s[:i])
		if i < len(s) {
			dst = append(dst, `\"`...)
			i++
		}
		s = s[i:]
	}
	return append(dst, '"')
}

// appendMore says how many entries of a list were left out; nothing if n is 0 or less.
func appendMore(dst []byte, n int) []byte {
	if n <= 0 {
		return dst
	}
	return append(strconv.AppendInt(append(dst, " and "...), int64(n), 10), " more"...)
}

// elements calls f for each element of an array, and never for what is none.
func elements(v wire.Value, f func(i int, v wire.Value)) {
	if v.Kind() != wire.Array {
		return
	}
	i := 0
	v.Elems(func(v wire.Value) bool {
		f(i, v)
		i++
		return true
	})
}
