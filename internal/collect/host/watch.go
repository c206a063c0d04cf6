//go:build linux && (amd64 || arm64)

package host

import (
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// What the start record says of this network namespace does not stay so. The kernel tells at once of
// most that changes, on sockets of netlink: they are looked at before a drop is written, so that a reader
// knows in front of the drop what is not as before. How it is now is then found by another look at it,
// beside the reading. What the kernel does not tell of is compared from time to time.

// How often, at most, is looked at what the kernel tells nothing of, and how much of one cpu that may take,
// and looking in all: one part in so many. What was not used before, up to so long, may be used at once.
const (
	lookEvery   = time.Second
	lookShare   = 100
	lookUnasked = 200
	lookSaved   = time.Minute
)

// Interval is how often Tick is to be called.
const Interval = 100 * time.Millisecond

// notAskedAgain is how long it is taken for true what can neither be asked for again nor is told of.
const notAskedAgain = 5 * time.Minute

// before is how much earlier than it was told of a change may have come: what belongs to one change
// is told of when all of it has been made.
const before = 100 * time.Millisecond

// A Watch notices that what the start record says is so no more.
type Watch struct {
	clock   func() uint64 // ns, CLOCK_MONOTONIC
	has     func(module, function string) bool
	epoll   int // of the sockets; -1: there are none
	sockets []*notices
	ready   [8]unix.EpollEvent
	buf     []byte

	began uint64       // ns, when the start record was made
	start format.Facts // what it says
	told  format.Facts // with what changed since
	keys  map[string]*watched
	clean uint64 // ns: what the sockets had then was told

	chains   map[string]string // base chains of nftables, as the notices say; nil: not known any more
	moved    bool              // they are not as told
	chainsAt uint64            // ns: when they were told last

	looks   func(lookAt) looked
	looking chan looked // where the look that goes on tells; nil: none does
	paid    uint64      // ns: up to then, looking has used its share
	next    uint64      // ns: when there is a look without a notice
}

// A watched is how it stands with a key of the start record.
type watched struct {
	silent bool   // no notices come of it
	partly bool   // nor of all that it has
	dirty  bool   // a notice came, and it was not looked at since
	since  bool   // one came since the look began that goes on
	open   bool   // it was told that it is not known
	from   uint64 // ns: from when on
	read   uint64 // ns: it was as told then

	ts, seen uint64 // of the last record that told how it is; 0: none did
}

// NewWatch begins to watch; what the start record is to say is read behind it. Where the kernel does not
// let it, less is known.
func NewWatch(has func(module, function string) bool) *Watch {
	w := &Watch{clock: clock.Monotonic, has: has, buf: make([]byte, 32<<10), keys: map[string]*watched{}}
	for _, key := range format.FactKeys {
		w.keys[key] = &watched{silent: true, partly: key == "sysctl" || key == "firewall"}
	}
	w.looks = w.look
	w.clean = w.clock()
	var err error
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		w.epoll = -1
		return w
	}
	w.listen(unix.NETLINK_ROUTE, routeGroups, routeKeys, func(m notice) { w.changed(routeChanges(m.kind)...) })
	w.listen(unix.NETLINK_KOBJECT_UEVENT, []int{1}, nil, func(m notice) {
		if name := moduleOf(m); name != "" {
			w.module(name)
		}
	})
	// Who listens to a protocol that the kernel lacks has its module loaded.
	if netlinkHas(unix.NETLINK_XFRM) {
		w.listen(unix.NETLINK_XFRM, xfrmGroups, xfrmKeys, func(notice) { w.changed(xfrmKeys...) })
	}
	if has("nf_tables", kfunc.NFTDoChain) {
		w.listen(unix.NETLINK_NETFILTER, []int{unix.NFNLGRP_NFTABLES}, firewallKeys, w.chain)
	}
	return w
}

// listen opens a socket that tells of keys; nil: of modules.
func (w *Watch) listen(protocol int, groups []int, keys []string, f func(notice)) {
	fd, err := listen(protocol, groups...)
	if err != nil {
		return
	}
	in := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(w.sockets))}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &in); err != nil {
		unix.Close(fd)
		return
	}
	for _, key := range keys {
		w.keys[key].silent = false
	}
	about := keys
	if keys == nil {
		about = append(slices.Clone(firewallKeys), xfrmKeys...)
	}
	w.sockets = append(w.sockets, &notices{fd: fd, notice: f, lost: func() {
		w.changed(about...)
		if slices.Contains(about, "firewall") {
			w.chains = nil
		}
	}})
}

// Close ends it.
func (w *Watch) Close() {
	for _, n := range w.sockets {
		unix.Close(n.fd)
	}
	if w.epoll >= 0 {
		unix.Close(w.epoll)
	}
}

// Begin takes the start record, which was read behind NewWatch.
func (w *Watch) Begin(r format.Raw) {
	w.start, w.told = r.Facts(), r.Facts()
	w.began, _ = r.Time()
	if firewall, known := w.start["firewall"]; known {
		w.chains = map[string]string{}
		for name, hook := range firewall {
			if strings.HasPrefix(name, nftChain) {
				s, _ := hook.Str()
				w.chains[name] = string(s)
			}
		}
	}
	w.paid, w.next = w.began-min(w.began, uint64(lookSaved)), w.began+uint64(lookEvery)
	for _, k := range w.keys {
		k.read = w.began
	}
}

