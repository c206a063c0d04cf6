package pipe

import (
	"io"
	"syscall"

	"golang.org/x/sys/windows"
)

// ignoreWriteSignals has nothing to ignore: Windows sends no signals for writes.
func ignoreWriteSignals() {}

// isClosedPipe reports whether a write failed because nobody reads any more.
func isClosedPipe(errno syscall.Errno) bool {
	return errno == windows.ERROR_BROKEN_PIPE || errno == windows.ERROR_NO_DATA || errno == syscall.EPIPE
}

// Closed reports whether w is a pipe that nobody reads any more. Windows tells only who writes into it.
func Closed(io.Writer) bool { return false }
