// Package netname gives network namespaces the names that their stream has for them: what start and namespace records
// say of each, for the events between.
package netname

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
)

// maxName bounds how much of a name is kept, in bytes; maxNames how many names of a start.
const (
	maxName  = 80
	maxNames = 16 << 10
)

// Names are those of one start. A nil Names has none. They are as the stream has them: whoever shows one escapes it.
type Names struct {
	own     uint64
	spaces  map[uint64]format.Namespace
	cookies map[uint64]uint64 // of those with a name, as their first event had it
}

// Of is what a start record says.
func Of(start format.Raw) *Names {
	n := &Names{spaces: map[uint64]format.Namespace{}, cookies: map[uint64]uint64{}}
	n.own, _ = start.Get("netns", "inum").Uint()
	for inum, space := range start.Namespaces() {
		n.set(uint64(inum), space)
	}
	return n
}

func (n *Names) set(inum uint64, space format.Namespace) {
	if space.Name != "" && len(n.spaces) < maxNames {
		space.Name = escape.CutRunes(space.Name, maxName)
		space.Container, space.Pod, space.Host = "", "", "" // no reader asks for these
		n.spaces[inum] = space
	}
}

// Found takes a namespace record. The name is that of the events behind it, and of none before.
func (n *Names) Found(r format.Raw) {
	var found format.NamespaceFound
	if _, numbered := r.Get("inum").Uint(); n == nil || !numbered || found.Decode(r) != nil {
		return
	}
	inum := uint64(found.Inum)
	delete(n.spaces, inum)
	delete(n.cookies, inum)
	n.set(inum, found.Namespace)
}

// Any reports whether a namespace has a name.
func (n *Names) Any() bool { return n != nil && len(n.spaces) > 0 }

// Sees takes the namespace of an event. The kernel gives the number of a namespace that is gone to another one at once,
// but a cookie to only one: with another cookie the number is of another namespace, which has no name here.
func (n *Names) Sees(inum, cookie uint64) {
	if cookie == 0 || !n.Any() {
		return
	}
	if _, named := n.spaces[inum]; !named {
		return
	}
	if was, known := n.cookies[inum]; !known {
		n.cookies[inum] = cookie
	} else if was != cookie {
		delete(n.spaces, inum)
	}
}

// Own is the number of the tool's own network namespace; 0: the start does not tell it.
func (n *Names) Own() uint64 {
	if n == nil {
		return 0
	}
	return n.own
}

// Name is what a namespace is called; "": it has no name.
func (n *Names) Name(inum uint64) string { return n.Space(inum).Name }

// Space is all that is kept of a namespace; the zero one if it has no name.
func (n *Names) Space(inum uint64) format.Namespace {
	if n == nil {
		return format.Namespace{}
	}
	return n.spaces[inum]
}

// Label is what a picture or a table calls a namespace: its name, else "netns 4026532166". It is escaped.
func (n *Names) Label(inum uint64) string {
	if name := n.Name(inum); name != "" {
		return escape.String(name)
	}
	return "netns " + strconv.FormatUint(inum, 10)
}

// Device is what a picture or a table calls a device that is not in the tool's own namespace: veth-b@web. It is
// escaped. inum 0: the namespace is not known.
func (n *Names) Device(device string, inum uint64) string {
	device = escape.String(device)
	switch name := n.Name(inum); {
	case name != "":
		return device + "@" + escape.String(name)
	case inum == 0 || inum == n.Own():
		return device
	}
	return device + " netns=" + strconv.FormatUint(inum, 10)
}
