package main

import (
	"regexp"
	"strings"

	"github.com/kisielk/errcheck/errcheck"
	"golang.org/x/tools/go/analysis"
)

// Errors that need not be looked at, by the function's name: of closing, flushing and removing, which come
// when all has been said; of printing, and of writing to the terminal; of Sscan, since what was not read
// stays zero; of values that were checked when their record was read.
var excused = regexp.MustCompile(`\.(Close|Flush|F?[Pp]rint(f|ln)?)$|^os\.(Remove|RemoveAll|Setenv|Unsetenv)$|` +
	`^fmt\.Sscanf?$|/format/wire\.Value\)\.(Each|Elems)$`)

// unchecked is errcheck, except in tests: a test that does not see what it wants fails, whatever went
// wrong before.
var unchecked = &analysis.Analyzer{
	Name: "errcheck",
	Doc:  "An error is looked at.",
	Run: func(pass *analysis.Pass) (any, error) {
		quiet := *pass
		quiet.Report = func(analysis.Diagnostic) {}
		found, err := errcheck.Analyzer.Run(&quiet)
		if err != nil {
			return nil, err
		}
		for _, u := range found.(errcheck.Result).UncheckedErrors {
			if isTest(u.Pos.Filename) || excused.MatchString(u.FuncName) ||
				strings.HasPrefix(u.SelectorName, "os.Std") {
				continue
			}
			for _, f := range pass.Files {
				if file := pass.Fset.File(f.Pos()); file.Name() == u.Pos.Filename {
					pass.Reportf(file.Pos(u.Pos.Offset), "nobody looks at the error of %s", strings.TrimSpace(u.Line))
				}
			}
		}
		return nil, nil
	},
}
