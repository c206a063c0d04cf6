package tempfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Replace makes data the content of a file: all of it, or the file stays as it was. What is no
// regular file, as a pipe, is written to as it is. Errors are without the name of the file.
func Replace(name string, data []byte) error { return ReplaceFrom(name, bytes.NewReader(data)) }

// ReplaceFrom is Replace with what a reader has.
func ReplaceFrom(name string, data io.Reader) error {
	name, old, err := target(name)
	if err != nil {
		return err
	}
	if old != nil && !old.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return inner(err)
		}
		_, err = io.Copy(f, data)
		return inner(errors.Join(err, f.Close()))
	}
	mode := os.FileMode(0o644)
	if old != nil {
		mode = old.Mode().Perm()
	}
	temp := name + "." + rand.Text()[:8] + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return inner(err)
	}
	_, err = io.Copy(f, data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return inner(err)
}

// CanReplace says what would keep Replace from writing a file, before there is anything to write.
func CanReplace(name string) error {
	name, old, err := target(name)
	if err != nil || old != nil && !old.Mode().IsRegular() {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return inner(err)
	}
	return inner(errors.Join(f.Close(), os.Remove(f.Name())))
}

// target returns the file to write to, and what is there now; nil: nothing. The file that a
// link leads to is replaced, not the link.
func target(name string) (file string, old os.FileInfo, err error) {
	old, err = os.Stat(name)
	switch {
	case err != nil:
		old = nil
	case old.IsDir():
		return "", nil, errors.New("is a folder")
	case !old.Mode().IsRegular():
		return name, old, nil
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	return name, old, nil
}

// inner is an error without the operation and the name that package os puts before it.
func inner(err error) error {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
