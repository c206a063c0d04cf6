package streamtest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Whole says what keeps a stream from being whole, nil if it is. It is a reader that was
// written from FORMAT.md, and shares nothing with package format.
func Whole(stream []byte) error {
	records, err := read(stream)
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return errors.New("empty")
	}
	type sums struct {
		have, said [4]uint64
		open       bool
	}
	var recent []string // starts, the one in force first
	of := map[string]*sums{}
	for i, r := range records {
		typ, ok := r["type"].(string)
		if !ok {
			return fmt.Errorf("record %d has no type", i)
		}
		switch typ {
		case "start", "event", "link", "free", "loss", "end", "journey":
			if _, ok := r["ts"].(uint64); !ok {
				return fmt.Errorf("record %d: ts is %v", i, r["ts"])
			}
		}
		var s *sums
		if len(recent) > 0 {
			s = of[recent[0]]
		}
		switch typ {
		case "start":
			if r["version"] != uint64(1) {
				return fmt.Errorf("version %v", r["version"])
			}
			key := fmt.Sprint(r) // maps are printed in order of their keys
			for j, k := range recent {
				if k == key {
					recent = append(recent[:j:j], recent[j+1:]...)
					break
				}
			}
			recent = append([]string{key}, recent...)
			if of[key] == nil {
				of[key] = &sums{}
			}
			of[key].open = true
			continue
		case "resume":
			back, ok := r["back"].(uint64)
			if !ok || back >= uint64(len(recent)) {
				return fmt.Errorf("record %d resumes nothing", i)
			}
			k := recent[back]
			recent = append(recent[:back:back], recent[back+1:]...)
			recent = append([]string{k}, recent...)
			continue
		case "event", "link", "free", "loss", "end":
			if s == nil {
				return fmt.Errorf("record %d is before any start", i)
			}
		}
		switch typ {
		case "event":
			if _, ok := r["probe"].(string); !ok {
				return fmt.Errorf("record %d has no probe", i)
			}
			s.have[0]++
		case "link":
			s.have[1]++
		case "free":
			s.have[2]++
		case "loss":
			n, ok := r["count"].(uint64)
			if !ok {
				return fmt.Errorf("record %d has no count", i)
			}
			s.have[3] += n
		case "end":
			for j, key := range []string{"events", "links", "frees", "lost"} {
				n, ok := r[key].(uint64)
				if !ok {
					return fmt.Errorf("record %d has no %s", i, key)
				}
				s.said[j] += n
			}
			s.open = false
		}
	}
	if len(of) == 0 {
		return errors.New("no start")
	}
	for _, s := range of {
		if s.open || s.have != s.said {
			return fmt.Errorf("open: %v, counted %v, there %v", s.open, s.said, s.have)
		}
	}
	return nil
}

// read returns the records of a stream in either form. Integers from 0 on are uint64.
func read(stream []byte) (records []map[string]any, err error) {
	if text := bytes.TrimLeft(stream, " \t\r\n"); len(text) > 0 && text[0] == '{' {
		for line := range bytes.Lines(stream) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			var r map[string]any
			if err := d.Decode(&r); err != nil {
				return nil, err
			}
			for k, v := range r {
				r[k] = number(v)
			}
			records = append(records, r)
		}
		return records, nil
	}
	for len(stream) > 0 {
		if len(stream) < 4 || len(stream)-4 < int(binary.BigEndian.Uint32(stream)) {
			return nil, errors.New("cut off")
		}
		n := 4 + int(binary.BigEndian.Uint32(stream))
		v, rest, err := unpack(stream[4:n])
		r, isMap := v.(map[string]any)
		if err != nil || len(rest) > 0 || !isMap {
			return nil, errors.Join(err, fmt.Errorf("no record: %T, %d bytes left", v, len(rest)))
		}
		records, stream = append(records, r), stream[n:]
	}
	return records, nil
}

// number makes what is an integer in JSON one: a number, or a string beyond 2^53.
func number(v any) any {
	var u uint64
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(string(v), ".eE") {
			return float64(0)
		}
		if _, err := fmt.Sscan(string(v), &u); err == nil {
			return u
		}
	case string:
		if _, err := fmt.Sscanf(v, "%d", &u); err == nil && u > 1<<53 && fmt.Sprint(u) == v {
			return u
		}
	}
	return v
}

// unpack takes one msgpack value off the front of b.
func unpack(b []byte) (v any, rest []byte, err error) {
	cut := errors.New("a value is cut off")
	if len(b) == 0 {
		return nil, nil, cut
	}
	c := b[0]
	b = b[1:]
	take := func(n int) (p []byte) {
		if n < 0 || n > len(b) {
			err = cut
			return make([]byte, min(max(n, 0), 8))
		}
		p, b = b[:n], b[n:]
		return p
	}
	length := func(size int) int { // big-endian
		n := 0
		for _, x := range take(size) {
			n = n<<8 | int(x)
		}
		return n
	}
	pairs, elements := -1, -1
	switch {
	case c < 0x80:
		return uint64(c), b, nil
	case c >= 0xe0:
		return int64(int8(c)), b, nil
	case c < 0x90:
		pairs = int(c & 15)
	case c < 0xa0:
		elements = int(c & 15)
	case c < 0xc0:
		return string(take(int(c & 31))), b, err
	case c == 0xc0:
		return nil, b, nil
	case c == 0xc2 || c == 0xc3:
		return c == 0xc3, b, nil
	case c >= 0xc4 && c <= 0xc6:
		return take(length(1 << (c - 0xc4))), b, err
	case c == 0xca:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(take(4)))), b, err
	case c == 0xcb:
		return math.Float64frombits(binary.BigEndian.Uint64(take(8))), b, err
	case c >= 0xcc && c <= 0xcf:
		u := uint64(0)
		for _, x := range take(1 << (c - 0xcc)) {
			u = u<<8 | uint64(x)
		}
		return u, b, err
	case c >= 0xd0 && c <= 0xd3:
		p := take(1 << (c - 0xd0))
		n := int64(int8(p[0]))
		for _, x := range p[1:] {
			n = n<<8 | int64(x)
		}
		if n >= 0 {
			return uint64(n), b, err
		}
		return n, b, err
	case c >= 0xd9 && c <= 0xdb:
		return string(take(length(1 << (c - 0xd9)))), b, err
	case c == 0xdc || c == 0xdd:
		elements = length(2 << (c - 0xdc))
	case c == 0xde || c == 0xdf:
		pairs = length(2 << (c - 0xde))
	case c >= 0xd4 && c <= 0xd8: // extension types are passed on
		return take(1 + 1<<(c-0xd4)), b, err
	case c >= 0xc7 && c <= 0xc9:
		return take(1 + length(1<<(c-0xc7))), b, err
	default:
		return nil, nil, errors.New("0xc1 is no msgpack")
	}
	if err != nil || max(pairs, elements) > len(b) {
		return nil, nil, cut
	}
	m := map[string]any{}
	var list []any
	for range max(pairs, elements) {
		var key, x any
		if pairs >= 0 {
			if key, b, err = unpack(b); err != nil {
				return nil, nil, err
			}
			if _, ok := key.(string); !ok {
				return nil, nil, errors.New("a key is no string")
			}
		}
		if x, b, err = unpack(b); err != nil {
			return nil, nil, err
		}
		if pairs >= 0 {
			if _, twice := m[key.(string)]; !twice {
				m[key.(string)] = x
			}
		} else {
			list = append(list, x)
		}
	}
	if pairs >= 0 {
		return m, b, nil
	}
	return list, b, nil
}
