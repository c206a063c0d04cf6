package drops

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A madeCase is what the source of the kernel's tests (test/kernel) says of one drop that they make.
type madeCase struct {
	where, name   string
	rules, causes []string
	shows         bool // that what the commands show is looked at
}

// madeCases reads them, and the table of the rules of which no drop is made: rule and why.
func madeCases(t *testing.T) (cases []madeCase, unmade map[string]string) {
	t.Helper()
	files, err := filepath.Glob("../../test/kernel/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	unmade = map[string]string{}
	fset := token.NewFileSet()
	for _, name := range files {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == "unmadeLooks" {
				for _, e := range spec.Values[0].(*ast.CompositeLit).Elts {
					kv := e.(*ast.KeyValueExpr)
					rule, why := words(kv.Key), words(kv.Value)
					if rule == "" || why == "" || unmade[rule] != "" {
						t.Errorf("%s: %q: %q: no rule, no reason, or twice", fset.Position(kv.Pos()), rule, why)
					}
					unmade[rule] = why
				}
				return false
			}
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			c := madeCase{where: fset.Position(lit.Pos()).String()}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				switch key, _ := kv.Key.(*ast.Ident); {
				case key == nil:
				case key.Name == "name":
					c.name = words(kv.Value)
				case key.Name == "rule":
					c.rules = strings.Fields(words(kv.Value))
				case key.Name == "cause" || key.Name == "bare" || key.Name == "also":
					c.causes = append(c.causes, words(kv.Value))
				case key.Name == "shows" || key.Name == "each":
					c.shows = words(kv.Value) != ""
				}
			}
			if c.rules != nil {
				cases = append(cases, c)
			}
			return true
		})
	}
	return cases, unmade
}

// words is the text of a string literal, else "".
func words(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}

// mayBegin tells whether a text of the template may begin with so many words: at least its first few words that are no
// field's are there.
func mayBegin(t *template, words string) bool {
	const enough = 10
	var rest func(parts []part, s string, same int) bool
	rest = func(parts []part, s string, same int) bool {
		if len(parts) == 0 {
			return s == ""
		}
		literal := parts[0].literal
		if len(s) <= len(literal) {
			return strings.HasPrefix(literal, s) && same+len(s) >= enough
		}
		if !strings.HasPrefix(s, literal) {
			return false
		}
		s, same = s[len(literal):], same+len(literal)
		if parts[0].field == nil {
			return rest(parts[1:], s, same)
		}
		for i := range s {
			if i > 0 && rest(parts[1:], s[i:], same) {
				return true
			}
		}
		return same >= enough
	}
	return rest(t.parts, words, 0)
}

// TestLooksAreRun: the commands of each rule are run by a kernel test, in a drop of the kind that the rule is for, or it is
// said why not. A case that names a rule expects what that rule says.
func TestLooksAreRun(t *testing.T) {
	cases, unmade := madeCases(t)
	made := map[string]bool{}
	for _, c := range cases {
		for _, name := range c.rules {
			i := slices.IndexFunc(table().rules, func(r *rule) bool { return r.name == name })
			if i < 0 {
				t.Errorf("%s: %s: there is no rule %s", c.where, c.name, name)
				continue
			}
			r := table().rules[i]
			if !slices.ContainsFunc(c.causes, func(words string) bool {
				return slices.ContainsFunc(r.cause, func(cause choice) bool {
					return slices.ContainsFunc(cause, func(t template) bool { return mayBegin(&t, words) })
				})
			}) {
				t.Errorf("%s: %s: the rule %s says none of %q", c.where, c.name, name, c.causes)
			}
			if r.look != nil && !c.shows {
				t.Errorf("%s: %s: what the commands of the rule %s show is not looked at", c.where, c.name, name)
			}
			if unmade[name] != "" {
				t.Errorf("%s: %s: the table of what is not made has the rule %s, which this makes", c.where, c.name, name)
			}
			made[name] = true
		}
	}
	for _, r := range table().rules {
		if r.look != nil && !made[r.name] && unmade[r.name] == "" {
			t.Errorf("%s: no kernel test runs the commands of the rule %s: a case of test/kernel names it, or unmadeLooks says why not", r.file, r.name)
		}
	}
	for name := range unmade {
		if !slices.ContainsFunc(table().rules, func(r *rule) bool { return r.name == name && r.look != nil }) {
			t.Errorf("unmadeLooks: there is no rule %s, or it has no commands", name)
		}
	}
}
