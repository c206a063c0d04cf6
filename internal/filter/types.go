//go:build linux && (amd64 || arm64)

package filter

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/internal/spell"
)

// types are the kernel's, by which an expression's names are resolved.
type types struct {
	spec        *btf.Spec
	enumerators map[string]constant
	show        bool                // for --show, which can name arguments:
	args        map[string]Argument // those that there are
	noSkb       bool                // there is no sk_buff
}

// An integer is an arithmetic type: size in bytes.
type integer struct {
	size   int
	signed bool
}

func (i integer) String() string {
	if i.signed {
		return fmt.Sprintf("s%d", 8*i.size)
	}
	return fmt.Sprintf("u%d", 8*i.size)
}

// promote is C's integer promotion: nothing is calculated in less than an int.
func (i integer) promote() integer {
	if i.size < 4 {
		return integer{4, true}
	}
	return i
}

// common is the type in which C calculates with an i and a j.
func (i integer) common(j integer) integer {
	i, j = i.promote(), j.promote()
	if i.size < j.size {
		i, j = j, i
	}
	if i.size == j.size {
		i.signed = i.signed && j.signed
	}
	return i
}

// The names for integers that need no BTF.
var basicTypes = map[string]integer{
	"u8": {1, false}, "u16": {2, false}, "u32": {4, false}, "u64": {8, false},
	"s8": {1, true}, "s16": {2, true}, "s32": {4, true}, "s64": {8, true},
	"__u8": {1, false}, "__u16": {2, false}, "__u32": {4, false}, "__u64": {8, false},
	"__be16": {2, false}, "__be32": {4, false}, "__be64": {8, false},
	"size_t": {8, false},
}

func (i integer) btf() btf.Type {
	encoding := btf.Unsigned
	if i.signed {
		encoding = btf.Signed
	}
	return &btf.Int{Name: i.String(), Size: uint32(i.size), Encoding: encoding}
}

// parseType reads a type name as a cast has it, and returns how many tokens it took. Nil:
// these tokens are something else.
func (t *types) parseType(tokens []token) (typ btf.Type, n int, err error) {
	var words []string
	for ; tokens[n].kind == name; n++ {
		s := tokens[n].s
		switch s {
		case "const", "volatile":
		case "struct", "union", "enum":
			if len(words) > 0 || tokens[n+1].kind != name {
				return nil, 0, fmt.Errorf("a type's name was expected after %s", s)
			}
			n++
			if typ, err = t.tagged(s, tokens[n].s); err != nil {
				return nil, 0, err
			}
		case "void", "unsigned", "signed", "char", "short", "int", "long":
			words = append(words, s)
		default:
			if typ != nil || len(words) > 0 {
				return nil, 0, fmt.Errorf("%q was not expected after a type", s)
			}
			if s == "bool" || s == "_Bool" {
				typ = &btf.Int{Name: s, Size: 1, Encoding: btf.Bool}
				break
			}
			if i, ok := basicTypes[s]; ok {
				typ = i.btf()
				break
			}
			var td *btf.Typedef
			if _, ok := t.args[s]; ok || s == "skb" || s == "current" || t.spec.TypeByName(s, &td) != nil {
				return nil, 0, nil
			}
			typ = td
		}
	}
	if len(words) > 0 {
		if typ, err = wordsType(words); err != nil {
			return nil, 0, err
		}
	}
	if typ == nil {
		return nil, 0, nil
	}
	for ; tokens[n].kind == symbol && tokens[n].s == "*" || tokens[n].kind == name && tokens[n].s == "const"; n++ {
		if tokens[n].s == "*" {
			typ = &btf.Pointer{Target: typ}
		}
	}
	return typ, n, nil
}

// tagged looks up `struct NAME` and its like.
func (t *types) tagged(kind, name string) (btf.Type, error) {
	var err error
	switch kind {
	case "struct":
		var s *btf.Struct
		if err = t.spec.TypeByName(name, &s); err == nil {
			return s, nil
		}
	case "union":
		var u *btf.Union
		if err = t.spec.TypeByName(name, &u); err == nil {
			return u, nil
		}
	case "enum":
		var e *btf.Enum
		if err = t.spec.TypeByName(name, &e); err == nil {
			return e, nil
		}
	}
	if errors.Is(err, btf.ErrMultipleMatches) {
		if all, err := t.spec.AnyTypesByName(name); err == nil {
			for _, typ := range all {
				if strings.HasPrefix(describe(typ), kind) {
					return typ, nil
				}
			}
		}
	}
	return nil, fmt.Errorf("this kernel has no %s %s", kind, name)
}

