package netname

import (
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// What a command begins with that is to be run in a network namespace, and what comes before the command itself.
var enters = [...]struct{ begin, end string }{
	// ip-netns(8)'s exec would mount another /sys, without cgroups, tracefs and pinned programs.
	{"nsenter --net=/run/netns/", " "},
	{"nsenter -t ", " -n "},
	{`nsenter --net="$(`, `)" `},
}

// AppendEnter appends what a command has to begin with to be run in a network namespace: by its name if ip-netns(8)
// knows it by that, else by a process that was in it when it was named, else by a file that stands for it, which is
// found by its inode.
func (n *Names) AppendEnter(dst []byte, inum uint64) []byte {
	space := n.Space(inum)
	switch {
	case space.By == format.ByIPNetns && typable(space.Name):
		return append(append(append(dst, enters[0].begin...), space.Name...), ' ')
	case space.PID != 0:
		return append(strconv.AppendUint(append(dst, enters[1].begin...), uint64(space.PID), 10), enters[1].end...)
	}
	dst = append(append(dst, enters[2].begin...), `find -L /run/netns/* /proc/[0-9]*/ns/net -maxdepth 0 -inum `...)
	dst = append(strconv.AppendUint(dst, inum, 10), ` -print -quit 2>/dev/null`...)
	return append(dst, enters[2].end...)
}

// typable tells whether ip takes a name for a file in /run/netns that it is, and a shell for one word. A name that was
// cut may be another's.
func typable(name string) bool {
	return len(name) < maxName && terminal.IsPlain([]byte(name)) && name[0] != '-' && !strings.Contains(name, "/") &&
		name != "." && name != ".."
}

// CutEnter parts a command from what AppendEnter put before it; "" if that is nothing.
func CutEnter[T ~string | ~[]byte](command T) (enter, rest T) {
	for _, e := range enters {
		if len(command) < len(e.begin) || string(command[:len(e.begin)]) != e.begin {
			continue
		}
		for i := len(e.begin) + 1; i+len(e.end) <= len(command); i++ {
			if string(command[i:i+len(e.end)]) == e.end {
				return command[:i+len(e.end)], command[i+len(e.end):]
			}
		}
	}
	return enter, command
}
