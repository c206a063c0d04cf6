package pipe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/compress"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// Inputs reads records from files in turn, each in its own form.
type Inputs struct {
	// OnIdle, when set, is called before every read that may have to wait.
	OnIdle func() error
	// Finder, when set before the first Next, is that of all Readers.
	Finder *format.Finder
	// Part is as the flag of Input.
	Part bool

	names   []string
	readers []io.Reader
	current *Reader
	json    bool
	lack    []error // inputs that were not whole
	lacked  bool    // one was not, which Part may have made no fault
}

// Whole reports whether all inputs were whole streams, be they taken for parts or not. It is
// asked behind the last record.
func (in *Inputs) Whole() bool { return len(in.readers) == 0 && len(in.lack) == 0 && !in.lacked }

// OpenInputs opens the named files, "-" or none meaning stdin. Every file is opened now,
// so that a wrong name is told before anything is read.
func OpenInputs(paths []string, stdin io.Reader) (*Inputs, error) {
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	in := &Inputs{}
	once := false
	for _, p := range paths {
		if p == "-" {
			if once {
				in.Close()
				return nil, UsageError("stdin is named twice (-), and can be read once")
			}
			once = true
			if terminal.Is(stdin) {
				return nil, errors.New("stdin is a terminal: pipe a stream into it or name a file")
			}
			widen(stdin)
			in.add("stdin", stdin)
			continue
		}
		f, err := os.Open(p)
		if err != nil {
			in.Close()
			if LooksLikeFilter(p) && errors.Is(err, os.ErrNotExist) {
				return nil, Usagef("%s: no such file; %s", p, readerHints["f"])
			}
			return nil, fmt.Errorf("%s: %w", p, errors.Unwrap(err))
		}
		in.add(p, f)
	}
	for i, r := range in.readers {
		for j := range i {
			if samePipe(r, in.readers[j]) {
				defer in.Close()
				return nil, Usagef("%s and %s are the same pipe, which can be read once", in.names[j], in.names[i])
			}
		}
	}
	return in, nil
}

// InputsOf are inputs that are open already.
func InputsOf(names []string, readers []io.Reader) *Inputs {
	return &Inputs{names: names, readers: readers}
}

func (in *Inputs) add(name string, r io.Reader) {
	in.names = append(in.names, name)
	in.readers = append(in.readers, r)
}

// Sources returns the inputs' names and readers, for those who read several at once.
func (in *Inputs) Sources() (names []string, readers []io.Reader) { return in.names, in.readers }

// Next returns the next record, valid until the next call; io.EOF after the last input.
// Other errors name the input and, where it is damaged, the offset in it. That inputs
// were not whole is the error behind the last.
func (in *Inputs) Next() (format.Raw, error) {
	for len(in.readers) > 0 {
		if in.current == nil {
			in.current = in.reader(in.names[0], in.readers[0])
			in.current.OnIdle = in.idle
			if in.Finder == nil { // what one input has shown, another need not
				in.Finder = in.current.Finder
			}
			in.current.Finder = in.Finder
		}
		r, err := in.current.Next()
		if err == nil {
			return r, nil
		}
		in.lacked = in.lacked || in.current.checker.Whole() != nil
		var lacks *NotWholeError
		switch {
		case errors.As(err, &lacks):
			in.lack = append(in.lack, err)
		case err != io.EOF:
			return nil, err
		}
		if c, ok := in.readers[0].(io.Closer); ok {
			c.Close()
		}
		in.names, in.readers, in.current = in.names[1:], in.readers[1:], nil
	}
	if len(in.lack) > 0 {
		return nil, &lackError{in.lack}
	}
	return nil, io.EOF
}

// A lackError is that of all inputs that were not whole.
type lackError struct{ of []error }

func (e *lackError) Error() string {
	var all []string
	for _, err := range e.of {
		all = append(all, err.Error())
	}
	return strings.Join(all, "; ")
}

func (e *lackError) Unwrap() []error { return e.of }

// For makes the inputs refuse what the sink has no form for, so that the error tells
// where in the input it is.
func (in *Inputs) For(sink Sink) { _, in.json = sink.(*jsonSink) }

// Where makes err, of writing the record that Next returned last, one that tells where in
// the input it is, if it is the record's fault.
func (in *Inputs) Where(err error) error {
	if err == nil {
		return nil // it is asked for every record, and what follows allocates
	}
	var syntax *format.SyntaxError
	if errors.As(err, &syntax) && in.current != nil {
		return in.current.explain(&format.SyntaxError{Offset: in.current.at, Err: syntax.Err})
	}
	return err
}

func (in *Inputs) idle() error {
	if in.OnIdle != nil {
		return in.OnIdle()
	}
	return nil
}

// Name puts the input's name before an error of reading it; what a write in between
// answered has none.
func Name(name string, err error) error {
	var syntax *format.SyntaxError
	var packed *compress.Error
	if errors.As(err, &syntax) || errors.As(err, &packed) {
		return fmt.Errorf("%s: %w", name, err)
	}
	var path *os.PathError
	if errors.As(err, &path) && path.Op == "read" {
		return fmt.Errorf("reading %s: %w", name, path.Err)
	}
	return err
}

// Close closes what has not been read to its end.
func (in *Inputs) Close() error {
	for _, r := range in.readers {
		if c, ok := r.(io.Closer); ok {
			c.Close()
		}
	}
	in.readers = nil
	return nil
}
