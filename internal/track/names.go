package track

import "github.com/skb-tools/skb-tools/internal/kfunc"

// names are strings by number, for what is kept of each packet: probes, devices, reasons.
type names struct {
	index map[string]uint32
	all   []name
}

type name struct {
	text  string
	class kfunc.Class // as a probe
	roles kfunc.Role
}

// maxNames bounds what a stream can make us keep; what comes later has no name.
const maxNames = 1 << 16

func newNames() *names { return &names{index: map[string]uint32{}, all: []name{{}}} }

// number returns the number of s, 0 for "".
func (n *names) number(s []byte) uint32 {
	if len(s) == 0 {
		return 0
	}
	if i, ok := n.index[string(s)]; ok {
		return i
	}
	if len(n.all) >= maxNames || len(s) > 256 {
		return 0
	}
	i := uint32(len(n.all))
	text := string(s)
	n.index[text] = i
	new := name{text: text, class: kfunc.ClassOf(text)}
	if f := kfunc.Lookup(text); f != nil {
		new.roles = f.Roles
	}
	n.all = append(n.all, new)
	return i
}

func (n *names) text(i uint32) string           { return n.all[i].text }
func (n *names) class(i uint32) kfunc.Class     { return n.all[i].class }
func (n *names) is(i uint32, r kfunc.Role) bool { return n.all[i].roles&r != 0 }

// sends tells whether a probe is where TCP has the sk_buff that it keeps, about to send it.
func (n *names) sends(i uint32) bool { return n.is(i, kfunc.Sends) }
