//go:build !kernel

package kerneltest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"
)

// TestMarks: what says of a test that it is the same on all kernels stands in front of that test,
// with a reason.
func TestMarks(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range f.Decls {
			test, why, ok := mark(d)
			if !ok {
				continue
			}
			if len(why) < 10 {
				t.Errorf("%s: %s is said to be the same on all kernels, and not why", name, test)
			}
			next, ok := (*ast.FuncDecl)(nil), false
			if i+1 < len(f.Decls) {
				next, ok = f.Decls[i+1].(*ast.FuncDecl)
			}
			if !ok || next.Name.Name != test {
				t.Errorf("%s: the mark of %s does not stand in front of it", name, test)
			}
		}
	}
}

// mark reads var _ = sameOnAllKernels(test, why).
func mark(d ast.Decl) (test, why string, ok bool) {
	g, ok := d.(*ast.GenDecl)
	if !ok || len(g.Specs) != 1 {
		return "", "", false
	}
	v, ok := g.Specs[0].(*ast.ValueSpec)
	if !ok || len(v.Values) != 1 {
		return "", "", false
	}
	call, ok := v.Values[0].(*ast.CallExpr)
	if !ok || len(call.Args) != 2 {
		return "", "", false
	}
	if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "sameOnAllKernels" {
		return "", "", false
	}
	text := func(e ast.Expr) string {
		lit, ok := e.(*ast.BasicLit)
		if !ok {
			return ""
		}
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	return text(call.Args[0]), text(call.Args[1]), true
}
