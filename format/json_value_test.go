package format

import "testing"

// TestAppendJSONValue: the integers of a summary are as those of a record, whatever stands around them.
func TestAppendJSONValue(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{map[string]any{"a": uint64(1) << 53, "b": uint64(1)<<53 + 1, "c": int64(-1) << 62, "d": ^uint64(0)},
			`{"a":9007199254740992,"b":"9007199254740993","c":"-4611686018427387904","d":"18446744073709551615"}`},
		{[]any{1795249450494789029, 0.1234567890123456789, 1e300, true, nil, false}, `["1795249450494789029",0.12345678901234568,1e+300,true,null,false]`},
		{map[string]any{"9007199254740993": `9007199254740993 "9007199254740993\`}, `{"9007199254740993":"9007199254740993 \"9007199254740993\\"}`},
		{"<&>\x7f\u202e", `"<&>\u007f\u202e"`},
		{uint64(1795249450494789029), `"1795249450494789029"`},
	} {
		got, err := AppendJSONValue([]byte("before "), c.v)
		if err != nil || string(got) != "before "+c.want+"\n" {
			t.Errorf("%v became %s, %v; want %s", c.v, got, err, c.want)
		}
	}
	if _, err := AppendJSONValue(nil, make(chan int)); err == nil {
		t.Error("a channel has a form")
	}
}
