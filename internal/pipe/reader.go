package pipe

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/compress"
)

// Input are the flags of every program that reads a stream.
type Input struct {
	Part bool `group:"what" help:"The input is only a part of a stream, for example what jq selected from one. Missing records are then no error."`
}

// A Reader reads the records of one input, and says at its end whether it was a whole
// stream, as FORMAT.md has it.
type Reader struct {
	// Finder has found the record that Next returned. It may be set before the first Next, by
	// who wants values of every record.
	Finder *format.Finder

	*format.Decoder
	name    string
	packed  *compress.Reader // what Decoder reads
	checker format.Checker
	json    bool     // the output is to be JSON
	file    *os.File // nil: no regular file
	at      int64    // where the record at hand begins
}

// reader returns what reads r, an input of this name.
func (in *Inputs) reader(name string, r io.Reader) *Reader {
	packed := compress.NewReader(Interruptible(r))
	p := &Reader{Decoder: format.NewDecoder(packed), packed: packed, name: name, json: in.json, Finder: format.NewFinder()}
	p.checker.Part = in.Part
	p.Decoder.Valid = p.check
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			p.file = f
		}
	}
	return p
}

// Readers returns a Reader for each input, for those who read several at once.
func (in *Inputs) Readers() (all []*Reader) {
	for i, r := range in.readers {
		all = append(all, in.reader(in.names[i], r))
	}
	return all
}

// check is what every record passes before anybody sees it.
func (p *Reader) check(r format.Raw) error {
	p.at = p.Offset()
	if err := p.Finder.Find(r); err != nil {
		return err
	}
	if p.json && !p.JSON() { // of JSON it was made, and has a form there
		if err := p.Finder.ValidJSON(); err != nil {
			return err
		}
	}
	return p.checker.TakeFound(p.Finder, p.at)
}

// Next returns the next record, valid until the next call, and io.EOF behind a whole
// stream. Other errors name the input and, where it is damaged, the offset in it; that
// of an input that is not whole is a *NotWholeError.
func (p *Reader) Next() (format.Raw, error) {
	if stopped.Load() || p.file != nil && interrupted.Load() {
		return nil, p.stop()
	}
	r, err := p.Decoder.Next()
	if errors.Is(err, ErrInterrupted) {
		return nil, p.stop()
	}
	if err == nil {
		return r, nil
	}
	if p.packed.Cut() && (err != io.EOF || !p.checker.Part) {
		return nil, &NotWholeError{p.name, fmt.Sprintf("it is compressed with %s, and cut off", p.packed.Kind()), false}
	}
	if err != io.EOF {
		return nil, p.explain(err)
	}
	if n := p.checker.Open(); n > 0 && p.checker.Part {
		Say(os.Stderr, program, p.name+": has no end record, so it may have been cut off, too")
	}
	var lacks *format.WholeError
	if errors.As(p.checker.Err(), &lacks) {
		return nil, &NotWholeError{p.name, lacks.What, p.JSON() && !p.checker.Part}
	}
	return nil, io.EOF
}

// explain names the input in an error of reading it.
func (p *Reader) explain(err error) error {
	var syntax *format.SyntaxError
	if p.packed.Kind() != "" && errors.As(err, &syntax) {
		return Name(p.name+", uncompressed", err)
	}
	return Name(p.name, err)
}

// A NotWholeError says of an input, which has been read to its end, that it is not whole.
type NotWholeError struct {
	Name, What string
	JSON       bool // it was read as JSON, and not as a part
}

func (e *NotWholeError) Error() string {
	s := e.Name + ": not a whole stream: " + e.What
	if e.JSON {
		s += ` (jq's select drops start, loss and end, too, unless it is told to keep them; --part takes a selection)`
	}
	return s
}

// program is the name of the command that runs.
var program = "skb"
