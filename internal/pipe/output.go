package pipe

import (
	"errors"
	"io"
	"os"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/terminal"
	"github.com/skb-tools/skb-tools/internal/text"
)

// Options are the flags of every program that writes events.
type Options struct {
	Habits
	Output string `short:"o" group:"output" enum:"auto,stream,json,text" default:"auto" placeholder:"FORM" help:"Output format: auto (text on a terminal, else stream), stream, json, text."`
	Time   string `group:"output" enum:"local,utc,mono,delta,ns,local-ns,utc-ns,mono-ns,delta-ns" default:"local" placeholder:"CLOCK" help:"Times in text: local, utc, mono (since boot) or delta (since the previous line), to the microsecond. To the nanosecond: ns or local-ns, utc-ns, mono-ns, delta-ns."`
	Detail
	Color string `group:"output" enum:"auto,always,never" default:"auto" placeholder:"WHEN" help:"Colour in text: auto (on a terminal, unless NO_COLOR is set), always, never."`
}

// A Sink takes records and writes them in one of the forms.
type Sink interface {
	Write(format.Raw) error
	Flush() error
}

// NewSink returns the sink that o asks for.
func NewSink(o Options, stdout io.Writer) (Sink, error) {
	onTerminal := terminal.Is(stdout)
	switch o.Output {
	case "json":
		if err := o.OnlyText("JSON"); err != nil {
			return nil, err
		}
		return &jsonSink{w: WholeWrites(stdout, WholeLines), decoded: text.NewDecoded()}, nil
	case "text":
	case "stream":
		if onTerminal {
			return nil, errors.New("-o stream: will not write a binary stream to a terminal")
		}
		if err := o.OnlyText("a stream"); err != nil {
			return nil, err
		}
		widen(stdout)
		return streamSink{format.NewEncoder(WholeWrites(stdout, WholeFrames))}, nil
	default:
		if !onTerminal {
			if err := o.OnlyText("a stream"); err != nil {
				return nil, err
			}
			widen(stdout)
			return streamSink{format.NewEncoder(WholeWrites(stdout, WholeFrames))}, nil
		}
	}
	t := text.Options{Time: o.Time, Records: o.Verbose > 0, Detail: o.ofText(), Width: o.width(stdout)}
	switch o.Color {
	case "always":
		t.Color = true
	case "never":
	default:
		t.Color = onTerminal && os.Getenv("NO_COLOR") == ""
	}
	return &textSink{text.NewPrinter(WholeWrites(stdout, WholeLines), t), o, stdout}, nil
}

// A textSink prints lines that fit the terminal, also after its size has changed.
type textSink struct {
	*text.Printer
	o      Options
	stdout io.Writer
}

func (s *textSink) Flush() error {
	err := s.Printer.Flush()
	s.Resize(s.o.width(s.stdout))
	return err
}

// width is that of a terminal which lines are to fit, or 0. With -v nothing is left out.
func (o *Options) width(stdout io.Writer) int {
	if o.Verbose > 0 {
		return 0
	}
	return terminal.Width(stdout)
}

type streamSink struct{ *format.Encoder }

func (s streamSink) Write(r format.Raw) error { return s.WriteRaw(r) }

// A jsonSink writes JSON lines, each event with the key `decoded`.
type jsonSink struct {
	w       io.Writer
	buf     []byte
	decoded *text.Decoded
}

func (s *jsonSink) Write(r format.Raw) error {
	buf, err := format.AppendJSON(s.buf, r)
	if err != nil {
		return err
	}
	s.buf = append(s.decoded.Append(buf, r), '\n')
	if len(s.buf) >= 64<<10 {
		return s.Flush()
	}
	return nil
}

func (s *jsonSink) Flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	_, err := s.w.Write(s.buf)
	s.buf = s.buf[:0]
	return err
}

// Copy hands every record of in to each, which writes what it wants to sink, and flushes
// whenever the input pauses. What was read before an error has been written.
func Copy(in *Inputs, sink Sink, each func(format.Raw) error) error {
	in.OnIdle = sink.Flush
	in.For(sink)
	for {
		r, err := in.Next()
		if err == nil {
			err = in.Where(each(r))
		}
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			if ferr := sink.Flush(); err == nil {
				err = ferr
			}
			return err
		}
	}
}
