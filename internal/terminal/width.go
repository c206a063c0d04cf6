package terminal

import (
	"os"

	"golang.org/x/term"
)

// Is reports whether w, which is read or written, is a terminal, or a pipe to what shows it on one.
func Is(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(behind(f).Fd()))
}

// standsFor is a file that stands for a terminal: a pager is behind it.
var standsFor struct{ file, terminal *os.File }

// Stands makes file one that stands for the terminal. There is one such file.
func Stands(file, terminal *os.File) { standsFor.file, standsFor.terminal = file, terminal }

func behind(f *os.File) *os.File {
	if f != nil && f == standsFor.file {
		return standsFor.terminal
	}
	return f
}

// Width is how many characters a line of w has. It is 0, no limit, where w is no terminal or one
// that does not tell, as a serial console.
func Width(w any) int {
	columns, _ := Size(w)
	return columns
}

// Size is how many characters a line of w has, and how many lines there are; each is 0 where w is
// no terminal or one that does not tell.
func Size(w any) (columns, lines int) {
	if !Is(w) {
		return 0, 0
	}
	columns, lines, err := term.GetSize(int(behind(w.(*os.File)).Fd()))
	if err != nil {
		return 0, 0
	}
	return max(columns, 0), max(lines, 0)
}
