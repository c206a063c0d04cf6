package skbpcap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/term"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Run reads streams and writes pcapng.
func Run(_ context.Context, o Options, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	for _, g := range o.Probe {
		if _, err := path.Match(g, ""); err != nil {
			return fmt.Errorf("--probe %s: not a valid glob", g)
		}
	}
	out := stdout
	if f, ok := stdout.(*os.File); ok && (o.Write == "" || o.Write == "-") && term.IsTerminal(int(f.Fd())) {
		return errors.New("will not write pcapng to a terminal: use -w FILE, or pipe it to tcpdump -nnr -")
	}
	in, err := pipe.OpenInputs(o.Files, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	if o.Write != "" && o.Write != "-" {
		f, err := os.Create(o.Write)
		if err != nil {
			return fmt.Errorf("-w %s: %w", o.Write, errors.Unwrap(err))
		}
		defer func() {
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}()
		out = f
	}
	w := newWriter(&o, out)
	err = copyAll(in, w)
	if ferr := w.finish(); err == nil {
		err = ferr
	}
	if s := w.left(); s != "" {
		fmt.Fprintln(stderr, "skb-pcap:", s)
	}
	return err
}

func copyAll(in *pipe.Inputs, w *writer) error {
	in.OnIdle = w.idle
	for {
		r, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = w.record(r)
		}
		if err != nil {
			return err
		}
	}
}
