package main

type kind int

const (
	plain  kind = iota // an expression, a declaration, return, goto, break
	block              // { list }
	branch             // if, with list[0] and perhaps list[1] for else
	loop               // for, while, do, switch and macros like list_for_each_entry
	label
	caseOf
)

// A statement of C.
type statement struct {
	kind   kind
	line   int
	name   string  // of a label; "switch"
	tokens []token // of the expression or condition
	list   []*statement
}

type parser struct {
	ts []token
	i  int
}

func (p *parser) peek(n int) string {
	if p.i+n < len(p.ts) {
		return p.ts[p.i+n].text
	}
	return ""
}

// list parses statements up to the end.
func (p *parser) list() []*statement {
	var all []*statement
	for p.i < len(p.ts) {
		if p.peek(0) == ";" || p.peek(0) == "}" {
			p.i++
			continue
		}
		all = append(all, p.statement())
	}
	return all
}

// parenthesis takes "( ... )" and gives what is in it.
func (p *parser) parenthesis() []token {
	if p.peek(0) != "(" {
		return nil
	}
	end := closing(p.ts, p.i)
	in := p.ts[p.i+1 : max(end, p.i+1)]
	p.i = end + 1
	return in
}

var foreachEnds = map[string]bool{"{": true, "if": true, "for": true, "while": true, "switch": true, "return": true,
	"goto": true}

func (p *parser) statement() *statement {
	if p.i >= len(p.ts) {
		return &statement{}
	}
	t := p.ts[p.i]
	s := &statement{line: t.line}
	switch t.text {
	case ";":
		p.i++
		return s
	case "{":
		end := closing(p.ts, p.i)
		inner := parser{ts: p.ts[p.i+1 : max(end, p.i+1)]}
		s.kind, s.list = block, inner.list()
		p.i = end + 1
		return s
	case "if":
		p.i++
		s.kind, s.tokens = branch, p.parenthesis()
		s.list = []*statement{p.statement()}
		if p.peek(0) == "else" {
			p.i++
			s.list = append(s.list, p.statement())
		}
		return s
	case "for", "while", "switch":
		p.i++
		s.kind, s.name, s.tokens = loop, t.text, p.parenthesis()
		s.list = []*statement{p.statement()}
		return s
	case "do":
		p.i++
		s.kind, s.name = loop, t.text
		s.list = []*statement{p.statement()}
		if p.peek(0) == "while" {
			p.i++
			s.tokens = p.parenthesis()
		}
		return s
	case "case", "default":
		for p.i++; p.i < len(p.ts) && p.peek(0) != ":"; p.i++ {
			s.tokens = append(s.tokens, p.ts[p.i])
		}
		p.i++
		s.kind, s.name = caseOf, t.text
		return s
	}
	switch {
	case t.isName() && p.peek(1) == ":" && p.peek(2) != ":":
		s.kind, s.name = label, t.text
		p.i += 2
	case t.isName() && p.peek(1) == "(" && p.hasBody(closing(p.ts, p.i+1)):
		// A macro such as list_for_each_entry(...) with a body.
		p.i++
		s.kind, s.name, s.tokens = loop, t.text, p.parenthesis()
		s.list = []*statement{p.statement()}
	default:
		s.tokens = p.simple()
	}
	return s
}

// hasBody says that a statement stands behind what looks like a call, and ends at a token.
func (p *parser) hasBody(end int) bool {
	if end+1 >= len(p.ts) {
		return false
	}
	next := p.ts[end+1]
	return foreachEnds[next.text] || next.isName() && next.line > p.ts[end].line && isForeach(p.ts[p.i].text)
}

// simple takes what is up to a semicolon.
func (p *parser) simple() []token {
	from := p.i
	for p.i < len(p.ts) && p.ts[p.i].text != ";" {
		switch p.ts[p.i].text {
		case "(", "{", "[":
			p.i = closing(p.ts, p.i)
		}
		p.i++
	}
	ts := p.ts[from:min(p.i, len(p.ts))]
	p.i++
	return ts
}

func isForeach(name string) bool {
	for i := 0; i+7 <= len(name); i++ {
		if name[i:i+7] == "for_eac" {
			return true
		}
	}
	return false
}

// ends says that no statement after it in its list is reached from it.
func (s *statement) ends() bool {
	switch s.kind {
	case plain:
		if len(s.tokens) == 0 {
			return false
		}
		switch s.tokens[0].text {
		case "return", "goto", "break", "continue":
			return true
		}
	case block:
		if len(s.list) == 0 {
			return false
		}
		last := s.list[len(s.list)-1]
		return last.kind != label && last.kind != caseOf && last.ends()
	case branch:
		return len(s.list) == 2 && s.list[0].ends() && s.list[1].ends()
	}
	return false
}
