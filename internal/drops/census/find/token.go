package main

import "strings"

// A token of C: an identifier, a number, a string (its quotes alone) or one character of
// punctuation.
type token struct {
	text string
	line int
}

func (t token) isName() bool {
	return t.text != "" && (t.text[0] == '_' || t.text[0]|0x20 >= 'a' && t.text[0]|0x20 <= 'z')
}

// A lexer splits C into tokens.
type lexer struct {
	text        string
	i           int // where it is in text
	line        int
	startOfLine bool
	all         []token
	depth       int // braces
	regions     []region
}

// A region is an #if, up to its #endif.
type region struct {
	from, depth int // of the branch: its first token, the braces before it
	uneven      bool
	first       int // the end of the first branch; 0: this is still it
}

// tokens splits C into tokens, without comments and preprocessor lines. Of the branches of an
// #if, all are kept; where one opens a brace that it does not close, only the first is, so
// that the braces of the whole file stay balanced.
func tokens(text string) []token {
	l := lexer{text: text, line: 1, startOfLine: true}
	for l.i < len(text) && l.next() {
	}
	return l.all
}

// next takes what comes next; false: it is a comment without an end.
func (l *lexer) next() bool {
	rest := l.text[l.i:]
	switch c := rest[0]; {
	case c == '\n':
		l.line++
		l.i++
		l.startOfLine = true
	case c == ' ' || c == '\t' || c == '\r' || c == '\f':
		l.i++
	case strings.HasPrefix(rest, "//"):
		l.i += lineEnd(rest)
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			return false
		}
		l.line += strings.Count(rest[:2+end], "\n")
		l.i += 2 + end + 2
	case c == '#' && l.startOfLine:
		l.directive(strings.TrimLeft(rest[1:], " \t"))
		l.skipLine()
	case c == '"' || c == '\'':
		end := 1
		for end < len(rest) && rest[end] != c && rest[end] != '\n' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		l.add(string(c)+string(c), end+1)
	case isWord(c):
		end := 0
		for end < len(rest) && isWord(rest[end]) {
			end++
		}
		l.add(rest[:end], end)
	default:
		l.add(rest[:1], 1)
		l.depth += brace(rest[:1])
	}
	return true
}

// add takes a token of n bytes.
func (l *lexer) add(text string, n int) {
	l.all = append(l.all, token{text, l.line})
	l.i, l.startOfLine = min(l.i+n, len(l.text)), false
}

// skipLine goes to the end of a line, or of several of which each ends with a backslash.
func (l *lexer) skipLine() {
	for ; l.i < len(l.text) && l.text[l.i] != '\n'; l.i++ {
		if l.text[l.i] == '\\' && l.i+1 < len(l.text) && l.text[l.i+1] == '\n' {
			l.line++
			l.i++
		}
	}
}

// directive does what a preprocessor line says of the tokens around it.
func (l *lexer) directive(word string) {
	if strings.HasPrefix(word, "if") {
		l.regions = append(l.regions, region{from: len(l.all), depth: l.depth})
		return
	}
	if len(l.regions) == 0 {
		return
	}
	r := &l.regions[len(l.regions)-1]
	switch {
	case strings.HasPrefix(word, "el"):
		r.uneven = r.uneven || l.depth != r.depth
		if r.first == 0 {
			r.first = len(l.all)
		}
		if r.uneven { // another way to write the same: the first is enough
			l.all = l.all[:max(r.first, r.from)]
		} else {
			r.depth = l.depth
		}
		r.from = len(l.all)
	case strings.HasPrefix(word, "endif"):
		if r.uneven && r.first > 0 {
			l.all = l.all[:r.first]
			l.depth = 0
			for _, t := range l.all {
				l.depth += brace(t.text)
			}
		}
		l.regions = l.regions[:len(l.regions)-1]
	}
}

func brace(s string) int {
	switch s {
	case "{":
		return 1
	case "}":
		return -1
	}
	return 0
}

func lineEnd(s string) int {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return i
	}
	return len(s)
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// closing gives the index of the bracket that closes the one at i.
func closing(ts []token, i int) int {
	depth := 0
	for ; i < len(ts); i++ {
		switch ts[i].text {
		case "(", "{", "[":
			depth++
		case ")", "}", "]":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(ts) - 1
}

// text writes tokens in one form, whatever their spaces were.
func text(ts []token) string {
	var b strings.Builder
	for i, t := range ts {
		if i > 0 && isWord(t.text[0]) && isWord(ts[i-1].text[len(ts[i-1].text)-1]) {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	return b.String()
}
