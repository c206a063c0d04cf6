//go:build linux

package nsnames

import (
	"maps"
	"os"
	"slices"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// A Task is a process in a network namespace.
type Task struct {
	PID  int
	Host string // the host name in its UTS namespace
}

// Later names the network namespaces that were made after Find.
type Later struct {
	own   uint32
	host  string // of this process
	tasks func(func(inum uint32, t Task)) error
	now   func() time.Time

	met   map[uint32]*met
	taken map[string]bool // names that a namespace has
	next  time.Time       // when processes may be looked through again
}

// A met namespace is one that an event was in, or that has a name.
type met struct {
	cookie uint64 // of the first event in it; 0: there was none, or the kernel has none
	name   string
	named  bool      // by a name that will do
	tries  int       // that were in vain
	next   time.Time // when another one may be made
}

// A namespace without a name is looked for again when so much time has gone by: what makes a container needs some for
// its first process.
var retries = [...]time.Duration{time.Second, 10 * time.Second}

// What looking for names may cost: from one look at all processes to the next it takes wait, and rest times as long as
// the look took, 2% of a core at the most.
const (
	wait = 100 * time.Millisecond
	rest = 50
)

// NewLater returns a Later. known are the names that Find found, own is this process's namespace. tasks calls its
// argument with each process that is in another namespace.
func NewLater(own uint32, known map[uint32]format.Namespace, tasks func(func(inum uint32, t Task)) error) *Later {
	l := &Later{own: own, tasks: tasks, now: time.Now, met: map[uint32]*met{}, taken: map[string]bool{}}
	l.host, _ = os.Hostname()
	for inum, n := range known {
		l.met[inum] = &met{named: true}
		l.taken[n.Name] = true
	}
	l.met[own] = &met{named: true}
	return l
}

// Saw takes the namespace of an event, and returns the names that it found for it and for others, in order of their
// numbers. done: nothing more is to be found for this one. cookie is 0 where the kernel has none: then a namespace that
// has the number of one that is gone can't be told from that.
func (l *Later) Saw(inum uint32, cookie uint64) (found []format.NamespaceFound, done bool) {
	m := l.met[inum]
	switch {
	case m == nil && len(l.met) >= maxNames:
		return nil, true
	case m == nil:
		m = &met{cookie: cookie}
		l.met[inum] = m
	case m.cookie == 0:
		m.cookie = cookie
	case cookie != 0 && m.cookie != cookie && inum != l.own:
		*m = met{cookie: cookie} // the number is another's now
	}
	if m.named || m.tries > len(retries) {
		return nil, true
	}
	began := l.now()
	if began.Before(l.next) || began.Before(m.next) {
		return nil, false
	}
	found = l.look()
	ended := l.now()
	l.next = ended.Add(wait + rest*ended.Sub(began))
	if !m.named {
		if m.tries < len(retries) {
			m.next = ended.Add(retries[m.tries])
		}
		m.tries++
	}
	return found, m.named || m.tries > len(retries)
}

// look finds the names of all that have none yet.
func (l *Later) look() (found []format.NamespaceFound) {
	first := map[uint32]Task{} // the process with the lowest number in each
	// What could be read is better than nothing.
	_ = l.tasks(func(inum uint32, t Task) {
		if was, ok := first[inum]; inum != l.own && (!ok || t.PID < was.PID) && (ok || len(first) < maxNames) {
			first[inum] = t
		}
	})
	names := named()
	wanted := map[uint32]bool{}
	for inum := range first {
		wanted[inum] = true
	}
	for inum := range names {
		wanted[inum] = true
	}
	for _, inum := range slices.Sorted(maps.Keys(wanted)) {
		m := l.met[inum]
		if m != nil && m.named || m == nil && len(l.met) >= maxNames {
			continue
		}
		t, inside := first[inum]
		n := format.Namespace{}
		if inside {
			n = ofProcess(t.PID, func(int) string {
				if t.Host == l.host {
					return ""
				}
				return t.Host
			})
		}
		n = called(n, names[inum])
		if n.By != format.ByIPNetns && l.taken[n.Name] {
			n.Name += numbered(inum)
		}
		if n.Name == "" || m != nil && m.name == n.Name {
			continue // it ended just now, or nothing new is known
		}
		if m == nil {
			m = &met{}
			l.met[inum] = m
		}
		// The file of a container is there before its first process.
		m.name, m.named, l.taken[n.Name] = n.Name, n.By != format.ByIPNetns || !machineMade(n.Name), true
		found = append(found, format.NamespaceFound{Inum: inum, Namespace: n})
	}
	return found
}
