package format

import (
	"bytes"
	"encoding/json"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// AppendJSONValue appends v, which is no record, as one line of JSON with a newline: as encoding/json writes it, but
// what a terminal would obey is escaped and an integer beyond 2^53 is a string, as in the JSON of records.
func AppendJSONValue(dst []byte, v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return dst, err
	}
	return escape.JSON(dst, quoteBig(nil, b.Bytes())), nil
}

// quoteBig appends text, which is JSON, with the integers beyond 2^53 between quotes. No escape in a string is changed.
func quoteBig(dst, text []byte) []byte {
	inString := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if isNumeral(c) && !inString {
			end := i
			for end < len(text) && isNumeral(text[end]) {
				end++
			}
			if isBigInteger(text[i:end]) {
				dst = append(append(append(dst, '"'), text[i:end]...), '"')
			} else {
				dst = append(dst, text[i:end]...)
			}
			i = end - 1
			continue
		}
		dst = append(dst, c)
		switch {
		case c == '"':
			inString = !inString
		case c == '\\' && inString:
			i++
			dst = append(dst, text[i])
		}
	}
	return dst
}

// isNumeral tells whether c is part of a number in JSON. The e of an exponent is in words as well, which have no
// digits.
func isNumeral(c byte) bool {
	return c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'
}
