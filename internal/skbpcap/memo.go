package skbpcap

import "bytes"

// A memo has comments as they were written last. Most events share their probe, their device
// and namespace, and their process with one shortly before: to write these nine comments anew
// took a quarter of skb-pcap's time.
type memo struct {
	name    []byte
	numbers [3]opt
	text    []byte // the comments
}

type memos [1 << 6]memo

// maxMemo is how long a name may be, in bytes, to be kept: those of the kernel are shorter.
const maxMemo = 128

// written are the memos of a writer.
type written struct{ probe, dev, process memos }

// of returns the memo of a name and numbers; false when its text is yet to be written.
func (m *memos) of(name []byte, numbers [3]opt) (*memo, bool) {
	if len(name) > maxMemo {
		return &memo{}, false
	}
	at := numbers[0].v*7 + numbers[1].v*31 + numbers[2].v
	if n := uint64(len(name)); n > 0 {
		at += n + uint64(name[n/2])*5 + uint64(name[n-1])*13
	}
	one := &m[at*0x9e3779b97f4a7c15>>58]
	if one.text != nil && one.numbers == numbers && bytes.Equal(one.name, name) {
		return one, true
	}
	one.name, one.numbers, one.text = append(one.name[:0], name...), numbers, one.text[:0]
	return one, false
}
