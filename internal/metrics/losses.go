package metrics

import (
	"slices"

	"github.com/skb-tools/skb-tools/format"
)

// Losses count what `loss` records tell.
type Losses struct {
	kinds [len(format.LossKinds)]uint64
	other uint64
}

// Take takes a loss record.
func (l *Losses) Take(r format.Raw) {
	what, _ := r.Get("what").Str()
	n, _ := r.Get("count").Uint()
	if i := slices.Index(format.LossKinds[:], string(what)); i >= 0 {
		l.kinds[i] += n
	} else {
		l.other += n
	}
}

// Write adds them to a page. Those that are 0 are there, too: an alert on their growth needs them from the start.
func (l *Losses) Write(p *Page) {
	p.Family("skb_lost_total", "counter", "Records that the stream says were lost, at least.")
	for i, kind := range format.LossKinds {
		p.Count(l.kinds[i], Label{"what", kind})
	}
	if l.other > 0 {
		p.Count(l.other, Label{"what", Other})
	}
}
