// Package stamp is the command skb-stamp (contrib/fleet): it writes a stream as JSON lines that still say who wrote
// them when they have lost their order and their neighbours, as in a database.
package stamp

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/text"
)

// Options are skb-stamp's flags and arguments.
type Options struct {
	pipe.Input

	Name string `group:"what" placeholder:"NAME" help:"Which of a host's streams this is: letters, digits, '.', '_' and '-'. No two that are sent from one start of skb-collect may have the same. Without it, it is the file's name."`
	Bare bool   `group:"what" help:"Leave out the key in front of each line, and the tab."`

	File string `arg:"" optional:"" help:"The stream to read; none or - is stdin."`
}

// Manual is what --help says beside the flags.
func (o *Options) Manual() *pipe.Manual {
	return &pipe.Manual{
		Does:  "Write a stream as lines for Kafka: the host, a tab, and the record as JSON with its number.",
		Usage: "[FLAG...] [FILE]",
		Examples: []pipe.Example{{
			Does:    "the drops of this host",
			Command: `skb-collect -q --profile drop | skb-drops -o stream | skb-stamp --name drops | kcat -P -E -b kafka1 -t skb -K '\t'`,
		}},
		See:   ", docs/fleet.md",
		Hints: pipe.HintsAnd(nil),
	}
}

var (
	names = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	unfit = regexp.MustCompile(`[^A-Za-z0-9._-]`)
)

// Main is the command skb-stamp.
func Main() {
	var o Options
	pipe.Parse("skb-stamp", &o)
	pipe.MainFilter("skb-stamp", func(context.Context) error { return Run(o, os.Stdin, os.Stdout) })
}

// Run writes the lines of the stream that it reads.
func Run(o Options, stdin io.Reader, stdout io.Writer) error {
	switch {
	case o.Name == "" && (o.File == "" || o.File == "-"):
		return pipe.Usagef("--name is missing: a stream on stdin has no name of its own")
	case o.Name == "":
		o.Name = unfit.ReplaceAllString(filepath.Base(o.File), "_")
	case !names.MatchString(o.Name):
		return pipe.Usagef("--name: %q is not 1 to 100 letters, digits, '.', '_' and '-'", o.Name)
	}
	var paths []string
	if o.File != "" {
		paths = []string{o.File}
	}
	in, err := pipe.OpenInputs(paths, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	in.Part = o.Part
	s := &stamper{w: pipe.WholeWrites(stdout, pipe.WholeLines), name: o.Name, bare: o.Bare,
		decoded: text.NewDecoded(), origins: map[string]*origin{}}
	return pipe.Copy(in, s, s.Write)
}
