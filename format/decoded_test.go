package format

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format/wire"
)

// TestDecodedIgnored: whatever a line has under `decoded` is no part of the record, and only at its top.
func TestDecodedIgnored(t *testing.T) {
	const event = `{"type":"event","ts":1,"probe":"x"}`
	want, err := FromJSON(nil, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{
		`{"src":"10.0.0.1","dport":53,"tunnel":[{"kind":"vxlan"}]}`, `null`, `"text"`, `1e999`, `-0.5`, `true`, `[]`, `{}`, `[[1,{"a":[]}]]`,
		`{"data":"no base64"}`, `{"a":1,"a":2}`, `{"$bin":1,"x":2}`, `"9007199254740993"`,
	} {
		for _, line := range []string{
			strings.Replace(event, `,"ts"`, `,"decoded":`+value+`,"ts"`, 1),
			event[:len(event)-1] + `,"decoded":` + value + `}`,
			`{"decoded":` + value + `,` + event[1:],
			`{"decoded":` + value + `,` + event[1:len(event)-1] + ` , "decoded" : ` + value + ` }`,
		} {
			if got, err := FromJSON(nil, []byte(line)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s became %q, %v", line, got, err)
			}
		}
	}
	for _, bad := range []string{`{`, `[1 2]`, `{"a"}`, `{1:2}`, `01`, `tru`, `"\ud800"`, `"` + "\x01" + `"`, ``, `[1,]`, `{"a":1,}`, `1.`, `[}`,
		strings.Repeat("[", 40) + strings.Repeat("]", 40)} {
		var syntax *SyntaxError
		if _, err := FromJSON(nil, []byte(`{"type":"event","decoded":`+bad+`}`)); !errors.As(err, &syntax) {
			t.Errorf("decoded: %s: %v", bad, err)
		}
	}
	inner := `{"type":"event","args":{"decoded":7}}`
	if r, err := FromJSON(nil, []byte(inner)); err != nil || len(r.Get("args", "decoded")) == 0 {
		t.Errorf("%s: %v, %q: the key of a section is the kernel's", inner, err, r)
	}
}

// TestDecodedReserved: a record with a key of that name has no form in JSON, rather than losing it there.
func TestDecodedReserved(t *testing.T) {
	own := Raw(wire.Splice(nil, example().AppendMsgpack(nil), Decoded, wire.Value{1}))
	if Valid(own) != nil {
		t.Fatal("it is a record")
	}
	_, err := AppendJSON(nil, own)
	check := ValidJSON(own)
	var a, b *SyntaxError
	if !errors.As(err, &a) || !errors.As(check, &b) || a.Offset != b.Offset || string(own[a.Offset+1:a.Offset+8]) != Decoded {
		t.Errorf("%v, %v", err, check)
	}
	inner := Raw(wire.Splice(nil, example().AppendMsgpack(nil), "args", append(wire.AppendStr(wire.AppendMap(nil, 1), Decoded), 1)))
	line, err := AppendJSON(nil, inner)
	if err != nil || ValidJSON(inner) != nil {
		t.Fatal(err)
	}
	if back, err := FromJSON(nil, line); err != nil || !bytes.Equal(back, inner) {
		t.Errorf("%s: %v", line, err)
	}
}
