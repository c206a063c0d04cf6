package drops

import (
	"errors"
	"fmt"
)

// A usageError is wrong use of the command: status 2.
type usageError struct{ error }

func (usageError) ExitStatus() int { return 2 }

// check finds what is asked for together and does not go together: what would have no
// effect is an error, so that nobody takes the output for another than it is.
func (o *Options) check() error {
	summary := o.summing()
	switch {
	case o.Explain != nil && *o.Explain == "":
		return usageError{errors.New("--explain: give a reason's name or number, or all")}
	case o.Explain != nil && len(o.Files) > 0:
		return usageError{fmt.Errorf("--explain reads nothing: leave out %s", o.Files[0])}
	case o.Explain != nil && (summary || o.FailIf != nil || o.Frees):
		return usageError{errors.New("--explain reads nothing: leave out --summary, --live, --interval, --frees and --fail-if")}
	case o.Interval < 0:
		return usageError{fmt.Errorf("--interval %v: give a time above zero", o.Interval)}
	case !summary && len(o.By) > 0:
		return usageError{errors.New("--by is for summaries: add --summary, --interval or --live")}
	case !summary && o.Normal:
		return usageError{errors.New("--normal is for summaries: add --summary, --interval or --live")}
	case summary && o.Output == "stream":
		return usageError{errors.New("a summary is text or JSON lines: leave out -o stream, or use -o json")}
	}
	return nil
}

func (o *Options) summing() bool { return o.Summary || o.Live || o.Interval != 0 }
