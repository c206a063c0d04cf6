// Package write turns the events of a stream into pcapng.
package write

import (
	"io"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Options say what becomes of which events.
type Options struct {
	Write       string // "", -: stdout
	FileSize    int64  // bytes; 0: one file
	FileCount   int
	Probe       []string // globs; none: all
	InterfaceBy string   // probe, dev, netns or cpu
	Linktype    string   // ethernet, raw or sll2
	Once        string   // first, last or all
	Names       string   // a file in the form of /etc/hosts
	NoComment   bool
}

// Run writes the events of in as pcapng.
func Run(in *pipe.Inputs, o *Options, stdout, stderr io.Writer) error {
	w, err := newWriter(o)
	if err != nil {
		return err
	}
	if w.out, err = Create(o, stdout, append(in.Files(), pipe.Identify(o.Names)...)); err != nil {
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
