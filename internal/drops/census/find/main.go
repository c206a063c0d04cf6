// find lists every place in kernels' sources where a packet is dropped, and compares the list
// with the census: what the sources have and the census lacks, and the other way round. That
// is how a next kernel's new places show up.
//
//	go run ./internal/drops/census/find linux-5.10 linux-6.1 linux-6.12 linux-7.2
//
// Each argument is an unpacked source tree, named linux-KERNEL or given as KERNEL=DIRECTORY.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	list := flag.String("list", "",
		"print the sites of files whose path begins so, with their conditions as in the source")
	write := flag.String("write", "", "append stanzas for what the census lacks to the files in this directory")
	binaries := flag.String("binaries", "", "a directory with vmlinux, kallsyms and modules in a directory for each "+
		"kernel: they tell what was compiled into what")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: find [flags] SOURCES...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	different, err := run(flag.Args(), *list, *write, *binaries)
	if err != nil {
		fmt.Fprintln(os.Stderr, "find:", err)
		os.Exit(1)
	}
	if different {
		os.Exit(3)
	}
}

func run(trees []string, list, write, binaries string) (different bool, err error) {
	kernels, all, err := readTrees(trees, binaries)
	if err != nil {
		return false, err
	}
	if list != "" {
		for _, s := range all {
			if strings.HasPrefix(s.file, list) {
				fmt.Println(s)
			}
		}
		return false, nil
	}
	known, err := readKnown()
	if err != nil {
		return false, err
	}
	var missing []*site
	for _, s := range all {
		if !known.has(s) {
			missing = append(missing, s)
		}
	}
	if write != "" {
		return false, writeStanzas(write, kernels, missing)
	}
	for _, s := range missing {
		fmt.Println("new:", s)
	}
	gone := known.left(kernels)
	for _, g := range gone {
		fmt.Println("gone:", g)
	}
	fmt.Printf("%d sites in the sources, %d not in the census; %d in the census alone\n", len(all), len(missing),
		len(gone))
	return len(missing)+len(gone) > 0, nil
}

func (s *site) String() string {
	guards := strings.Join(s.guards, "\n\t\tin ")
	if s.via != "" {
		guards = "(goto " + s.via + ") " + guards
	}
	return fmt.Sprintf("%s %s %s:%d %s %s %s\n\t%s", s.id, s.kernel, s.file, s.line, s.name, s.what,
		strings.Join(s.reasons, ","), guards)
}

// sortSites orders them as people read them: file, function, line, kernel.
func sortSites(all []*site) {
	slices.SortStableFunc(all, func(a, b *site) int { return strings.Compare(a.file, b.file) })
}
