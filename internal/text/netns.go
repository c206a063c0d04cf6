package text

import (
	"bytes"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/netname"
)

// came is what is kept of a start, for its own records and for when the stream comes back to it.
type came struct {
	offset int64
	wall   bool // offset is known
	host   string
	own    uint64 // inum of the tool's own network namespace; 0: not known, or not yet
	// own was not told, and is that of the first event
	guessed bool
	names   *netname.Names // of others
}

// cameWith is what is kept of a start.
func cameWith(r format.Raw) came {
	c := came{names: netname.Of(r)}
	c.offset, c.wall = r.Get("clock_offset").Int()
	host, _ := r.Get("host").Str()
	c.host = string(host[:min(len(host), maxHost)])
	c.own = c.names.Own()
	return c
}

// sees takes the namespace of an event.
func (c *came) sees(e *fields) {
	if e.netns.OK && e.cookie.OK {
		c.names.Sees(e.netns.V, e.cookie.V)
	}
}

// appendNetns appends what text shows of a network namespace behind a device: nothing of the tool's own, @web of one
// with a name, " netns=4026532166" of others. If a stream does not say which the tool's own is, as older streams and
// captures do not, the first without a name is taken for it.
func (c *came) appendNetns(dst []byte, inum uint64) []byte {
	if c.own == 0 && c.names.Name(inum) == "" {
		c.own, c.guessed = inum, true
	}
	if inum == c.own {
		return dst
	}
	return c.appendOther(dst, inum)
}

// appendOther is appendNetns of one that is not the tool's own.
func (c *came) appendOther(dst []byte, inum uint64) []byte {
	if name := c.names.Name(inum); name != "" {
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
	if name := c.names.Name(inum); name != "" {
		return append(dst, name...)
	}
	return strconv.AppendUint(dst, inum, 10)
}
