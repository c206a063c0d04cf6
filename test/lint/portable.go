package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"sync"

	"golang.org/x/tools/go/packages"
)

// platforms are where the programs that read streams have to build, and their tests: systems that are not
// Linux, and a machine that is big-endian. What only Linux has is in files that say so (//go:build linux).
var platforms = []string{"darwin/arm64", "windows/amd64", "linux/s390x"}

// checkPlatforms prints what does not build elsewhere, and tells whether there is anything. It checks types from
// the sources; to compile for each system would take a minute of a core.
func checkPlatforms() (bad bool, err error) {
	here, err := os.Getwd()
	if err != nil {
		return false, err
	}
	p := parsed{here: here, files: map[string]*ast.File{}}
	set := token.NewFileSet()
	for _, platform := range platforms {
		system, arch, _ := strings.Cut(platform, "/")
		found, err := packages.Load(&packages.Config{
			Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
				packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesSizes,
			Env:  append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0"),
			Fset: set, ParseFile: p.file, Tests: true,
		}, "./...")
		if err != nil {
			return false, fmt.Errorf("reading the packages for %s: %w", platform, err)
		}
		seen := map[string]bool{}
		for _, p := range found {
			for _, e := range p.Errors {
				if said := e.Error(); !seen[said] && !strings.Contains(e.Msg, "build constraints exclude all Go files") {
					seen[said], bad = true, true
					fmt.Printf("%s (on %s)\n", said, platform)
				}
			}
		}
	}
	return bad, nil
}

// parsed are the files that were parsed: most are the same on all platforms.
type parsed struct {
	here  string
	mu    sync.Mutex
	files map[string]*ast.File
}

// file parses a file, without the bodies of functions where it is not this project's.
func (p *parsed) file(set *token.FileSet, name string, source []byte) (*ast.File, error) {
	p.mu.Lock()
	file := p.files[name]
	p.mu.Unlock()
	if file != nil {
		return file, nil
	}
	file, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
	generated := !strings.HasSuffix(name, ".go") // a test's main, in Go's cache
	if file == nil || generated || strings.HasPrefix(name, p.here) {
		return file, err
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			f.Body = nil
		}
	}
	if err == nil {
		p.mu.Lock()
		p.files[name] = file
		p.mu.Unlock()
	}
	return file, err
}
