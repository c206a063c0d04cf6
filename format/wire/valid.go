package wire

import "fmt"

// A SyntaxError is input that is no stream, at a byte offset from its start.
type SyntaxError struct {
	Offset int64
	Err    error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err) }

// Unwrap returns what is wrong there.
func (e *SyntaxError) Unwrap() error { return e.Err }

// MaxDepth is how deep maps and arrays may be nested.
const MaxDepth = 32

// Valid checks that b is one whole, well-formed map, that all keys in it are strings, and that
// none stands twice in a map. An error is a *SyntaxError with the offset within b.
func Valid(b []byte) error {
	if Value(b).Kind() != Map {
		return syntaxError(0, "a record is a map, this is none")
	}
	n, err := check(b, 0, MaxDepth)
	if err != nil {
		return err
	}
	if n != len(b) {
		return syntaxError(n, "%d bytes too many behind the record", len(b)-n)
	}
	return nil
}

func syntaxError(offset int, format string, args ...any) error {
	return &SyntaxError{int64(offset), fmt.Errorf(format, args...)}
}

// check walks the value at r[at:] and returns where it ends.
func check(r []byte, at, depth int) (int, error) {
	n, content, values := Head(r[at:])
	switch {
	case n == 0 && at < len(r) && r[at] == 0xc1:
		return 0, syntaxError(at, "0xc1 is no msgpack")
	case n == 0 || content > len(r)-at-n || values > len(r)-at-n:
		return 0, syntaxError(at, "a value is cut off")
	case values > 0 && depth == 0:
		return 0, syntaxError(at, "nested more than %d deep", MaxDepth)
	case values == 0:
		return at + n + content, nil
	case Value(r[at:]).Kind() == Map:
		return checkMap(r, at, n, values/2, depth)
	}
	at += n
	for range values {
		// Most values tell their length by their first byte; this step more than halves BenchmarkValid.
		if at < len(r) {
			if size := int(fixed[r[at]]); size != 0 && size <= len(r)-at {
				at += size
				continue
			}
		}
		var err error
		if at, err = check(r, at, depth-1); err != nil {
			return 0, err
		}
	}
	return at, nil
}

// checkMap is check for a map, whose head has n bytes.
func checkMap(r []byte, from, n, pairs, depth int) (int, error) {
	var keys KeySet
	at := from + n
	for range pairs {
		key := at
		size := 0
		if at < len(r) {
			if Value(r[at:]).Kind() != Str {
				return 0, syntaxError(at, "a key is not a string")
			}
			size = int(fixed[r[at]])
		}
		if size != 0 && size <= len(r)-at {
			at += size
		} else {
			var err error
			if at, err = check(r, at, depth-1); err != nil {
				return 0, err
			}
		}
		if pairs <= FewKeys && keys.Add(r, key) {
			return 0, ErrTwice(key, r, key)
		}
		if at < len(r) {
			if size := int(fixed[r[at]]); size != 0 && size <= len(r)-at {
				at += size
				continue
			}
		}
		var err error
		if at, err = check(r, at, depth-1); err != nil {
			return 0, err
		}
	}
	if pairs > FewKeys {
		if key := Twice(r, from); key >= 0 {
			return 0, ErrTwice(key, r, key)
		}
	}
	return at, nil
}
