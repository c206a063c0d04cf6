// Package compress reads and writes compressed files: gzip (RFC 1952), zstd (RFC 8878), lz4
// (lz4_Frame_format.md) and, to be read only, xz (xz-file-format.txt). What is read is known by
// its first bytes, whatever its name is; what is written is chosen by the end of its name.
package compress

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// A kind is what the first bytes of a file can say.
type kind struct {
	name    string   // of the format, and of the program that makes it
	magic   []string // first bytes
	suffix  []string // of names
	read    opener   // nil: it is not read here
	write   wrapper  // nil: it is not written here
	instead string   // of what is not read: the command that makes a stream of it
}

// kinds has no format whose first byte a stream (0), JSON ({, blanks, a byte order mark) or a capture
// begins with, so that the first byte decides whether there is anything to be looked at.
var kinds = []*kind{
	{name: "gzip", magic: []string{"\x1f\x8b"}, suffix: []string{".gz"}, read: readGzip, write: writeGzip},
	{name: "zstd", magic: append([]string{"\x28\xb5\x2f\xfd"}, skippable()...), suffix: []string{".zst", ".zstd"},
		read: readZstd, write: writeZstd},
	{name: "xz", magic: []string{"\xfd7zXZ\x00"}, suffix: []string{".xz"}, read: readXZ},
	{name: "lz4", magic: []string{"\x04\x22\x4d\x18", "\x02\x21\x4c\x18"}, suffix: []string{".lz4"},
		read: readLZ4, write: writeLZ4},
	{name: "bzip2", magic: []string{"BZh"}, suffix: []string{".bz2"}, instead: "bzip2 -dc"},
	{name: "lzip", magic: []string{"LZIP"}, suffix: []string{".lz"}, instead: "lzip -dc"},
	{name: "lzma", magic: []string{"\x5d\x00\x00"}, suffix: []string{".lzma"}, instead: "xz -dc"},
	{name: "compress", magic: []string{"\x1f\x9d"}, suffix: []string{".z"}, instead: "gzip -dc"},
	{name: "zip", magic: []string{"PK\x03\x04"}, suffix: []string{".zip"}, instead: "unzip -p"},
}

// skippable are what frames begin with that hold no data (RFC 8878, 3.1.2). pzstd begins files with one.
func skippable() (all []string) {
	for i := range 16 {
		all = append(all, string([]byte{0x50 + byte(i), 0x2a, 0x4d, 0x18}))
	}
	return all
}

// mayBegin are the first bytes of all kinds.
var mayBegin = func() (set [256]bool) {
	for _, k := range kinds {
		for _, m := range k.magic {
			set[m[0]] = true
		}
	}
	return set
}()

// kindOf returns what begins with these bytes, nil if it is nothing that is known; more: that is not sure
// before there are more of them.
func kindOf(head []byte) (k *kind, more bool) {
	if len(head) == 0 {
		return nil, true
	}
	if !mayBegin[head[0]] {
		return nil, false
	}
	for _, k := range kinds {
		for _, m := range k.magic {
			if bytes.HasPrefix(head, []byte(m)) {
				return k, false
			}
			more = more || strings.HasPrefix(m, string(head))
		}
	}
	return nil, more
}

// byName returns the kind that a file of this name is of, nil if it is not compressed.
func byName(name string) *kind {
	ext := strings.ToLower(path.Ext(name))
	for _, k := range kinds {
		for _, s := range k.suffix {
			if ext == s {
				return k
			}
		}
	}
	return nil
}

// CheckName returns an error if the end of a file's name says that it is compressed in a way that is not
// written here.
func CheckName(name string) error {
	if k := byName(name); k != nil && k.write == nil {
		return fmt.Errorf("%s: %s can't be written; let the name end in .zst, .gz, .lz4", name, k.name)
	}
	return nil
}

// CutSuffix parts a file's name from the end that says how it is compressed, "" if none does.
func CutSuffix(name string) (before, suffix string) {
	if byName(name) == nil {
		return name, ""
	}
	before = strings.TrimSuffix(name, path.Ext(name))
	return before, name[len(before):]
}
