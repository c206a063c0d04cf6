//go:build linux && (amd64 || arm64)

package host

import (
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// A lookAt says what a look is to read.
type lookAt struct {
	route    bool // what rtnetlink tells
	settings bool // sysctls and what else is not of rtnetlink
	chains   bool // of nftables, with the settings
}

// A looked is what one look at the host has found.
type looked struct {
	at       lookAt
	facts    format.Facts      // what could be read; of the firewall, the older tables
	chains   map[string]string // of nftables; nil: not read
	from, to uint64            // ns
	took     time.Duration     // of cpu
}

// look reads what can be read without what skb-collect has given up. It runs beside the reading.
func (w *Watch) look(at lookAt) looked {
	// Of the thread, so that a loaded machine is not taken for a large one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used, l := cpuTime(), looked{at: at, from: w.clock()}
	s := &format.Start{}
	if at.settings {
		s.Sysctl, s.Firewall, s.BPF = sysctls(), olderTables(w.has), bpfPrograms()
		s.Xfrm, s.SPIs = xfrm()
		if at.chains {
			l.chains = chains(w.has)
		}
	}
	if at.route {
		routes(s)
	}
	l.facts = format.Raw(s.AppendMsgpack(nil)).Facts()
	l.to, l.took = w.clock(), cpuTime()-used
	return l
}

// cpuTime is what this thread has used.
func cpuTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// steady takes the number of connections, which always changes, as it was told, if it is on the same side
// of where their table counts as full.
func steady(told, now format.Facts) {
	const count, limit = "net.netfilter.nf_conntrack_count", "net.netfilter.nf_conntrack_max"
	full := func(f format.Facts) bool {
		number := func(name string) int {
			s, _ := f["sysctl"][name].Str()
			n, _ := strconv.Atoi(string(s))
			return n
		}
		return number(limit) > 0 && number(count)*100/number(limit) > conntrackFull
	}
	if v, had := told["sysctl"][count]; had && now["sysctl"][count] != nil && full(now) == full(told) {
		now["sysctl"][count] = v
	}
}

// conntrackFull is from where on skb-drops takes the table of connections for full, in percent.
const conntrackFull = 89
