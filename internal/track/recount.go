package track

import "github.com/skb-tools/skb-tools/format"

// recount is a stage that makes ends count what a selection has left.
type recount struct {
	stage
	kept *format.Kept
}

func (c *recount) Write(r format.Raw) error { return c.stage.Write(c.kept.Gives(r)) }
