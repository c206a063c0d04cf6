//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
)

const taskProgram = "on_task"

// A Task is a process, and the network namespace that it is in.
type Task struct {
	PID   uint32 // in the first PID namespace
	Netns uint32 // inum
	Comm  string
	Host  string // the host name in its UTS namespace
}

// Tasks tells which processes are in other network namespaces (bpf/tasks.h).
type Tasks struct {
	iter *link.Iter
}

// NewTasks loads the program. own is the inum of the namespace whose processes are left out.
func (l *Loader) NewTasks(own uint32) (*Tasks, error) {
	if !l.k.hasFunction("bpf_iter_task") {
		return nil, errors.New("this kernel has no iterator for tasks")
	}
	p, err := l.Load(taskProgram, map[string]any{"own_netns": own}, nil)
	if err != nil {
		return nil, err
	}
	iter, err := link.AttachIter(link.IterOptions{Program: p})
	if err != nil {
		return nil, fmt.Errorf("making an iterator for tasks: %w", err)
	}
	return &Tasks{iter: iter}, nil
}

// Each calls f with each process that is in another network namespace. It needs CAP_BPF where unprivileged BPF is off.
func (t *Tasks) Each(f func(Task)) error {
	r, err := t.iter.Open()
	if err != nil {
		return fmt.Errorf("looking for processes: %w", err)
	}
	defer r.Close()
	const size = int(unsafe.Sizeof(bpf.TaskNetns{}))
	// The kernel writes whole records as long as they fit, and the rest of one with the next read.
	var b [64 * size]byte
	have := 0
	for {
		n, err := r.Read(b[have:])
		have += n
		at := 0
		for ; have-at >= size; at += size {
			task := (*bpf.TaskNetns)(unsafe.Pointer(&b[at]))
			f(Task{task.Pid, task.Netns, bpf.String(task.Comm[:]), bpf.String(task.Host[:])})
		}
		have = copy(b[:], b[at:have])
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("looking for processes: %w", err)
		}
	}
}

// Close takes the iterator away. Its program goes with the Loader.
func (t *Tasks) Close() {
	if t != nil {
		t.iter.Close()
	}
}
