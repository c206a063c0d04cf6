//go:build linux && (amd64 || arm64)

package collect

import (
	"os"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/nsnames"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// A namer writes names of network namespaces that were made after the start.
type namer struct {
	later *nsnames.Later
	tasks *kernel.Tasks // nil: only ip-netns(8) gives names
	last  format.Netns  // of an event, for which there is no more to find: the next is mostly in the same
	found []format.NamespaceFound
}

// firstPIDs is the inode number of the first PID namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO).
const firstPIDs = "pid:[4026531836]"

// nameLater prepares for namespaces that are made from now on. Processes are numbered as in the first PID namespace, so
// that /proc has to be of that one.
func (c *collector) nameLater(s *format.Start) {
	n := &namer{}
	if pids, err := os.Readlink("/proc/self/ns/pid"); err == nil && pids == firstPIDs {
		n.tasks, _ = c.loader.NewTasks(s.Netns.Inum) // without it, namespaces have the names of ip-netns(8)
	}
	n.later = nsnames.NewLater(s.Netns.Inum, s.Namespaces, n.each)
	c.namer = n
}

func (n *namer) each(f func(uint32, nsnames.Task)) error {
	if n.tasks == nil {
		return nil
	}
	return n.tasks.Each(func(t kernel.Task) { f(t.Netns, nsnames.Task{PID: int(t.PID), Host: t.Host}) })
}

// maxNamed is how many names are kept for the files of --rotate.
const maxNamed = 16 << 10

// saw writes the names that are found because of an event.
func (n *namer) saw(e *format.Event, write func(format.Appender) error) error {
	if n == nil || e.Netns == n.last || e.Netns.Inum == 0 {
		return nil
	}
	found, done := n.later.Saw(e.Netns.Inum, e.Netns.Cookie)
	if done {
		n.last = e.Netns
	}
	for i := range found {
		found[i].TS = e.TS
		if err := write(&found[i]); err != nil {
			return err
		}
	}
	if len(n.found) < maxNamed {
		n.found = append(n.found, found...)
	}
	return nil
}

// again are the names so far, for another file.
func (n *namer) again() (all []format.Raw) {
	if n == nil {
		return nil
	}
	for i := range n.found {
		all = append(all, n.found[i].AppendMsgpack(nil))
	}
	return all
}

func (n *namer) close() {
	if n != nil {
		n.tasks.Close()
	}
}
