package drops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// A template is a text with fields in it, as "nothing listens on UDP port {dport}".
type template struct {
	text  string // as written
	parts []part // literal, field, literal, field, ...
	shell bool   // a command: values are quoted for the shell where they need it
	all   bool   // a command about the whole machine, not one network namespace
	first bool   // and one that only the first network namespace answers
}

type part struct {
	literal string
	field   *field // nil: literal only
	quoted  bool   // of a command: the field stands within quotes of the literal
}

func parseTemplate(text string, shell bool) (template, error) {
	t := template{text: text, shell: shell, all: shell && wholeMachine(text)}
	t.first = t.all && strings.HasPrefix(text, "sysctl ")
	quoted := false
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
		quoted = quoted != (strings.Count(before, "'")%2 == 1)
		t.parts = append(t.parts, part{before, f, quoted})
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
			if !terminal.Typable(t.text, dst[from:]) || p.quoted && !terminal.IsPlain(dst[from:]) {
				return dst[:start], false
			}
			if dst, ok = terminal.Word(dst, from); !ok {
				return dst[:start], false
			}
		} else {
			if i := slices.IndexFunc(dst[from:], special); i >= 0 { // a sentence that is handed on, and that others print
				dst = append(dst[:from], escape.Append(nil, dst[from:])...)
			}
		}
	}
	return dst, true
}

// special reports whether a byte may have to be escaped.
func special(c byte) bool { return c < ' ' || c >= 0x7f || c == '\\' }
