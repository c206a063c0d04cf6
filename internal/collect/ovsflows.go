//go:build linux && (amd64 || arm64)

package collect

import (
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/collect/ovsflows"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// flowsPatience is how long the end of a run waits for what ovs-vswitchd was asked.
const flowsPatience = 2 * time.Second

// askFlows begins to ask ovs-vswitchd. Where it can't be asked, the run goes on without.
func (c *collector) askFlows() {
	var err error
	if c.flows, err = ovsflows.Start(clock.Monotonic, c.say); err != nil {
		c.say("--ovs-flows: %v; going on without it", err)
	}
}

// lastFlows writes the answers that are still to come.
func (c *collector) lastFlows(write func(format.Appender) error) error {
	if c.flows == nil {
		return nil
	}
	unasked, err := c.flows.Finish(flowsPatience, write)
	if unasked > 0 {
		c.say("--ovs-flows: no answer about %s: ovs-vswitchd was too slow, or there were too many flows",
			spell.Count(unasked, "flow"))
	}
	return err
}
