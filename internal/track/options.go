package track

import (
	"time"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Options are skb-track's flags and arguments.
type Options struct {
	pipe.Options
	pipe.Input
	Selection

	Summary bool `help:"Count journeys instead of handing them on: how they ended, how long hops took, by flow. -o json for programs."`

	SVG   string `name:"svg" placeholder:"FILE" help:"Draw the first journey that is selected: its hops by device, namespace, cpu and time."`
	Infer bool   `help:"Join also what no record joins, by what packets hold: the same packet coming in again, a proxy's, another host's; marked inferred."`

	MaxOpen int           `default:"1000000" placeholder:"N" help:"Journeys open at once, at most (default ${default}); the one unseen for longest is let go of."`
	Idle    time.Duration `default:"30s" placeholder:"TIME" help:"Let go of a journey after so long without a record about it (default ${default})."`
	Window  time.Duration `default:"10ms" placeholder:"TIME" help:"How late a record may come after later ones of other cpus (default ${default})."`
	Again   bool          `help:"Track anew what has been tracked already, where otherwise it is passed on as it is."`

	Files []string `arg:"" optional:"" help:"Streams to read; none or - is stdin."`
}
