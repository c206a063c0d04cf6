package main

import (
	"bytes"
	"io"
	"os"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// repeat writes a recorded stream with its events again and again, a microsecond apart,
// until there are so many.
func repeat(file string, events int, enc *format.Encoder) error {
	in, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var recorded []format.Raw
	var held format.Held
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
			if err := enc.WriteRaw(held.Gives(r)); err != nil {
				return err
			}
		}
	}
	var record []byte
	for i := range events {
		ts += 1000
		record = wire.Splice(record[:0], recorded[i%len(recorded)], "ts", wire.AppendUint(nil, ts))
		if err := enc.WriteRaw(held.Gives(record)); err != nil {
			return err
		}
	}
	end := format.End{TS: ts, Cause: "count"}
	if err := enc.WriteRaw(held.Gives(end.AppendMsgpack(nil))); err != nil {
		return err
	}
	return enc.Flush()
}
