package main

import (
	"bytes"
	"io"
	"os"

	"github.com/skb-tools/skb-tools/format"
)

// repeat writes a recorded stream with its events again and again, a microsecond apart,
// until there are so many.
func repeat(file string, events int, enc *format.Encoder) error {
	in, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var recorded []format.Raw
	var ts uint64
	for d := format.NewDecoder(bytes.NewReader(in)); ; {
		r, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		switch r.Type() {
		case format.TypeEvent:
			recorded = append(recorded, bytes.Clone(r))
			if t, ok := r.Time(); ok {
				ts = max(ts, t)
			}
		case format.TypeEnd:
		default:
			if err := enc.WriteRaw(r); err != nil {
				return err
			}
		}
	}
	var record []byte
	for i := range events {
		ts += 1000
		record = format.Splice(record[:0], recorded[i%len(recorded)], "ts", format.AppendUint(nil, ts))
		if err := enc.WriteRaw(record); err != nil {
			return err
		}
	}
	return enc.Flush()
}
