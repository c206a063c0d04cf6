package pcap

import (
	"context"
	"errors"
	"io"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// Run reads streams and writes pcapng, or the other way round.
func Run(_ context.Context, o Options, stdin io.Reader, stdout, stderr io.Writer) error {
	if o.Read != "" {
		return readCapture(&o, stdin, stdout, stderr)
	}
	if !o.ListProbes && (o.Write == "" || o.Write == "-") && terminal.Is(stdout) {
		return errors.New("will not write pcapng to a terminal: use -w FILE, or pipe it to tcpdump -nnr -")
	}
	in, err := pipe.OpenInputs(o.Files, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	in.Part = o.Part
	if o.ListProbes {
		return listProbes(in, stdout)
	}
	return capture(in, &o, stdout, stderr)
}

// capture writes the events of in as pcapng.
func capture(in *pipe.Inputs, o *Options, stdout, stderr io.Writer) error {
	w, err := newWriter(o)
	if err != nil {
		return err
	}
	if w.out, err = openOutput(o, stdout, append(in.Files(), pipe.Identify(o.Names)...)); err != nil {
		return err
	}
	w.stderr = stderr
	err = copyAll(in, w)
	if ferr := w.finish(err == nil && in.Whole()); err == nil {
		err = ferr
	}
	if cerr := w.out.Close(); err == nil {
		err = cerr
	}
	for _, line := range w.left() {
		pipe.Say(stderr, "skb-pcap", line)
	}
	return err
}

func copyAll(in *pipe.Inputs, w *writer) error {
	in.OnIdle, in.Finder = w.idle, w.finder
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
