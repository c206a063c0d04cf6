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

// tokens splits C into tokens, without comments and preprocessor lines. Of the branches of an
// #if, all are kept; where one opens a brace that it does not close, only the first is, so
// that the braces of the whole file stay balanced.
func tokens(text string) []token {
	var all []token
	type region struct {
		from, depth int // of the branch: its first token, the braces before it
		uneven      bool
		first       int // the end of the first branch; 0: this is still it
	}
	var regions []region
	depth, line, startOfLine := 0, 1, true
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '\n':
			line++
			i++
			startOfLine = true
		case c == ' ' || c == '\t' || c == '\r' || c == '\f':
			i++
		case strings.HasPrefix(text[i:], "//"):
			i += lineEnd(text[i:])
		case strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i+2:], "*/")
			if end < 0 {
				return all
			}
			line += strings.Count(text[i:i+2+end], "\n")
			i += 2 + end + 2
		case c == '#' && startOfLine:
			directive := strings.TrimLeft(text[i+1:], " \t")
			switch {
			case strings.HasPrefix(directive, "if"):
				regions = append(regions, region{from: len(all), depth: depth})
			case strings.HasPrefix(directive, "el") && len(regions) > 0:
				r := &regions[len(regions)-1]
				r.uneven = r.uneven || depth != r.depth
				if r.first == 0 {
					r.first = len(all)
				}
				if r.uneven {
					// Another way to write the same: the first is enough.
					all = all[:max(r.first, r.from)]
					r.from = len(all)
				} else {
					r.from = len(all)
				}
				if !r.uneven {
					r.depth = depth
				}
			case strings.HasPrefix(directive, "endif") && len(regions) > 0:
				r := regions[len(regions)-1]
				regions = regions[:len(regions)-1]
				if r.uneven && r.first > 0 {
					all = all[:r.first]
					depth = 0
					for _, t := range all {
						depth += brace(t.text)
					}
				}
			}
			for i < len(text) && text[i] != '\n' {
				if text[i] == '\\' && i+1 < len(text) && text[i+1] == '\n' {
					line++
					i++
				}
				i++
			}
		case c == '"' || c == '\'':
			end := i + 1
			for end < len(text) && text[end] != c && text[end] != '\n' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			all = append(all, token{string(c) + string(c), line})
			i, startOfLine = min(end+1, len(text)), false
		case isWord(c):
			end := i
			for end < len(text) && isWord(text[end]) {
				end++
			}
			all = append(all, token{text[i:end], line})
			i, startOfLine = end, false
		default:
			all = append(all, token{text[i : i+1], line})
			depth += brace(text[i : i+1])
			i, startOfLine = i+1, false
		}
	}
	return all
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
