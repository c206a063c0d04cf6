// Package sort is the skb-sort command: it puts records in the order of their times, or
// journey by journey.
package sort

import (
	"errors"
	"time"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Options are skb-sort's flags and arguments.
type Options struct {
	pipe.Options
	pipe.Input
	pipe.Paging

	By      string        `group:"what" enum:"auto,time,journey,packet" default:"auto" placeholder:"ORDER" help:"time; journey (events of a journey together, journeys in the order of their first event); packet (by packet number, branch by branch); or auto (default: journey after skb-track, else time)."`
	Window  time.Duration `group:"limits" default:"1s" placeholder:"TIME" help:"Live stream: how long to hold a record, so that earlier ones can be sorted before it (default 1s). 0: until the end."`
	Memory  pipe.Size     `group:"limits" default:"256MB" placeholder:"SIZE" help:"Memory for records (default 256MB). The rest is sorted on disk."`
	TempDir string        `group:"limits" type:"existingdir" placeholder:"DIR" help:"Where to sort on disk (default $TMPDIR or /tmp)."`

	Files []string `arg:"" optional:"" help:"Streams to sort or merge into one; none or - is stdin. Pipes are read at the same time."`
}

// Page is what a pager can show of it.
func (o *Options) Page() *pipe.Page { return o.PageOf(o.Files, &o.Options) }

// minMemory is the least that --memory may be, in bytes: with less, each few records would
// be a run of their own on disk.
const minMemory = 1e6

// Validate checks what the flags' types don't.
func (o *Options) Validate() error {
	switch {
	case o.Memory < minMemory:
		return errors.New("--memory: 1MB is the least")
	case o.Window < 0:
		return errors.New("--window: below 0")
	}
	return nil
}
