//go:build linux

package main

import (
	"fmt"
	"io"
	"io/fs"
)

// A cpioWriter writes an archive that the kernel unpacks as initramfs: the "newc" form of
// Documentation/driver-api/early-userspace/buffer-format.rst. All is root's.
type cpioWriter struct {
	w     io.Writer
	inode int
	err   error
}

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
)

func (c *cpioWriter) dir(name string)          { c.entry(name, modeDir|0o755, nil) }
func (c *cpioWriter) link(name, target string) { c.entry(name, modeLink|0o777, []byte(target)) }
func (c *cpioWriter) file(name string, mode fs.FileMode, data []byte) {
	c.entry(name, modeFile|uint32(mode.Perm()), data)
}

func (c *cpioWriter) entry(name string, mode uint32, data []byte) {
	c.inode++
	c.printf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", c.inode, mode, 0, 0, 1, 0,
		len(data), 0, 0, 0, 0, len(name)+1, 0)
	c.printf("%s\x00", name)
	c.pad(110 + len(name) + 1)
	if c.err == nil {
		_, c.err = c.w.Write(data)
	}
	c.pad(len(data))
}

func (c *cpioWriter) printf(format string, args ...any) {
	if c.err == nil {
		_, c.err = fmt.Fprintf(c.w, format, args...)
	}
}

func (c *cpioWriter) pad(n int) { c.printf("%s", "\x00\x00\x00"[:-n&3]) }

// close ends the archive, padded so that another can follow.
func (c *cpioWriter) close() error {
	c.entry("TRAILER!!!", 0, nil)
	return c.err
}
