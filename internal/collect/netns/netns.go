//go:build linux

// Package netns tells namespaces apart, and has things done in other network and UTS namespaces.
package netns

import (
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Enter is the Op of a fs.PathError of Within: the kernel did not let this process enter the namespace.
const Enter = "setns"

// Within calls f on a thread that is in the network namespace of a file. Processes that f starts are in it, too. An
// error that is not of f is a fs.PathError.
func Within(path string, f func() error) error { return within(path, unix.CLONE_NEWNET, f) }

// WithinUTS is Within for a UTS namespace, which is what has a host name.
func WithinUTS(path string, f func() error) error { return within(path, unix.CLONE_NEWUTS, f) }

func within(path string, kind int, f func() error) error {
	return onOwnThread(func() error {
		ns, err := os.Open(path)
		if err != nil {
			return err
		}
		defer ns.Close()
		if err := unix.Setns(int(ns.Fd()), kind); err != nil {
			return &fs.PathError{Op: Enter, Path: path, Err: err}
		}
		return f()
	})
}

// Inum is the inode number of a namespace, by a file of it; 0 if it cannot be told.
func Inum(path string) uint32 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return uint32(info.Sys().(*syscall.Stat_t).Ino)
}

// onOwnThread calls f on a thread that ends behind it, so that nothing has to be changed back.
func onOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and it is not unlocked: the thread ends with this goroutine
		if unix.Gettid() == unix.Getpid() {
			// The main thread can't end. What it changed would stay, and be seen by all that read /proc/self and
			// /proc/net. As long as it is locked here, another thread is taken.
			defer runtime.UnlockOSThread()
			done <- onOwnThread(f)
			return
		}
		done <- f()
	}()
	return <-done
}
