package terminal

import "testing"

func TestColumns(t *testing.T) {
	for text, want := range map[string]int{
		"":                      0,
		"eth0":                  4,
		"\x1b[1;31mdrop\x1b[0m": 4,
		"é":                     1,
		"e\u0301":               1,
		"日本":                    4,
		"ｆｕｌｌ":                  8,
		"ﾊﾝ":                    2,
		"한글":                    4,
		"\u1112\u1161\u11ab":    2,
		"🚀x":                    3,
		"12.1µs …":              8,
		"\xff":                  1,
		"\x1b[3":                0,
	} {
		if got := Columns([]byte(text)); got != want {
			t.Errorf("%q: %d columns, want %d", text, got, want)
		}
	}
}
