package stamp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/text"
)

// Key is that of the section which each line has.
const Key = "fleet"

// A stamper writes the lines.
type stamper struct {
	w       io.Writer
	name    string // of the stream
	bare    bool   // lines have no key in front
	buf     []byte
	decoded *text.Decoded
	origins map[string]*origin // by who
	starts  format.Starts[*origin]
	now     *origin // whose records come
}

// An origin is a start of skb-collect, of which the lines are numbered.
type origin struct {
	key    string // in front of each line: the host as JSON has it, without its quotes, and a tab
	who    string // `,"fleet":{"host":...,"seq":`
	offset int64  // ns to add to a ts for the time since 1970
	last   uint64 // ts of its last record that has one, ns
	seq    uint64 // of its last line
}

// Write writes the line of a record. A resume has none: it is about the order of the records of several hosts, and each
// line says whose it is.
func (s *stamper) Write(r format.Raw) error {
	switch r.Type() {
	case format.TypeStart:
		if err := s.start(r); err != nil {
			return err
		}
	case format.TypeResume:
		s.now, _ = s.starts.Resume(r)
		s.decoded.Append(nil, r)
		return nil
	}
	o := s.now
	if o == nil {
		return errors.New("no start before this record says which host it is of")
	}
	if ts, ok := r.Time(); ok {
		o.last = ts
	}
	o.seq++
	if !s.bare {
		s.buf = append(s.buf, o.key...)
	}
	// AppendJSON writes into an empty slice of this one's room, so that what is before stays.
	line, err := format.AppendJSON(s.buf, r)
	if err != nil {
		return err
	}
	line = append(line[:len(line)-1], o.who...)
	line = strconv.AppendUint(line, o.seq, 10)
	line = append(line, `,"time":"`...)
	line = strconv.AppendInt(line, int64(o.last)+o.offset, 10)
	line = append(line, `"}}`...)
	s.buf = append(s.decoded.Append(line, r), '\n')
	if len(s.buf) >= 64<<10 {
		return s.Flush()
	}
	return nil
}

// start puts the start r in force.
func (s *stamper) start(r format.Raw) error {
	if len(r.Get(Key)) > 0 {
		return errors.New("this stream has been through skb-stamp already: send its lines as they are")
	}
	var start format.Start
	if err := start.Decode(r); err != nil {
		return err
	}
	host, err := json.Marshal(start.Host)
	if err != nil {
		return err
	}
	boot, err := json.Marshal(start.BootID)
	if err != nil {
		return err
	}
	who := fmt.Sprintf(`,"%s":{"host":%s,"boot":%s,"stream":"%s-%d","seq":`, Key, host, boot, s.name, start.TS)
	o := s.origins[who]
	if o == nil {
		if len(s.origins) == format.MaxStarts {
			return fmt.Errorf("more than %d starts: send the streams one by one", format.MaxStarts)
		}
		o = &origin{key: string(host[1:len(host)-1]) + "\t", who: who, offset: start.ClockOffset}
		s.origins[who] = o
	}
	o.last = start.TS
	s.starts.Set(r, o)
	s.now = o
	return nil
}

// Flush writes the lines that there are.
func (s *stamper) Flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}
