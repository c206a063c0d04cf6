package drops

import (
	"io"
	"time"

	"github.com/skb-tools/skb-tools/internal/terminal"
)

// redraw is how often --live draws, unless --interval says otherwise.
const redraw = time.Second

// turn closes the interval that is over when a record of time t comes. Intervals are of
// the stream's time, so a saved stream gives the same summaries as the live one did;
// those in which nothing was dropped are not written.
func (r *run) turn(t uint64) {
	every := r.every()
	if every == 0 {
		return
	}
	if r.start == 0 {
		r.start = t
	}
	if t < r.start+every {
		return
	}
	n := (t - r.start) / every
	if r.screen != nil { // what was quiet is seen as quiet
		for range min(n, sparkTicks) - 1 {
			r.s.tick()
		}
	}
	r.close()
	r.start += n * every
}

func (r *run) every() uint64 {
	if r.screen != nil && r.o.Interval == 0 {
		return uint64(redraw)
	}
	return uint64(r.o.Interval)
}

// close writes the interval's summary, or draws the screen anew.
func (r *run) close() {
	if r.outErr != nil {
		return
	}
	if r.screen != nil {
		r.s.tick()
		r.s.besides = r.shortBesides()
		r.outErr = r.drawScreen()
		return
	}
	if r.s.total > 0 {
		r.outErr = r.writeInterval()
	}
	r.s = newSummary(r.by, r.o.Normal)
}

func (r *run) drawScreen() error {
	return r.screen.Draw(func(w io.Writer, columns, lines int) error {
		return r.s.draw(w, columns, lines, time.Duration(r.every()))
	})
}

// writeInterval writes the summary of the interval that began at r.start: its rates are by
// the whole of it, also where the stream ends before.
func (r *run) writeInterval() error {
	r.s.first, r.s.last, r.s.bounded, r.s.interval = r.start, r.start+r.every(), true, true
	return r.write()
}

// write writes the summary as text or JSON lines.
func (r *run) write() error {
	if r.o.Output == "json" {
		return r.s.writeJSON(r.out)
	}
	return r.s.writeText(r.out, terminal.Width(r.out))
}

// arm has the interval closed while the reader waits for input that does not come.
func (r *run) arm() {
	every := r.every()
	if every == 0 || (r.start == 0 && r.screen == nil) {
		return
	}
	left := every
	if r.s.last > r.start {
		left -= min(r.s.last-r.start, every)
	}
	if r.timer == nil {
		r.timer = time.AfterFunc(time.Duration(left), r.expire)
		return
	}
	r.timer.Reset(time.Duration(left))
}

func (r *run) expire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.waiting {
		return
	}
	r.close()
	if r.start != 0 {
		r.start += r.every()
		if r.screen != nil {
			r.s.seen(r.start) // time goes on, also without drops
		}
	}
	if r.screen != nil {
		r.timer.Reset(time.Duration(r.every()))
	}
}
