//go:build linux && (amd64 || arm64)

package filter

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"
)

// A node of an expression.
type node interface{}

type (
	constant struct { // a number or an enum's constant
		value uint64
		typ   integer
	}
	str   struct{ s string }
	ident struct{ name string } // skb, current or an argument
	unary struct {
		op string // - ~ ! + * &
		x  node
	}
	binary struct {
		op   string
		x, y node
	}
	ternary struct{ cond, yes, no node }
	cast    struct {
		to btf.Type
		x  node
	}
	field struct {
		x     node
		name  string
		arrow bool
	}
	index struct{ x, i node }
	call  struct {
		function string
		x        node
	}
)

// The binary operators of C by how strongly they bind, weakest first.
var precedence = [][]string{
	{"||"}, {"&&"}, {"|"}, {"^"}, {"&"}, {"==", "!="}, {"<", ">", "<=", ">="}, {"<<", ">>"}, {"+", "-"}, {"*"},
}

// The functions that an expression can call: from network to host byte order and back.
var byteOrder = map[string]int{"ntohs": 2, "htons": 2, "ntohl": 4, "htonl": 4, "be64_to_cpu": 8, "cpu_to_be64": 8}

// maxNesting bounds the parser's recursion.
const maxNesting = 64

type parser struct {
	tokens []token
	types  *types
	depth  int
}

func (t *types) parse(expr string) (node, error) {
	tokens, err := lex(expr)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens, types: t}
	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	if t := p.tokens[0]; t.kind != end {
		return nil, fmt.Errorf("%v was not expected there", t)
	}
	return n, nil
}

func (p *parser) next() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// accept takes the next token if it is one of these operators.
func (p *parser) accept(ops ...string) (string, bool) {
	for _, op := range ops {
		if t := p.tokens[0]; t.kind == symbol && t.s == op {
			p.next()
			return op, true
		}
	}
	return "", false
}

func (p *parser) expect(op string) error {
	if _, ok := p.accept(op); !ok {
		return fmt.Errorf("%q was expected, not %v", op, p.tokens[0])
	}
	return nil
}

func (p *parser) expression() (node, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, errors.New("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	cond, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	if _, ok := p.accept("?"); !ok {
		return cond, nil
	}
	yes, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	no, err := p.expression()
	return ternary{cond, yes, no}, err
}

func (p *parser) binary(level int) (node, error) {
	if level == len(precedence) {
		return p.unary()
	}
	x, err := p.binary(level + 1)
	for err == nil {
		op, ok := p.accept(precedence[level]...)
		if !ok {
			if op, ok := p.accept("/", "%"); ok {
				return nil, fmt.Errorf("the operator %s is not supported", op)
			}
			return x, nil
		}
		var y node
		y, err = p.binary(level + 1)
		x = binary{op, x, y}
	}
	return nil, err
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, errors.New("it is nested too deeply")
	}
	defer func() { p.depth-- }()
	if op, ok := p.accept("-", "~", "!", "+", "*", "&"); ok {
		x, err := p.unary()
		return unary{op, x}, err
	}
	if t := p.tokens[0]; t.kind == symbol && t.s == "(" {
		to, n, err := p.types.parseType(p.tokens[1:])
		if err != nil {
			return nil, err
		}
		if to != nil {
			p.tokens = p.tokens[1+n:]
			if err := p.expect(")"); err != nil {
				return nil, err
			}
			x, err := p.unary()
			return cast{to, x}, err
		}
	}
	return p.postfix()
}

func (p *parser) postfix() (node, error) {
	x, err := p.primary()
	for err == nil {
		op, ok := p.accept("->", ".", "[")
		if !ok {
			return x, nil
		}
		if op == "[" {
			var i node
			if i, err = p.expression(); err == nil {
				err = p.expect("]")
			}
			x = index{x, i}
			continue
		}
		t := p.next()
		if t.kind != name {
			return nil, fmt.Errorf("a field was expected after %s, not %v", op, t)
		}
		x = field{x, t.s, op == "->"}
	}
	return nil, err
}

func (p *parser) primary() (node, error) {
	switch t := p.next(); {
	case t.kind == number:
		return constant{t.value, typeOfLiteral(t)}, nil
	case t.kind == text:
		return str{t.s}, nil
	case t.kind == symbol && t.s == "(":
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		return x, p.expect(")")
	case t.kind == name:
		if byteOrder[t.s] != 0 {
			if err := p.expect("("); err != nil {
				return nil, err
			}
			x, err := p.expression()
			if err != nil {
				return nil, err
			}
			return call{t.s, x}, p.expect(")")
		}
		if _, ok := p.types.args[t.s]; ok {
			return ident{t.s}, nil
		}
		switch t.s {
		case "skb", "current":
			if t.s == "skb" && p.types.noSkb {
				return nil, noArgument(t.s)
			}
			return ident{t.s}, nil
		case "NULL", "false":
			return constant{0, integer{4, true}}, nil
		case "true":
			return constant{1, integer{4, true}}, nil
		}
		return p.types.enumerator(t.s)
	default:
		return nil, fmt.Errorf("a value was expected, not %v", t)
	}
}

// typeOfLiteral is int, unless suffix or value ask for more (C11 6.4.4.1).
func typeOfLiteral(t token) integer {
	i := integer{4, !t.unsigned}
	decimal := t.s[0] != '0'
	switch {
	case t.long || t.value > 1<<32-1:
		i.size = 8
	case t.value > 1<<31-1 && i.signed && decimal:
		i.size = 8
	case t.value > 1<<31-1:
		i.signed = false
	}
	if t.value > 1<<63-1 {
		i.signed = false
	}
	return i
}
