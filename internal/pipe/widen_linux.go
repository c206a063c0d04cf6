package pipe

import (
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize is what pipes between the programs hold, in bytes: the most that an ordinary
// user may ask for (fs.pipe-max-size).
const pipeSize = 1 << 20

// widen enlarges the pipe that f is, if it is one: with 64 kB the two programs at its
// ends wait for each other at every 200 events.
func widen(f any) {
	if f, ok := f.(*os.File); ok {
		_, _ = unix.FcntlInt(f.Fd(), unix.F_SETPIPE_SZ, pipeSize)
	}
}
