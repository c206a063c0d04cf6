// Package skbsort is the skb-sort command: it puts records in the order of their times.
package skbsort

import (
	"time"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Options are skb-sort's flags and arguments.
type Options struct {
	pipe.Options

	Window  time.Duration `default:"1s" placeholder:"TIME" help:"On a live stream: hold a record for so long at most, to let earlier ones overtake (default 1s)."`
	Memory  pipe.Size     `default:"256MB" placeholder:"SIZE" help:"Memory for records; what goes beyond is sorted on disk (default 256MB)."`
	TempDir string        `type:"existingdir" placeholder:"DIR" help:"Where to sort on disk (default $TMPDIR or /tmp)."`

	Files []string `arg:"" optional:"" help:"Streams to sort, or to merge into one; none or - is stdin."`
}
