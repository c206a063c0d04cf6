package track

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// A branch is one sk_buff of a packet. What every event needs stands first, in two lines of
// the cache: with many packets on their way each costs a read from memory.
type branch struct {
	id, addr uint64 // of the data buffer, 0: known by addr; of the sk_buff, 0: not known yet
	last     uint64 // ns, of its last event; before its first, of that which it comes from
	journey  uint32
	next     uint32 // in the buffer, and the one before
	before   uint32
	number   uint32
	hop      uint32 // of its next event
	probe    uint32 // of the last event that tells where it was
	dev      uint32
	netns    uint32
	mark     uint32
	cpu      uint32
	headers  uint32
	fromWord uint32 // how its buffer came to be; its next event says so, and what from
	flags    uint32
	class    kfunc.Class
	end      ending
	record   recordKind // that says how it ended
	unclear  unclear    // what its end may have been and does not tell
	sends    uint8      // how often TCP sent clones of it again
	resent   uint8      // how often TCP had sent the same before

	fromBranch uint32
	fromPacket uint64
	fromID     uint64 // the identity there, if it is another
	endTS      uint64 // ns, of the record that says how it ended
	queuedAt   uint64 // ns
	sock       uint64 // inode of the socket that has it
	into       uint64 // merged: the packet
	intoID     uint64 // merged: the identity that it went into
	content    uint64 // --infer: keys by which it is found
	payload    uint64
	prev, more uint32 // in the journey
	fifo       uint32 // in the queue of those that ended
	reason     uint32
	location   uint32
	comm, tgid uint32
}

const (
	seen           = 1 << iota // a probe saw it on its way: not only as it was freed, or as a copy was read
	ended                      // its end is known
	held                       // but the data buffer is not released yet
	queued                     // it waits in the queue of those that ended
	hashed                     // it is in the table
	hasDevs                    // dev, netns are known
	hasMarks                   // mark is known
	hasCPUs                    // cpu is known
	inferredBranch             // it, or what it comes from, was found by --infer
	duplicateDrop              // dropped, and what it was a copy of was taken
	isSYN                      // a TCP SYN
	answered                   // by a SYN-ACK
	cloned                     // since TCP was last about to send it
	holder                     // no probe has seen it, and no link tells where its data is from
	copied                     // a copy was made of it, and it has not been seen since
	forOtherHost               // dropped, as it was for another host
	wentUp                     // Open vSwitch sent it to user space
	discovery                  // of neighbours or routers, which the kernel frees as a drop though it used it
)

// An ending is an index of format.EndNames.
type ending uint8

const (
	delivered ending = iota
	transmitted
	dropped
	consumed
	merged
	lost
	open
)

// ranks order endings by how far the packet got: the journey's is the one that ranks first.
var ranks = [len(format.EndNames)]uint8{delivered: 0, dropped: 2, transmitted: 3, lost: 4, open: 5, merged: 6,
	consumed: 7}

// rank is b's, in a journey that TCP sent again so often.
func (b *branch) rank(resent uint32) uint8 {
	switch {
	case b.flags&duplicateDrop != 0, b.end == dropped && uint32(b.resent) < resent:
		return 10 // it was taken, or sent again: what became of that tells
	case b.end == merged && b.into == 0:
		return 11 // into its own packet, which goes on
	case b.end == dropped && b.flags&forOtherHost != 0:
		return 8 // a bridge gave it to several: it was for one of the others
	case b.end == consumed && b.unclear == plainEnd && b.flags&seen == 0:
		return 9 // a copy for an observer, as tcpdump
	case b.end == consumed && b.unclear == unclearSend:
		return ranks[transmitted]
	case b.end == consumed && b.unclear != plainEnd:
		return 1 // perhaps delivered
	}
	return ranks[b.end]
}

// better says whether b's end says more about the journey than o's.
func (b *branch) better(o *branch, resent uint32) bool {
	if r, s := b.rank(resent), o.rank(resent); r != s {
		return r < s
	}
	return b.endTS > o.endTS || b.endTS == o.endTS && b.number < o.number
}

type recordKind uint8

const (
	noRecord recordKind = iota
	freeRecord
	eventRecord
	linkRecord
	lossRecord
	endRecord
)

var recordNames = [...]string{"", "free", "event", "link", "loss", "end"}

// A journey is all branches of a packet.
type journey struct {
	packet      uint64 // 0 until its first event
	first, last uint64 // ns
	slowest     uint64
	resent      uint32 // how often TCP sent it again
	end         uint64 // ns of the last record about it
	hops        uint32
	from        uint32 // packed headers of its first event that has some
	branches    uint32 // numbers given
	live        uint32 // branches kept in its list
	list        uint32
	flags       uint8

	best   uint32 // of the branches that ended, kept
	older  uint32 // in the list of those that are open
	newer  uint32
	placed uint64 // ns, end when it was put there
	ends   [len(format.EndNames)]uint32
	born   uint64 // ns, of the first record about it, links included
}

const (
	byAddr = 1 << iota
	byContent
	guessed // --infer joined it with another
	alike   // equal packets went up to Open vSwitch's user space: which of them came back is not known
	late    // there was more of it before what it was first seen by: a function's return, a link
	lacking // events of it were held back
)
