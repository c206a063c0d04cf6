package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// maxCounters is how many counters a line names.
const maxCounters = 16

// counters prints what the kernel's own counters grew by.
func (p *Printer) counters(r format.Raw) {
	if !p.o.Records && r.Get("grew").Len() == 0 {
		return
	}
	p.fitter.style = styleWhole
	p.head(r)
	p.say("counters:", cyan)
	since, compared := r.Get("since").Uint()
	if !compared {
		p.line = append(p.line, " read for the first time"...)
	}
	n := 0
	elements(r.Get("grew"), func(i int, v wire.Value) {
		if n++; n <= maxCounters {
			if n > 1 {
				p.line = append(p.line, ',')
			}
			p.counter(v)
		}
	})
	p.line = appendMore(p.line, n-maxCounters)
	if n == 0 && compared {
		p.line = append(p.line, " none of loss or trouble grew"...)
	}
	if compared {
		p.line = p.clock.appendTime(append(p.line, " since "...), since)
	}
	p.others(r, "took", "since", "before", "drops", "grew")
}

// counter prints one: `eth0 rx_missed_errors +1204`.
func (p *Printer) counter(v wire.Value) {
	of := pick(v, "name", "dev", "qdisc", "sock")
	for _, where := range [...]wire.Value{of[1], of[2], of[3], of[0]} {
		if s, ok := where.Str(); ok {
			p.line = appendEscaped(append(p.line, ' '), s)
		}
	}
	of = pick(v, "from", "to", "limit")
	from, _ := of[0].Uint()
	to, _ := of[1].Uint()
	if limit, level := of[2].Uint(); level {
		p.line = strconv.AppendUint(append(p.line, ' '), to, 10)
		p.line = strconv.AppendUint(append(p.line, " of "...), limit, 10)
		return
	}
	if from <= to {
		p.line = strconv.AppendUint(append(p.line, " +"...), to-from, 10)
	}
}
