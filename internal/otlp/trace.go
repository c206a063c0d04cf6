package otlp

import (
	"encoding/hex"
	"strconv"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// maxText is how long an attribute can be, in bytes.
const maxText = 256

// A Trace is one journey: the first span is the journey itself, the others are its hops.
type Trace struct {
	ID    [16]byte
	Host  string // what the resource is
	Spans []Span
}

// A Span is a journey or a hop. Times are Unix ns.
type Span struct {
	ID         [8]byte
	Parent     [8]byte // 0: none
	Name       string
	Start, End uint64
	Attributes []Attribute
	Error      string // why it is one; "": it is none
}

// An Attribute is something known of a span: a Text of any bytes, or a Number.
type Attribute struct {
	Key    string
	Text   string
	Number uint64
	IsText bool
}

// Text makes an attribute.
func Text(key, text string) Attribute { return Attribute{Key: key, Text: text, IsText: true} }

// Number makes an attribute.
func Number(key string, n uint64) Attribute { return Attribute{Key: key, Number: n} }

// clean is text as it is sent: valid UTF-8 without what a terminal could obey, and not long.
func clean(text string) string { return escape.Short(text, maxText) }

type object = map[string]any

// request is the body of a request: an ExportTraceServiceRequest.
func request(batch []*Trace) object {
	var all []object
	for _, t := range batch {
		var spans []object
		for i := range t.Spans {
			spans = append(spans, t.Spans[i].object(t.ID))
		}
		all = append(all, object{
			"resource": object{"attributes": attributes([]Attribute{Text("service.name", "skb-track"),
				Text("host.name", t.Host)})},
			"scopeSpans": []object{{"scope": object{"name": "skb-tools"}, "spans": spans}},
		})
	}
	return object{"resourceSpans": all}
}

func (s *Span) object(trace [16]byte) object {
	o := object{
		"traceId": hex.EncodeToString(trace[:]), "spanId": hex.EncodeToString(s.ID[:]), "name": clean(s.Name),
		"kind": 1, // SPAN_KIND_INTERNAL
		// 64-bit integers are strings in this form.
		"startTimeUnixNano": strconv.FormatUint(s.Start, 10), "endTimeUnixNano": strconv.FormatUint(s.End, 10),
		"attributes": attributes(s.Attributes),
	}
	if s.Parent != [8]byte{} {
		o["parentSpanId"] = hex.EncodeToString(s.Parent[:])
	}
	if s.Error != "" {
		o["status"] = object{"code": 2, "message": clean(s.Error)} // STATUS_CODE_ERROR
	}
	return o
}

func attributes(of []Attribute) []object {
	all := []object{}
	for _, a := range of {
		v := object{"stringValue": clean(a.Text)}
		if !a.IsText {
			if a.Number > 1<<63-1 { // it has no unsigned ones
				v = object{"stringValue": strconv.FormatUint(a.Number, 10)}
			} else {
				v = object{"intValue": strconv.FormatUint(a.Number, 10)}
			}
		}
		all = append(all, object{"key": a.Key, "value": v})
	}
	return all
}
