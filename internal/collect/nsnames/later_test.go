//go:build linux

package nsnames

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// TestLater: a namespace is looked for when an event is in it, a few times at most, and again when its number is
// another's.
func TestLater(t *testing.T) {
	const own, known, started = 1, 2, 3
	now := time.Unix(0, 0)
	looks, tasks := 0, map[uint32]Task{}
	l := NewLater(own, map[uint32]format.Namespace{known: {Name: "web"}}, func(f func(uint32, Task)) error {
		looks++
		now = now.Add(time.Millisecond)
		for inum, task := range tasks {
			f(inum, task)
		}
		return errors.New("not all could be read")
	})
	l.now = func() time.Time { return now }
	for i, c := range []struct {
		after  time.Duration
		inum   uint32
		cookie uint64
		task   bool // there is one in the namespace
		looks  int
		names  int
		done   bool
	}{
		{0, own, 7, false, 0, 0, true},
		{0, own, 8, false, 0, 0, true},
		{0, known, 7, false, 0, 0, true},
		{0, known, 0, false, 0, 0, true}, // a kernel that could not read it
		{0, 4, 9, false, 1, 0, false},
		{0, 4, 9, false, 1, 0, false},
		{100 * time.Millisecond, 5, 10, false, 1, 0, false}, // the look took a ms: 150 ms without one
		{100 * time.Millisecond, 5, 10, false, 2, 0, false},
		{time.Second, 4, 9, false, 3, 0, false},
		{time.Second, 4, 9, false, 3, 0, false}, // 10 s is what it waits now
		{9 * time.Second, 4, 9, false, 4, 0, true},
		{time.Minute, 4, 9, true, 4, 0, true}, // never again
		{time.Minute, 5, 10, true, 5, 1, true},
		{time.Minute, 5, 10, true, 5, 0, true},
		{time.Minute, known, 8, true, 6, 1, true}, // it was web
		{time.Minute, known, 8, true, 6, 0, true},
	} {
		now = now.Add(c.after)
		if c.task {
			tasks = map[uint32]Task{c.inum: {PID: os.Getpid()}}
		}
		found, done := l.Saw(c.inum, c.cookie)
		if looks != c.looks || len(found) != c.names || done != c.done {
			t.Fatalf("step %d: %d looks, done %v, names %+v, want %+v", i, looks, done, found, c)
		}
		for _, n := range found {
			if n.Inum != c.inum || n.PID != uint32(os.Getpid()) || n.Name == "" {
				t.Errorf("step %d: %+v", i, n)
			}
		}
	}
}

// TestCalled: the name of a file counts, but one that a program made up gives way to that of a container or a pod.
func TestCalled(t *testing.T) {
	const uuid = "5f3c1e0d-9a8b-4c7d-8e6f-5a4b3c2d1e0f"
	pod, program := format.Namespace{Name: "pod:web", By: "pod", Pod: "x"}, format.Namespace{Name: "nginx/7", By: "program"}
	for _, c := range []struct {
		n          format.Namespace
		file, want string
	}{
		{pod, "", "pod:web"}, {pod, "blue", "blue"}, {pod, "cni-" + uuid, "pod:web"}, {pod, uuid, "pod:web"}, {pod, "netns-" + uuid, "pod:web"},
		{program, "cni-" + uuid, "cni-" + uuid}, {program, "", "nginx/7"}, {format.Namespace{}, "netns-" + uuid, "netns-" + uuid},
		{pod, "cni-blue", "cni-blue"}, {pod, "cni-" + uuid + "0", "cni-" + uuid + "0"},
	} {
		if got := called(c.n, c.file); got.Name != c.want || (got.By == format.ByIPNetns) != (c.want == c.file && c.file != "") {
			t.Errorf("%s in %q is called %+v, want %s", c.n.Name, c.file, got, c.want)
		}
	}
}
