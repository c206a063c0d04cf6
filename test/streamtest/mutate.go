// Package streamtest makes streams that are damaged, and reads streams by FORMAT.md alone,
// to test what the programs make of them.
package streamtest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Frames parts a stream into its frames, each with its length in front.
func Frames(stream []byte) (frames [][]byte) {
	for len(stream) >= 4 {
		n := 4 + int(binary.BigEndian.Uint32(stream))
		if n > len(stream) {
			break
		}
		frames, stream = append(frames, stream[:n]), stream[n:]
	}
	return frames
}

// Lines parts JSON lines, each with its end.
func Lines(stream []byte) [][]byte {
	return bytes.SplitAfter(bytes.TrimSuffix(stream, []byte("\n")), []byte("\n"))
}

// Mutate returns one of the ways to damage a stream, chosen by r: the records, of which
// other has more, are cut, dropped, repeated, moved, or changed within. The same r gives
// the same.
func Mutate(r *rand.Rand, records, other [][]byte) []byte {
	m := slices.Clone(records)
	at := r.IntN(len(m))
	switch r.IntN(17) {
	case 0: // cut anywhere
		all := bytes.Join(m, nil)
		return all[:r.IntN(len(all))]
	case 1: // cut at a record
		m = m[:at]
	case 2: // begins late
		m = m[at:]
	case 3:
		m = slices.Delete(m, at, at+1)
	case 4:
		m = slices.Delete(m, at, min(len(m), at+1+r.IntN(5)))
	case 5:
		m = slices.Insert(m, at, m[r.IntN(len(m))])
	case 6:
		m = slices.Insert(m, at, other[r.IntN(len(other))])
	case 7:
		to := r.IntN(len(m))
		m[at], m[to] = m[to], m[at]
	case 8: // cut and joined with another
		m = append(m[:at], other...)
	case 9:
		m = append(m, other[:r.IntN(len(other))]...)
	case 10: // a byte is another
		changed := bytes.Clone(m[at])
		changed[r.IntN(len(changed))] = byte(r.Uint32())
		m[at] = changed
	case 11: // bytes are missing
		all := bytes.Join(m, nil)
		from := r.IntN(len(all))
		return slices.Delete(bytes.Clone(all), from, min(len(all), from+1+r.IntN(40)))
	case 12: // bytes too many
		all := bytes.Join(m, nil)
		return slices.Insert(bytes.Clone(all), r.IntN(len(all)), bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(9))...)
	case 13: // a number of an end, a loss or a start is another
		last := bytes.Clone(m[len(m)-1])
		last[len(last)-1-r.IntN(min(len(last)-1, 60))] ^= 1 << r.IntN(8)
		m[len(m)-1] = last
	case 14: // a key or a word is another
		words := [...]string{"type", "ts", "event", "end", "start", "version", "probe", "events", "links", "frees", "lost",
			"link", "free", "count", "cause",
			"cpu", "addr", "head", "len", "data", "at", "name", "ifindex", "inum", "pid", "tgid", "comm", "from", "how", "last",
			"since", "what", "host", "cmdline", "change", "seen", "keys", "gone", "firewall",
			"counters", "grew", "took", "netns"}
		word := words[r.IntN(len(words))]
		for i := range m {
			if j := (at + i) % len(m); bytes.Contains(m[j], []byte(word)) {
				changed := []byte(word)
				changed[r.IntN(len(changed))] ^= 3
				m[j] = bytes.Replace(m[j], []byte(word), changed, 1)
				break
			}
		}
	case 16: // a key stands twice in a map, or another one's value has its name
		pairs := [...][2]string{{"addr", "head"}, {"name", "type"}, {"links", "frees"}, {"what", "type"}, {"host", "arch"},
			{"ts", "at"}, {"len", "cpu"}, {"data", "from"}}
		pair := pairs[r.IntN(len(pairs))]
		m[at] = bytes.Replace(m[at], []byte(pair[0]), []byte(pair[1]), 1)
	case 15: // a digit is another, or a point
		changed := bytes.Clone(m[at])
		for i := range changed {
			if j := (i + r.IntN(len(changed))) % len(changed); '0' <= changed[j] && changed[j] <= '9' {
				changed[j] = (strconv.Itoa(r.IntN(10)) + ".-e")[r.IntN(4)]
				break
			}
		}
		m[at] = changed
	}
	return bytes.Join(m, nil)
}
