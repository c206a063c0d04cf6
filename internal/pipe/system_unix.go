//go:build unix

package pipe

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// ignoreWriteSignals makes errors of what would kill us before we could clean up: a write to
// a closed pipe, and one beyond the limit of file sizes (ulimit -f). They are caught, and what
// is caught is thrown away: signals that are ignored would be ignored by a pager and by the
// command of skb-collect too (execve(2)).
func ignoreWriteSignals() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE, syscall.SIGXFSZ) }

// isClosedPipe reports whether a write failed because nobody reads any more.
func isClosedPipe(errno syscall.Errno) bool { return errno == syscall.EPIPE }

// Closed reports whether w is a pipe or socket that nobody reads any more.
func Closed(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