// wordsType is the type that `unsigned long` and its like name.
func wordsType(words []string) (btf.Type, error) {
	i := integer{4, true}
	for _, w := range words {
		switch w {
		case "void":
			if len(words) == 1 {
				return &btf.Void{}, nil
			}
			return nil, fmt.Errorf("%q is no type", strings.Join(words, " "))
		case "unsigned":
			i.signed = false
		case "char":
			i.size = 1
		case "short":
			i.size = 2
		case "long":
			i.size = 8
		}
	}
	return i.btf(), nil
}

// enumerator looks up an enum's constant.
func (t *types) enumerator(name string) (node, error) {
	t.findEnumerators()
	if c, ok := t.enumerators[name]; ok {
		return c, nil
	}
	if t.show {
		return nil, noArgument(name)
	}
	var names []string
	for n := range t.enumerators {
		names = append(names, n)
	}
	names = append(names, "skb", "current")
	return nil, fmt.Errorf("%q is neither skb, current nor an enum's constant of this kernel (macros are not known to "+
		"it)%s", name, suggest(name, names))
}

func (t *types) findEnumerators() {
	if t.enumerators == nil {
		t.enumerators = map[string]constant{}
		for typ, err := range t.spec.All() {
			e, ok := typ.(*btf.Enum)
			if err != nil || !ok {
				continue
			}
			for _, v := range e.Values {
				// As C has it: an int where it fits.
				i := integer{4, e.Signed || v.Value <= math.MaxInt32}
				if v.Value > 1<<32-1 && int64(v.Value) != int64(int32(v.Value)) {
					i.size = 8
				}
				t.enumerators[v.Name] = constant{v.Value, i}
			}
		}
	}
}

// structOf returns the members of a struct or union.
func membersOf(t btf.Type) ([]btf.Member, bool) {
	switch s := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		return s.Members, true
	case *btf.Union:
		return s.Members, true
	}
	return nil, false
}

// A place of a field within its struct.
type location struct {
	typ    btf.Type
	bitOff uint32 // from the struct's start
	bits   uint32 // of a bit field, else 0
}

// lookup finds a field, also within anonymous structs and unions.
func lookup(members []btf.Member, name string) (location, bool) {
	for _, m := range members {
		if m.Name == name {
			return location{m.Type, uint32(m.Offset), uint32(m.BitfieldSize)}, true
		}
		if m.Name != "" {
			continue
		}
		if inner, ok := membersOf(m.Type); ok {
			if l, ok := lookup(inner, name); ok {
				l.bitOff += uint32(m.Offset)
				return l, true
			}
		}
	}
	return location{}, false
}

func fieldNames(members []btf.Member) []string {
	var names []string
	for _, m := range members {
		if m.Name != "" {
			names = append(names, m.Name)
		} else if inner, ok := membersOf(m.Type); ok {
			names = append(names, fieldNames(inner)...)
		}
	}
	return names
}

// describe writes a type as C does.
func describe(t btf.Type) string {
	switch t := t.(type) {
	case *btf.Struct:
		return "struct " + orAnonymous(t.Name)
	case *btf.Union:
		return "union " + orAnonymous(t.Name)
	case *btf.Enum:
		return "enum " + orAnonymous(t.Name)
	case *btf.Fwd:
		return t.Kind.String() + " " + t.Name
	case *btf.Pointer:
		return strings.TrimSuffix(describe(t.Target)+" *", " ")
	case *btf.Array:
		return fmt.Sprintf("%s[%d]", describe(t.Type), t.Nelems)
	case *btf.Const:
		return describe(t.Type)
	case *btf.Volatile:
		return describe(t.Type)
	case *btf.TypeTag:
		return describe(t.Type)
	case *btf.Void:
		return "void"
	case *btf.FuncProto:
		return "a function"
	}
	return t.TypeName()
}

func orAnonymous(name string) string {
	if name == "" {
		return "without a name"
	}
	return name
}

// suggest returns " (did you mean NAME?)" for the candidate that is most like name, if any
// is alike: before others one that has a prefix more, as skc_dport for dport.
func suggest(name string, candidates []string) string {
	slices.Sort(candidates)
	for _, c := range candidates {
		if strings.HasSuffix(c, "_"+name) {
			return " (did you mean " + c + "?)"
		}
	}
	return spell.DidYouMean(name, candidates)
}
