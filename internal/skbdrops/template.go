package skbdrops

import (
	"fmt"
	"strings"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// A template is a text with fields in it, as "nothing listens on UDP port {dport}".
type template struct {
	text  string // as written
	parts []part // literal, field, literal, field, ...
	shell bool   // a command: values are quoted for the shell where they need it
	all   bool   // a command about the whole machine, not one network namespace
}

type part struct {
	literal string
	field   *field // nil: literal only
}

func parseTemplate(text string, shell bool) (template, error) {
	t := template{text: text, shell: shell, all: shell && wholeMachine(text)}
	for rest := text; rest != ""; {
		before, after, ok := strings.Cut(rest, "{")
		if !ok {
			t.parts = append(t.parts, part{literal: rest})
			break
		}
		name, after, ok := strings.Cut(after, "}")
		if !ok {
			return t, fmt.Errorf("a { without its }: %q", text)
		}
		f, err := parseField(name)
		if err != nil {
			return t, err
		}
		t.parts = append(t.parts, part{literal: before, field: f})
		rest = after
	}
	return t, nil
}

// append writes the text with the drop's values. Where a value is missing, it gives dst
// back as it was and false.
func (t *template) append(dst []byte, f *facts) ([]byte, bool) {
	start := len(dst)
	for i := range t.parts {
		p := &t.parts[i]
		dst = append(dst, p.literal...)
		if p.field == nil {
			continue
		}
		from := len(dst)
		var ok bool
		if dst, ok = f.appendValue(dst, p.field); !ok {
			return dst[:start], false
		}
		if t.shell {
			if dst, ok = quoteShell(dst, from); !ok {
				return dst[:start], false
			}
		} else {
			dst = append(dst[:from], escape.Blank(dst[from:])...)
		}
	}
	return dst, true
}

// quoteShell makes dst[from:] one word of a POSIX shell. A stream may come from anyone,
// and its device and chain names may hold anything: whoever pastes the command must run
// that command and no other. False: the value would be taken for an option, or has bytes
// that no name to be typed has.
func quoteShell(dst []byte, from int) ([]byte, bool) {
	value := dst[from:]
	if len(value) == 0 || value[0] == '-' {
		return dst, false
	}
	plain, quotes := true, 0
	for _, c := range value {
		switch {
		case c < ' ' || c == 0x7f:
			return dst, false
		case c == '\'':
			quotes++
			plain = false
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_./:@%+,=-", c) >= 0:
		default:
			plain = false
		}
	}
	if plain {
		return dst, true
	}
	word := append(make([]byte, 0, len(value)+2+3*quotes), '\'')
	for _, c := range value {
		if c == '\'' {
			word = append(word, `'\'`...)
		}
		word = append(word, c)
	}
	return append(append(dst[:from], word...), '\''), true
}
