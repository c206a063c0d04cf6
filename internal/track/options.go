package track

import (
	"cmp"
	"path/filepath"
	"time"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Options are skb-track's flags and arguments.
type Options struct {
	pipe.Options
	pipe.Input
	pipe.Paging
	Selection

	Summary bool `group:"what" help:"Print a summary of the journeys instead of the stream: how they ended, how long hops took, by flow. -o json for scripts."`

	Live bool `group:"what" help:"Show the slowest hops and the flows with the most drops on the terminal, updated while packets come in. At the end, print the summary."`

	SVG      string `group:"output" name:"svg" placeholder:"FILE" help:"Draw a journey to FILE: its hops by device, namespace, cpu and time. It is the first one that is selected; without a selection the slowest."`
	HTML     string `group:"output" name:"html" placeholder:"FILE" help:"Print the summary, and write it to FILE as a page for a browser, with charts and each journey's picture. It needs no network."`
	OTLP     string `group:"output" name:"otlp" placeholder:"URL" help:"Send journeys to this receiver of OpenTelemetry (OTLP over HTTP, JSON), as http://localhost:4318: a trace for each, with a span for each hop."`
	OTLPRate *int   `group:"output" name:"otlp-rate" placeholder:"N" help:"Send at most so many journeys for each second of the stream's time (default 10)."`

	Perfetto string `group:"output" name:"perfetto" placeholder:"FILE" help:"Write the journeys to FILE as a trace for Perfetto (ui.perfetto.dev): hops as slices on their devices, journeys as flows."`
	Metrics  string `group:"output" placeholder:"HOST:PORT" help:"Serve counts and latencies of all journeys, also those not selected, for Prometheus at this address, path /metrics, until the input ends."`

	Infer bool `group:"what" help:"Also join packets by their content where no record joins them: the same packet that comes in again, goes through a proxy, or arrives from another host. Marked inferred."`

	MaxOpen int           `group:"limits" default:"1000000" placeholder:"N" help:"Maximum number of open journeys (default ${default}). Beyond that, the one not seen for the longest time is let go."`
	Idle    time.Duration `group:"limits" default:"30s" placeholder:"TIME" help:"Let a journey go after this time without a record of it (default ${default})."`
	Window  time.Duration `group:"limits" default:"10ms" placeholder:"TIME" help:"How late a record may come, after later records of other CPUs (default ${default})."`
	Again   bool          `group:"what" help:"Track again a stream that was tracked already. Without this, it is passed on unchanged."`

	Files []string `arg:"" optional:"" help:"Streams to read; none or - is stdin."`
}

// Page is what a pager can show of it.
func (o *Options) Page() *pipe.Page {
	if o.Live {
		return nil
	}
	return o.PageOf(o.Files, &o.Options)
}

// check says what no run can be made of.
func (o *Options) check() error {
	switch {
	case (o.Summary || o.HTML != "" || o.Live) && o.Output == "stream":
		return pipe.UsageError("a summary is text or JSON: leave out -o stream, or use -o json")
	case o.HTML != "" && o.Time == "mono":
		return pipe.UsageError("--html has times of the wall clock: leave out --time mono")
	case o.MaxOpen < 1:
		return pipe.UsageError("--max-open: at least one journey must be open")
	case o.OTLPRate != nil && o.OTLP == "":
		return pipe.UsageError("--otlp-rate is for --otlp: add --otlp URL")
	case o.OTLPRate != nil && *o.OTLPRate < 1:
		return pipe.UsageError("--otlp-rate: at least one journey a second")
	case o.Idle <= 0:
		return pipe.UsageError("--idle: must be greater than 0")
	case o.Window < 0:
		return pipe.UsageError("--window: must not be negative")
	}
	if o.Summary || o.HTML != "" || o.Live {
		if err := o.NoPackets(); err != nil {
			return err
		}
	}
	return cmp.Or(o.files(), o.Selection.check())
}

// files says whether two outputs would be one file, and the later would take the place of the other.
func (o *Options) files() error {
	seen := map[string]string{}
	for _, out := range [...][2]string{{"--svg", o.SVG}, {"--html", o.HTML}, {"--perfetto", o.Perfetto}} {
		flag, name := out[0], filepath.Clean(out[1])
		switch {
		case out[1] == "":
			continue
		case out[1] == "-":
			return pipe.Usagef("%s writes a file, not to stdout: give it a name", flag)
		case seen[name] != "":
			return pipe.Usagef("%s and %s would write the same file, %s: give them two names", seen[name], flag, name)
		}
		seen[name] = flag
	}
	return nil
}
