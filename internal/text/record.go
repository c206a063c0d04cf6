package text

import (
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// head prints the time column and, for the kinds that have one, the cpu's.
func (p *Printer) head(r format.Raw) {
	p.time(numberOf(r.Get("ts")))
	p.cpu(numberOf(r.Get("cpu")))
}

// others prints all keys of the record but those named and those that head
// and the record's type have told.
func (p *Printer) others(r format.Raw, but ...string) {
	p.malformed(r.Each(func(key []byte, v wire.Value) bool {
		switch k := string(key); k {
		case "type", "ts", "cpu":
		default:
			for _, b := range but {
				if k == b {
					return true
				}
			}
			p.section(key, v)
		}
		return true
	}))
}

// start prints what the stream is of. Of the tables that it brings for other
// programs, only how much there is. What comes behind a later start is of another host or another recording, so that
// one is always printed.
func (p *Printer) start(r format.Raw) {
	c := cameWith(r)
	p.came.Set(r, c)
	p.clock.start(c.offset, c.wall)
	p.of = c
	first := len(p.starts) == 0
	again := p.again(r)
	if first && !p.o.Records {
		return
	}
	p.head(r)
	p.say("start", cyan)
	if again {
		// A merge goes on with what belongs to it: only who is told.
		p.line = appendValue(append(p.line, " host="...), r.Get("host"))
		return
	}
	if ts, timed := r.Time(); c.wall && timed {
		p.line = append(p.line, ' ')
		p.line = p.clock.time(ts).AppendFormat(p.line, time.DateOnly+" -0700")
	}
	if !p.o.Records {
		for _, key := range [...]string{"host", "kernel"} {
			if v := r.Get(key); v != nil {
				p.pair([]byte(key), nil, v, plain)
			}
		}
		return
	}
	p.others(r, "clock_offset", "cmdline", "drop_reasons", "sysctl", "qdisc", "namespaces")
	for _, table := range [...]string{"drop_reasons", "sysctl", "qdisc", "namespaces"} {
		if v := r.Get(table); v.Kind() == wire.Map {
			p.line = append(append(append(p.line, ' '), table...), '=')
			p.line = strconv.AppendInt(p.line, int64(v.Len()), 10)
		}
	}
	elements(r.Get("cmdline"), func(i int, v wire.Value) {
		if i == 0 {
			p.line = append(p.line, " cmdline:"...)
		}
		p.line = appendValue(append(p.line, ' '), v)
	})
}

// maxHost bounds how much of a host's name is kept, in bytes.
const maxHost = 256

// resume prints that the stream goes on with what belongs to an earlier start.
func (p *Printer) resume(r format.Raw) {
	c, ok := p.came.Resume(r)
	if !ok {
		p.unknown(r, string(format.TypeResume))
		return
	}
	p.clock.start(c.offset, c.wall)
	p.of = c
	p.head(r)
	p.say("start", cyan)
	p.line = appendEscaped(append(p.line, " host="...), c.host)
	p.others(r, "back")
}

// maxStarts is how many start records are remembered.
const maxStarts = 1024

// again reports whether the very same start came before.
func (p *Printer) again(r format.Raw) bool {
	sum := sha256.Sum256(r)
	_, again := p.starts[sum]
	if p.starts == nil {
		p.starts = map[[sha256.Size]byte]struct{}{}
	}
	if len(p.starts) < maxStarts {
		p.starts[sum] = struct{}{}
	}
	return again
}

func (p *Printer) end(r format.Raw) {
	lost, ok := r.Get("lost").Uint()
	if !p.o.Records && lost == 0 {
		return
	}
	p.fitter.style = styleWhole
	p.head(r)
	p.say("end", cyan)
	if ok && lost > 0 {
		p.pair([]byte("lost"), nil, r.Get("lost"), loud)
		p.others(r, "lost")
		return
	}
	p.others(r)
}

// loss prints what is missing from the stream, so that nobody takes it for
// silence.
func (p *Printer) loss(r format.Raw) {
	p.fitter.style = styleWhole
	p.head(r)
	p.cell = append(p.cell[:0], "loss: "...)
	if count, ok := r.Get("count").Uint(); ok {
		p.cell = strconv.AppendUint(p.cell, count, 10)
		p.cell = append(p.cell, ' ')
	}
	what, _ := r.Get("what").Str()
	p.cell = appendEscaped(p.cell, what)
	if count, _ := r.Get("count").Uint(); count != 1 && len(what) > 0 {
		switch string(what) {
		case "identity":
			p.cell = append(p.cell[:len(p.cell)-1], "ies"...)
		case "event", "link", "free", "probe":
			p.cell = append(p.cell, 's')
		}
	}
	p.cell = append(p.cell, " lost"...)
	if since, ok := r.Get("since").Uint(); ok {
		p.cell = append(p.cell, " since "...)
		p.cell = p.clock.appendTime(p.cell, since)
	}
	if cause, ok := r.Cause().Str(); ok {
		p.cell = appendEscaped(append(p.cell, ": "...), cause)
	}
	p.say(string(p.cell), loud)
	p.others(r, "count", "what", "since", "cause", "why")
}

// link prints how one buffer came to be another.
func (p *Printer) link(r format.Raw) {
	if !p.o.Records {
		return
	}
	p.head(r)
	p.say("link", cyan)
	p.line = appendValue(append(p.line, ' '), r.Get("how"))
	p.buffer(r.Get("from"))
	p.line = append(p.line, " >"...)
	p.buffer(r.Get("to"))
	p.others(r, "how", "from", "to")
}

// free prints how a buffer ended.
func (p *Printer) free(r format.Raw) {
	if !p.o.Records && !p.dropped.untold(r) {
		return
	}
	p.head(r)
	p.say("free", cyan)
	p.line = appendValue(append(p.line, ' '), r.Get("how"))
	p.buffer(r.Get("skb"))
	p.others(r, "how", "skb")
}

// buffer prints a buffer's identity.
func (p *Printer) buffer(v wire.Value) {
	of := pick(v, "id", "addr", "head")
	if id := of[0]; len(id) > 0 {
		p.pair([]byte("id"), nil, id, plain)
	}
	p.hexPair("addr", of[1])
	p.hexPair("head", of[2])
	p.rest("skb", v, "id", "addr", "head")
}

// stack prints a stack, innermost function first.
func (p *Printer) stack(r format.Raw) {
	p.say("stack", faint)
	p.line = append(appendValue(append(p.line, ' '), r.Get("id")), ':')
	elements(r.Get("frames"), func(i int, v wire.Value) {
		switch {
		case p.o.Stacks:
			p.line = append(p.line, "\n    "...)
		case i > 0:
			p.line = append(p.line, " < "...)
		default:
			p.line = append(p.line, ' ')
		}
		name, _ := v.Str()
		p.line = appendEscaped(p.line, name)
	})
	p.others(r, "id", "frames")
}

// unknown prints a record of a type that has no form of its own.
func (p *Printer) unknown(r format.Raw, typ string) {
	p.head(r)
	p.cell = appendEscaped(p.cell[:0], typ)
	if len(p.cell) == 0 {
		p.cell = append(p.cell, "record without a type"...)
	}
	p.say(string(p.cell), cyan)
	p.others(r)
}
