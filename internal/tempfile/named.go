//go:build !windows

package tempfile

import "os"

// named creates a file and takes its name away at once.
func named(dir, program string) (*os.File, error) {
	f, err := os.CreateTemp(dir, program+"-")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
