package drops

import "github.com/skb-tools/skb-tools/internal/pipe"

// check finds what is asked for together and does not go together: what would have no
// effect is an error, so that nobody takes the output for another than it is.
func (o *Options) check() error {
	summary := o.summing()
	switch {
	case o.Explain != nil && *o.Explain == "":
		return pipe.UsageError("--explain: give a reason's name or number, or all")
	case o.Explain != nil && len(o.Files) > 0:
		return pipe.Usagef("--explain reads nothing: leave out %s", o.Files[0])
	case o.Explain != nil && o.HTML == "" && (summary || o.FailIf != nil || o.Frees):
		return pipe.UsageError("--explain reads nothing: leave out --summary, --live, --interval, --frees and --fail-if")
	case o.Explain != nil && o.HTML != "":
		return pipe.UsageError("--explain reads nothing: leave out --html")
	case o.HTML != "" && (o.Live || o.Interval != 0):
		return pipe.UsageError("--html is a page of the whole: leave out --live and --interval")
	case o.HTML == "-":
		return pipe.UsageError("--html writes a file, not to stdout: give it a name")
	case o.HTML != "" && o.Time == "mono":
		return pipe.UsageError("--html has times of the wall clock: leave out --time mono")
	case o.Interval < 0:
		return pipe.Usagef("--interval %v: give a time above zero", o.Interval)
	case o.Explain != nil && o.Metrics != "":
		return pipe.UsageError("--explain reads nothing: leave out --metrics")
	case !summary && o.Metrics == "" && len(o.By) > 0:
		return pipe.UsageError("--by is for summaries and --metrics: add --summary, --interval, --live, --html or --metrics")
	case !summary && o.Normal:
		return pipe.UsageError("--normal is for summaries: add --summary, --interval, --live or --html")
	case summary && o.Output == "stream":
		return pipe.UsageError("a summary is text or JSON lines: leave out -o stream, or use -o json")
	case summary:
		return o.NoPackets()
	}
	return nil
}

func (o *Options) summing() bool { return o.Summary || o.Live || o.Interval != 0 || o.HTML != "" }
