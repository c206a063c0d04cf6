package main

import (
	"bytes"
	"fmt"
	"go/scanner"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/golangci/misspell"
)

// maxColumns is how long a line of code may be, a tab counted as one. Not so in tests: a row of a table
// reads best as one line.
const maxColumns = 120

// What looks like a mistake to misspell: rela is of ELF, recieve of a test of mistyped names, ECT of RFC 3168.
var spelled = []string{"rela", "recieve", "ect"}

// checkText prints what is misspelled in the repository's files, and the lines of code that are too long,
// and tells whether there are any.
func checkText() (bad bool, err error) {
	list, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		return false, fmt.Errorf("listing the repository's files: %w", err)
	}
	words := misspell.New()
	words.RemoveRule(spelled)
	words.Compile()
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		if others(name) {
			continue
		}
		text, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // removed, and not committed yet
		}
		if err != nil {
			return false, err
		}
		if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
			continue // no text
		}
		if isProse(name) {
			_, wrong := words.Replace(string(text))
			for _, w := range wrong {
				bad = true
				fmt.Printf("%s:%d:%d: %s is misspelled: %s\n", name, w.Line, w.Column+1, w.Original, w.Corrected)
			}
		}
		if !isCode(name, text) {
			continue
		}
		long := tooLong(text)
		if filepath.Ext(name) == ".go" {
			long = unbreakable(text, long)
		}
		for _, n := range long {
			bad = true
			fmt.Printf("%s:%d: the line has more than %d columns\n", name, n, maxColumns)
		}
	}
	return bad, nil
}

// others knows what is not written by hand, or not here.
func others(name string) bool {
	return strings.HasPrefix(name, "bpf/libbpf/") || strings.Contains(name, "LICENSE") ||
		strings.HasPrefix(filepath.Base(name), "go.")
}

func isProse(name string) bool {
	switch filepath.Ext(name) {
	case ".go", ".md", ".h", ".c", ".lua", ".sh", ".txtar", "":
		return true
	}
	return false
}

func isCode(name string, text []byte) bool {
	switch filepath.Ext(name) {
	case ".go":
		return !isTest(name) && !bytes.HasPrefix(text, []byte("// Code generated"))
	case ".h", ".c", ".lua", ".sh":
		return true
	}
	return false
}

// tooLong returns the numbers of the lines that are too long.
func tooLong(text []byte) (lines []int) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if utf8.RuneCount(bytes.TrimRight(line, "\n")) > maxColumns {
			lines = append(lines, n)
		}
	}
	return lines
}

// unbreakable returns the lines without those of raw strings: a tag of a struct can't be broken, nor what
// is compared to the byte.
func unbreakable(text []byte, lines []int) []int {
	if len(lines) == 0 {
		return nil
	}
	var s scanner.Scanner
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(text))
	s.Init(file, text, nil, 0)
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return lines
		}
		if tok != token.STRING || literal[0] != '`' {
			continue
		}
		first, last := file.Position(pos), file.Position(pos+token.Pos(len(literal)))
		lines = slices.DeleteFunc(lines, func(n int) bool { return first.Line <= n && n <= last.Line })
	}
}
