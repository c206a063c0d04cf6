package pipe

import (
	"fmt"
	"os"
)

// Identify says which files those of the things are that are files: readers, or names. A
// file is still known when it was closed.
func Identify(things ...any) (files []os.FileInfo) {
	for _, t := range things {
		var info os.FileInfo
		var err error
		switch t := t.(type) {
		case string:
			info, err = os.Stat(t)
		case interface{ Stat() (os.FileInfo, error) }:
			info, err = t.Stat()
		default:
			continue
		}
		if err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	return files
}

// Files says which files the inputs are.
func (in *Inputs) Files() (files []os.FileInfo) {
	for _, r := range in.readers {
		files = append(files, Identify(r)...)
	}
	return files
}

// NotInput is an error if name, which is about to be written, is one of the files that are
// read: to create it would empty it first.
func NotInput(name string, inputs []os.FileInfo) error {
	for _, info := range Identify(name) {
		for _, in := range inputs {
			if os.SameFile(info, in) {
				return fmt.Errorf("%s is both input and output", name)
			}
		}
	}
	return nil
}

// samePipe reports whether both are one pipe, of which each would read a part.
func samePipe(a, b any) bool {
	f, ok1 := a.(*os.File)
	g, ok2 := b.(*os.File)
	if !ok1 || !ok2 {
		return false
	}
	x, err1 := f.Stat()
	y, err2 := g.Stat()
	return err1 == nil && err2 == nil && x.Mode()&os.ModeNamedPipe != 0 && os.SameFile(x, y)
}
