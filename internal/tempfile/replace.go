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
	old, err := os.Stat(name)
	if err == nil && !old.Mode().IsRegular() {
		if old.IsDir() {
			return errors.New("is a folder")
		}
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return inner(err)
		}
		_, err = io.Copy(f, data)
		return inner(errors.Join(err, f.Close()))
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real // the file that a link leads to is replaced, not the link
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
	if s, err := os.Stat(name); err == nil && !s.Mode().IsRegular() {
		if s.IsDir() {
			return errors.New("is a folder")
		}
		return nil
	}
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return inner(err)
	}
	return inner(errors.Join(f.Close(), os.Remove(f.Name())))
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
