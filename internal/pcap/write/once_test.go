package write

import (
	"bytes"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// With --once last, the buffer's last free lets go of its event, and so does the journey.
func TestOnceReleased(t *testing.T) {
	e := &format.Event{TS: 1, Probe: "ip_rcv", Packet: format.Packet{Len: 60, At: "network"}}
	e.Skb.Set(format.SkbID, 9)
	tracked := format.Track{Packet: 4}
	for name, c := range map[string]struct {
		event format.Appender
		end   format.Appender
		gone  bool
	}{
		"free":          {e, &format.Free{How: "consumed", Skb: format.Buffer{ID: 9}, Last: true}, true},
		"another free":  {e, &format.Free{How: "consumed", Skb: format.Buffer{ID: 8}, Last: true}, false},
		"not the last":  {e, &format.Free{How: "consumed", Skb: format.Buffer{ID: 9}}, false},
		"journey":       {record(wire.Splice(nil, e.AppendMsgpack(nil), "track", tracked.AppendMsgpack(nil))), &format.Journey{Packet: 4, End: format.JourneyEnd{How: "lost"}}, true},
		"other journey": {record(wire.Splice(nil, e.AppendMsgpack(nil), "track", tracked.AppendMsgpack(nil))), &format.Journey{Packet: 5, End: format.JourneyEnd{How: "lost"}}, false},
	} {
		w, err := newWriter(&Options{Once: "last"})
		if err != nil {
			t.Fatal(err)
		}
		w.out = &Output{Writer: &bytes.Buffer{}}
		for _, r := range []format.Appender{&format.Start{Host: "h"}, c.event, c.end} {
			raw := format.Raw(r.AppendMsgpack(nil))
			if err := w.finder.Find(raw); err != nil {
				t.Fatal(err)
			}
			if err := w.record(raw); err != nil {
				t.Fatal(err)
			}
		}
		if gone := w.lasts.order.Len() == 0; gone != c.gone {
			t.Errorf("%s: let go %v, want %v", name, gone, c.gone)
		}
		if said := bytes.Contains(w.buf, []byte("journey.end=lost")); said != (name == "journey") {
			t.Errorf("%s: the journey's end is said: %v", name, said)
		}
	}
}

// A record is one as it is.
type record format.Raw

func (r record) AppendMsgpack(dst []byte) []byte { return append(dst, r...) }
