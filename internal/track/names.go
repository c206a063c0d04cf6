package track

// names are strings by number, for what is kept of each packet: probes, devices, reasons.
type names struct {
	index map[string]uint32
	all   []name
}

type name struct {
	text  string
	class class // as a probe
	sends bool  // as a probe: TCP is about to send it
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
	n.all = append(n.all, name{text, classify(text), isSender(text)})
	return i
}

func (n *names) text(i uint32) string { return n.all[i].text }
func (n *names) sends(i uint32) bool  { return n.all[i].sends }
func (n *names) class(i uint32) class { return n.all[i].class }
