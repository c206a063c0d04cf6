// Budget compares what an event costs with what it cost when somebody last looked: the
// lines of `title TAB figure` on stdin, which bench/instructions prints, with those
// in the file `figures`. A figure that grew by more than 5 %, or is missing, ends it with
// status 1. --write measures the allocations as well and makes the file anew.
package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

//go:embed figures
var committed string

const file = "bench/budget/figures"

const head = `# What an event costs: a change that makes a figure grow by more than 5 % fails 'make test'.
# When it is worth that, 'make budget' writes this file anew; say why in the commit.
`

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "budget:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	measured, err := read(stdin)
	if err != nil {
		return err
	}
	if !slices.Equal(args, []string{"--write"}) {
		return check(measured, allocationUnit, false, stdout)
	}
	allocations, err := measureAllocations()
	if err != nil {
		return err
	}
	if len(measured) == 0 {
		return fmt.Errorf("no figures on stdin: nothing is written")
	}
	maps.Copy(measured, allocations)
	var b strings.Builder
	b.WriteString(head)
	for _, title := range slices.Sorted(maps.Keys(measured)) {
		fmt.Fprintf(&b, "%s\t%s\n", title, strconv.FormatFloat(measured[title], 'f', -1, 64))
	}
	return os.WriteFile(file, []byte(b.String()), 0o666)
}

// read reads lines of `title TAB figure`; others are words of who measured.
func read(r io.Reader) (map[string]float64, error) {
	figures := map[string]float64{}
	s := bufio.NewScanner(r)
	for s.Scan() {
		title, word, ok := strings.Cut(strings.TrimRight(s.Text(), "\r"), "\t")
		if !ok || strings.HasPrefix(title, "#") {
			continue
		}
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no figure", title, word)
		}
		figures[title] = n
	}
	return figures, s.Err()
}

// check compares with the committed figures whose titles end in unit, or, when that is
// not wanted, don't.
func check(measured map[string]float64, unit string, wanted bool, w io.Writer) error {
	budget, err := read(strings.NewReader(committed))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	maps.DeleteFunc(budget, func(title string, _ float64) bool { return strings.HasSuffix(title, unit) != wanted })
	return compare(measured, budget, w)
}

// compare says on w what became of each figure.
func compare(measured, budget map[string]float64, w io.Writer) error {
	var failed []string
	for _, title := range slices.Sorted(maps.Keys(budget)) {
		was := budget[title]
		is, ok := measured[title]
		note := ""
		switch {
		case !ok:
			failed = append(failed, fmt.Sprintf("%s: was not measured", title))
			continue
		case is > was*1.05+allocationNoise:
			failed = append(failed, fmt.Sprintf("%s: %.5g, where the budget is %.5g", title, is, was))
		case is < was*0.95-allocationNoise:
			note = "\tless than before: 'make budget' keeps it that way"
		}
		fmt.Fprintf(w, "%s\t%.5g of %.5g%s\n", title, is, was, note)
	}
	for title := range measured {
		if _, ok := budget[title]; !ok {
			failed = append(failed, fmt.Sprintf("%s: has no budget", title))
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("an event costs more than before:\n\t%s\nIf that is a mistake, mend it. If it is worth its price, "+
		"run 'make budget', and say in the commit what the price is for (%s)",
		strings.Join(failed, "\n\t"), file)
}
