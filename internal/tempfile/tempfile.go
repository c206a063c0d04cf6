// Package tempfile makes files that hold for a while what does not fit into memory.
package tempfile

import "os"

// Dir is where files go if the user names no folder.
func Dir() string { return os.TempDir() }

// File creates a file in dir that is gone when it is closed, and that no end of the program leaves
// behind, SIGKILL included. program is in the file's name for as long as it has one.
func File(dir, program string) (*os.File, error) {
	if f, err := unnamed(dir); err == nil {
		return f, nil
	}
	return named(dir, program)
}
