package tempfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamed creates a file that never has a name. Not every file system can do that.
func unnamed(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "temporary file"), nil
}

// Free gives back n bytes of the disk from an offset on. Where the file system has no holes, the file
// stays as large as it is.
func Free(f *os.File, offset, n int64) {
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, n)
}
