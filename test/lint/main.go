// Lint is what `make lint` asks of the Go code and of the text of all files. It has a module of its own,
// so that the programs do not depend on what checks them.
//
// It is a command of staticcheck's with the rules of this project: one program reads the code once for
// all of them, and takes a sixth of the time that golangci-lint takes to be compiled for these few.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gordonklaus/ineffassign/pkg/ineffassign"
	"honnef.co/go/tools/analysis/lint"
	"honnef.co/go/tools/lintcmd"
	"honnef.co/go/tools/quickfix"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/stylecheck"
	"honnef.co/go/tools/unused"
)

// Rules of staticcheck that this project does not follow: comments on packages and exported names have no
// prescribed form (ST1000, ST1020 to ST1022), names of C and of the kernel stay as they are (ST1003), a
// receiver is named for what it is (ST1016), and how a condition is best written is a matter of taste.
var without = []string{"ST1000", "ST1003", "ST1016", "ST1020", "ST1021", "ST1022",
	"QF1001", "QF1002", "QF1008", "QF1010"}

func main() {
	debug.SetGCPercent(400) // what it reads it keeps, nearly all: collecting garbage is a quarter of its time
	bad := false
	for _, check := range []func() (bool, error){checkText, checkLicenses, checkVulnerabilities, checkPlatforms} {
		found, err := check()
		if err != nil {
			fmt.Fprintln(os.Stderr, "lint:", err)
			os.Exit(2)
		}
		bad = bad || found
	}
	cmd := lintcmd.NewCommand("lint")
	for _, a := range slices.Concat(simple.Analyzers, staticcheck.Analyzers, stylecheck.Analyzers, quickfix.Analyzers,
		[]*lint.Analyzer{unused.Analyzer}) {
		if !slices.Contains(without, a.Analyzer.Name) {
			cmd.AddAnalyzers(a)
		}
	}
	cmd.AddBareAnalyzers(unchecked, ineffassign.Analyzer)
	cmd.ParseFlags([]string{"-checks", "all", "-tags", "kernel", "./..."})
	if status := cmd.Execute(); status != 0 || bad {
		os.Exit(max(1, status))
	}
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }
