package drops

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/internal/escape"
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
			if !typable(t.text, dst[from:]) || p.quoted && !isPlain(dst[from:]) {
				return dst[:start], false
			}
			if dst, ok = quoteShell(dst, from); !ok {
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

// isPlain reports whether a shell takes value as it is, within quotes and without.
func isPlain(value []byte) bool {
	for _, c := range value {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_./:@%+,=-", c) >= 0:
		default:
			return false
		}
	}
	return len(value) > 0
}

// typable reports whether the program that command runs takes value, which is one word of
// its command line, for a name and nothing else. The shell's quoting says nothing of what
// a program makes of its words:
//
//   - nft joins them and parses the line anew (src/main.c): only what its scanner takes for a
//     string may stand there (src/scanner.l: string), since ; and { begin a command of its own,
//     and quotes are not taken for every name;
//   - sysctl writes where there is a = in a word (sysctl(8));
//   - ovs-vsctl, ovs-ofctl and ovs-appctl connect to what has a : or / (ovs-ofctl(8)).
//
// ip, tc, bridge, iw, ss and bpftool take a word as it is, unless it begins with a dash, which
// quoteShell refuses (ip-link(8), tc(8)).
func typable(command string, value []byte) bool {
	program, _, _ := strings.Cut(command, " ")
	switch {
	case program == "nft":
		return isNFTName(value)
	case program == "sysctl":
		return isPlain(value) && bytes.IndexByte(value, '=') < 0
	case strings.HasPrefix(program, "ovs-"):
		return isPlain(value) && !bytes.ContainsAny(value, ":/=,")
	}
	return true
}

// isNFTName reports whether nft can type value: a letter, _ or . and then letters, digits
// and / - _ .
func isNFTName(value []byte) bool {
	for i, c := range value {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c == '.':
		case i > 0 && ('0' <= c && c <= '9' || c == '/' || c == '-'):
		default:
			return false
		}
	}
	return len(value) > 0
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
	if isPlain(value) {
		return dst, true
	}
	quotes := 0
	for i := 0; i < len(value); {
		r, n := utf8.DecodeRune(value[i:])
		if r == utf8.RuneError && n == 1 || !escape.Printable(r) {
			return dst, false
		}
		if r == '\'' {
			quotes++
		}
		i += n
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
