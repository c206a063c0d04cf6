package text

import (
	"bytes"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
)

// came is what is kept of a start, for its own records and for when the stream comes back to it.
type came struct {
	offset int64
	wall   bool // offset is known
	host   string
	own    uint64 // inum of the tool's own network namespace; 0: not known, or not yet
	// own was not told, and is that of the first event
	guessed bool
	names   map[uint64]string // of others
	cookies map[uint64]uint64 // of those with a name, as their first event had it
}

// maxName bounds how much of a namespace's name is kept, in bytes; maxNames how many of a start.
const (
	maxName  = 80
	maxNames = 16 << 10
)

// cameWith is what is kept of a start.
func cameWith(r format.Raw) came {
	c := came{}
	c.offset, c.wall = r.Get("clock_offset").Int()
	host, _ := r.Get("host").Str()
	c.host = string(host[:min(len(host), maxHost)])
	c.own, _ = r.Get("netns", "inum").Uint()
	c.names, c.cookies = map[uint64]string{}, map[uint64]uint64{}
	for inum, n := range r.Namespaces() {
		c.named(uint64(inum), n.Name)
	}
	return c
}

func (c *came) named(inum uint64, name string) {
	if name != "" && len(c.names) < maxNames {
		c.names[inum] = escape.CutRunes(name, maxName)
	}
}

// found takes a namespace record. The name is that of the events behind it, and of none before.
func (c *came) found(r format.Raw) {
	inum, ok := r.Get("inum").Uint()
	name, _ := r.Get("named", "name").Str()
	if ok && c.names != nil { // else there was no start
		delete(c.names, inum)
		delete(c.cookies, inum)
		c.named(inum, string(name[:min(len(name), 4*maxName)]))
	}
}

// sees takes the namespace of an event. The kernel gives the number of a namespace that is gone to another one at once,
// but a cookie to only one: with another cookie the number is of another namespace, which has no name here.
func (c *came) sees(e *fields) {
	inum := e.netns.V
	if !e.netns.OK || !e.cookie.OK || c.names[inum] == "" {
		return
	}
	if was, known := c.cookies[inum]; !known {
		c.cookies[inum] = e.cookie.V
	} else if was != e.cookie.V {
		delete(c.names, inum)
	}
}

// appendNetns appends what text shows of a network namespace behind a device: nothing of the tool's own, @web of one
// with a name, " netns=4026532166" of others. If a stream does not say which the tool's own is, as older streams and
// captures do not, the first is taken for it.
func (c *came) appendNetns(dst []byte, inum uint64) []byte {
	if c.own == 0 {
		c.own, c.guessed = inum, true
	}
	if inum == c.own {
		return dst
	}
	return c.appendOther(dst, inum)
}

// appendOther is appendNetns of one that is not the tool's own.
func (c *came) appendOther(dst []byte, inum uint64) []byte {
	if name := c.names[inum]; name != "" {
		return appendEscaped(append(dst, '@'), name)
	}
	return strconv.AppendUint(append(dst, " netns="...), inum, 10)
}

// shortNetns makes a namespace's number as short as its name where there is little room: veth-b@4026532166.
func shortNetns(device []byte) []byte {
	name, number, ok := bytes.Cut(device, []byte(" netns="))
	if !ok {
		return device
	}
	return append(append(name, '@'), number...)
}

// netnsName appends the name of a network namespace, or its number.
func (c *came) netnsName(dst []byte, inum uint64) []byte {
	if name := c.names[inum]; name != "" {
		return append(dst, name...)
	}
	return strconv.AppendUint(dst, inum, 10)
}