// nftChain is how the names of the chains of nftables begin in `firewall`.
const nftChain = "nft "

// Looked is when what the kernel tells nothing of was read last, in ns: the settings were as told then.
func (w *Watch) Looked() uint64 { return w.keys["sysctl"].read }

// changed takes note that keys are not as they were told.
func (w *Watch) changed(keys ...string) {
	for _, key := range keys {
		w.keys[key].dirty, w.keys[key].since = true, true
	}
}

// module takes note of one that was loaded or removed.
func (w *Watch) module(name string) {
	w.changed(moduleChanges(name)...)
	if name == "nf_tables" && w.keys["firewall"].silent {
		w.chains = nil // who listens now has not heard what was before
	}
}

// chain takes a message of nf_tables.
func (w *Watch) chain(m notice) {
	c, ok := chainOf(m)
	if !ok || w.chains == nil {
		return
	}
	w.moved = true
	switch {
	case c.chain == "": // the table went, with all that it had
		for name := range w.chains {
			if strings.HasPrefix(name, c.table) {
				delete(w.chains, name)
			}
		}
	case c.gone:
		delete(w.chains, c.table+c.chain)
	default:
		w.chains[c.table+c.chain] = c.hook
	}
}

// Stale says whether something may have changed before ts that was not told of.
func (w *Watch) Stale(ts uint64) bool { return ts > w.clean }

// Poll writes what the kernel has told of, and what a look has found.
func (w *Watch) Poll(write func(format.Appender) error) error {
	now := w.clock()
	n := 0
	if w.epoll >= 0 {
		var err error
		if n, err = unix.EpollWait(w.epoll, w.ready[:], 0); err != nil {
			return nil // by a signal: the next call asks again
		}
	}
	for _, e := range w.ready[:n] {
		w.sockets[e.Fd].read(w.buf)
	}
	if n > 0 {
		if err := w.tell(write); err != nil {
			return err
		}
	}
	w.clean = now
	select {
	case l := <-w.looking:
		w.looking = nil
		return w.found(l, write)
	default:
		return nil
	}
}

// tell writes which keys are not known any more, and the chains of nftables, of which notices say all.
func (w *Watch) tell(write func(format.Appender) error) error {
	now := w.clock()
	if w.moved && now-w.chainsAt < uint64(Interval) {
		w.changed(firewallKeys...) // chains that come and go all the time are told of now and then
	}
	var lost []string
	for _, key := range format.FactKeys {
		if k := w.keys[key]; k.dirty && !k.open && w.told[key] != nil {
			k.from = w.asTold(k)
			lost = append(lost, key)
		}
	}
	if err := w.lose(write, lost); err != nil {
		return err
	}
	k := w.keys["firewall"]
	if !w.moved || k.open || k.dirty || w.told["firewall"] == nil {
		return nil
	}
	w.moved, w.chainsAt = false, now
	k.from = w.asTold(k)
	return w.write(write, format.Facts{"firewall": w.withChains(w.told["firewall"])}, firewallKeys, now)
}

// asTold is until when a key, of which a notice came now, was certainly as told.
func (w *Watch) asTold(k *watched) uint64 {
	if k.partly {
		return k.read
	}
	return max(k.read, w.clean-min(w.clean, uint64(before)))
}

// lose tells that keys are not known from their from on.
func (w *Watch) lose(write func(format.Appender) error, keys []string) error {
	return w.together(keys, func(k *watched) [2]uint64 {
		return [2]uint64{k.from}
	}, func(keys []string, t [2]uint64) error {
		for _, key := range keys {
			w.keys[key].open = true
		}
		return write(&format.Change{TS: t[0], Keys: keys})
	})
}

// together calls f for those of keys that have the same times, the earliest first.
func (w *Watch) together(keys []string, times func(*watched) [2]uint64,
	f func(keys []string, t [2]uint64) error) error {
	of := map[[2]uint64][]string{}
	for _, key := range keys {
		t := times(w.keys[key])
		of[t] = append(of[t], key)
	}
	order := make([][2]uint64, 0, len(of))
	for t := range of {
		order = append(order, t)
	}
	slices.SortFunc(order, func(a, b [2]uint64) int { return slices.Compare(a[:], b[:]) })
	for _, t := range order {
		if err := f(of[t], t); err != nil {
			return err
		}
	}
	return nil
}

// withChains are the tables of iptables and its like in old, and the chains of nftables.
func (w *Watch) withChains(old map[string]wire.Value) map[string]wire.Value {
	all := map[string]wire.Value{}
	for name, v := range old {
		if !strings.HasPrefix(name, nftChain) {
			all[name] = v
		}
	}
	for name, hook := range w.chains {
		all[name] = wire.AppendStr(nil, hook)
	}
	return all
}

