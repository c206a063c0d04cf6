package pipe

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Closed reports whether w is a pipe or socket that nobody reads any more.
func Closed(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&unix.POLLERR != 0
}
