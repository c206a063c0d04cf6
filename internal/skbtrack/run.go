// Package skbtrack is the skb-track command. It passes every record through as it is: a
// true filter already, that does not yet conclude anything.
package skbtrack

import (
	"context"
	"io"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Options are skb-track's flags and arguments.
type Options struct {
	pipe.Options

	Files []string `arg:"" optional:"" help:"Streams to read; none or - is stdin."`
}

// Run copies the inputs to stdout.
func Run(_ context.Context, o Options, stdin io.Reader, stdout, _ io.Writer) error {
	in, err := pipe.OpenInputs(o.Files, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	sink, err := pipe.NewSink(o.Options, stdout)
	if err != nil {
		return err
	}
	return pipe.Copy(in, sink, sink.Write)
}