// write tells how keys are now, of which those that are not open have changed since their from, if they have.
func (w *Watch) write(write func(format.Appender) error, now format.Facts, keys []string, seen uint64) error {
	all := format.Changes(w.told, now, keys)
	all.Keys = slices.DeleteFunc(all.Keys, func(key string) bool {
		return !w.keys[key].open && all.Facts[key] == nil && all.Gone[key] == nil
	})
	return w.together(all.Keys, func(k *watched) [2]uint64 {
		return [2]uint64{k.from}
	}, func(keys []string, t [2]uint64) error {
		c := format.Changes(w.told, now, keys)
		c.TS, c.Seen = t[0], format.Some(max(seen, t[0]))
		for _, key := range keys {
			k := w.keys[key]
			k.open, k.ts, k.seen = false, c.TS, c.Seen.V
		}
		w.told.Apply(c)
		return write(c)
	})
}

// Again returns what has to stand behind the start in another file.
func (w *Watch) Again() (all []format.Raw) {
	var changed, open []string
	for _, key := range format.FactKeys {
		k := w.keys[key]
		if k.ts != 0 {
			changed = append(changed, key)
		}
		if k.open {
			open = append(open, key)
		}
	}
	_ = w.together(changed, func(k *watched) [2]uint64 {
		return [2]uint64{k.ts, k.seen}
	}, func(keys []string, t [2]uint64) error {
		c := format.Changes(w.start, w.told, keys)
		c.TS, c.Seen = t[0], format.Some(t[1])
		all = append(all, c.AppendMsgpack(nil))
		return nil
	})
	_ = w.lose(func(r format.Appender) error {
		all = append(all, r.AppendMsgpack(nil))
		return nil
	}, open)
	return all
}

// Tick is to be done every Interval: it polls, and begins a look when it is time.
func (w *Watch) Tick(write func(format.Appender) error) error {
	if err := w.Poll(write); err != nil {
		return err
	}
	if w.looking != nil {
		return nil
	}
	now := w.clock()
	at, due := lookAt{chains: w.chains == nil}, now >= w.next
	for key, k := range w.keys {
		if byRoute(key) {
			at.route = at.route || k.dirty || k.silent && due
		} else {
			at.settings = at.settings || k.dirty || due
		}
	}
	if !at.route && !at.settings || now < w.paid {
		return nil
	}
	for _, k := range w.keys {
		k.dirty, k.since = false, false
	}
	w.looking = make(chan looked, 1)
	go func(to chan<- looked) { to <- w.looks(at) }(w.looking)
	return nil
}

// found writes what a look has found to be otherwise, as far as nothing changed meanwhile.
func (w *Watch) found(l looked, write func(format.Appender) error) error {
	w.paid = max(w.paid, l.to-min(l.to, uint64(lookSaved))) + lookShare*uint64(l.took)
	if l.at.settings {
		w.next = l.to + max(lookUnasked*uint64(l.took), uint64(lookEvery))
	}
	steady(w.told, l.facts)
	w.joinFirewall(&l)
	var lost, found []string
	for _, key := range format.FactKeys {
		k := w.keys[key]
		asked := l.at.settings
		if byRoute(key) {
			asked = l.at.route
		}
		switch {
		case k.since || !asked:
			// It may be half of the one and half of the other.
		case l.facts[key] != nil:
			if !k.open {
				k.from = k.read
			}
			k.read = l.from
			found = append(found, key)
		case w.told[key] == nil || k.open || !k.silent:
		case key != "bpf_programs":
			k.from = k.read
			lost = append(lost, key)
		case l.to > w.began+uint64(notAskedAgain):
			k.from = w.began + uint64(notAskedAgain)
			lost = append(lost, key)
		}
	}
	if err := w.lose(write, lost); err != nil {
		return err
	}
	return w.write(write, l.facts, found, l.to)
}

// byRoute says whether rtnetlink tells how a key is, not only that it changes.
func byRoute(key string) bool { return key != "sysctl" && slices.Contains(routeKeys, key) }

// joinFirewall makes one of the older tables that a look has found and the chains of nftables.
func (w *Watch) joinFirewall(l *looked) {
	k := w.keys["firewall"]
	switch {
	case k.silent && w.has("nf_tables", ""):
		w.chains = nil // it was not there when the stream began: nobody tells what was made since
	case w.chains == nil && !k.silent && !k.since:
		w.chains = l.chains
	}
	older, ok := l.facts["firewall"]
	if delete(l.facts, "firewall"); ok && w.chains != nil {
		l.facts["firewall"] = w.withChains(older)
		w.moved = false
	}
}

// HasNow is what says whether the kernel has a module, for a look that comes later: what is built into it
// is known from the start.
func HasNow(has func(module, function string) bool) func(module, function string) bool {
	built := map[string]bool{}
	loaded := func(module string) bool {
		_, err := os.Stat("/sys/module/" + module)
		return err == nil
	}
	for module, function := range map[string]string{"nf_tables": kfunc.NFTDoChain, "ebtables": kfunc.EbtDoTable} {
		built[module] = !loaded(module) && has(module, function)
	}
	return func(module, _ string) bool { return built[module] || loaded(module) }
}
