package pcap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/skb-tools/skb-tools/internal/pcap/read"
	"github.com/skb-tools/skb-tools/internal/pcap/write"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// Run reads streams and writes pcapng, or the other way round.
func Run(_ context.Context, o Options, stdin io.Reader, stdout, stderr io.Writer) error {
	if o.Read != "" {
		return o.read(stdin, stdout, stderr)
	}
	if !o.ListProbes && (o.Write == "" || o.Write == "-") && terminal.Is(stdout) {
		return errors.New("will not write pcapng to a terminal: use -w FILE, or pipe it to tcpdump -nnr -")
	}
	streams, err := pipe.OpenInputs(o.Files, stdin)
	if err != nil {
		return err
	}
	defer streams.Close()
	streams.Part = o.Part
	if o.ListProbes {
		return write.List(streams, stdout)
	}
	return write.Run(streams, o.out(), stdout, stderr)
}

// read turns the capture o.Read into a stream.
func (o *Options) read(stdin io.Reader, stdout, stderr io.Writer) (err error) {
	capture, name, host := stdin, "stdin", ""
	if o.Read != "-" {
		f, err := os.Open(o.Read)
		if err != nil {
			return fmt.Errorf("--read %s: %w", o.Read, errors.Unwrap(err))
		}
		defer f.Close()
		capture, name = f, o.Read
		host, _, _ = strings.Cut(filepath.Base(o.Read), ".")
	}
	to, err := write.Create(o.out(), stdout, pipe.Identify(capture))
	if err != nil {
		return err
	}
	defer func() {
		if cerr := to.Close(); err == nil {
			err = cerr
		}
	}()
	return read.Run(capture, name, host, o.Part, to.To(stdout), stderr)
}
