//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// Run collects until ctx ends, or what the options set does. The stream goes to stdout or
// a file, words to stderr.
func Run(ctx context.Context, o Options, stdout, stderr io.Writer) error {
	if asked, err := o.answer(stdout); asked {
		return err
	}
	with, err := o.complete()
	if err != nil {
		return err
	}
	if err := kernel.CheckAllowed(); err != nil {
		return err
	}
	if o.NFTTrace && !o.List {
		// Before the kernel is looked at: it loads nf_tables.
		tables, err := o.openTraceTables()
		if err != nil {
			return err
		}
		defer tables.Close()
	}
	settled := frugal(o.needsTypes())
	k, err := kernel.Open(o.modules(), o.mayProbePrograms())
	if err != nil {
		return err
	}
	p, err := placesOf(k)
	if err != nil {
		return err
	}
	p.follow = o.FollowPrograms
	if o.List {
		return list(p, o.Command, stdout)
	}
	if len(o.Command) > 0 {
		if err := canRun(o.Command[0]); err != nil {
			return err
		}
	}
	c := &collector{options: &o, settled: settled, with: with, kernel: k, places: p, stdout: stdout, stderr: stderr}
	if err := c.choose(ctx); err != nil || c.filter == nil {
		return err
	}
	return c.run(ctx)
}

// Check says what is wrong with the options, as far as that can be said without a kernel.
func (o Options) Check() error { // not of a pointer: complete adds probes
	_, err := o.complete()
	return err
}

// complete checks the options, and puts what they stand for in their place.
func (o *Options) complete() (*wanted, error) {
	if err := o.checkWrite(); err != nil {
		return nil, err
	}
	with, err := o.wanted()
	if err != nil {
		return nil, err
	}
	if _, _, err := o.countersEvery(); err != nil {
		return nil, err
	}
	if err := o.checkFirst(); err != nil {
		return nil, err
	}
	if err := o.checkSample(); err != nil {
		return nil, err
	}
	if _, err := o.limit(); err != nil {
		return nil, err
	}
	return with, o.countDrops()
}

// answer writes what is asked for that needs no kernel, and says whether there was such a question.
func (o *Options) answer(stdout io.Writer) (asked bool, err error) {
	switch {
	case o.RemoveNFTTable != "":
		return true, guardTable(o.RemoveNFTTable, os.Stdin)
	case slices.Contains(o.Profile, listProfiles):
		return true, writeProfiles(stdout)
	case slices.Contains(o.With, "list"):
		return true, listSections(stdout)
	}
	return false, nil
}

// openTraceTables makes those of --nft-trace.
func (o *Options) openTraceTables() (traceTables, error) {
	namespaces, err := o.Packets.Namespaces()
	if err != nil {
		return nil, err
	}
	return newTraceTables(namespaces)
}

// modules are those whose functions can be probes; nil: all.
func (o *Options) modules() []string {
	if slices.Equal(o.Modules, []string{"all"}) {
		return nil
	}
	return o.Modules
}

// choose finds the probes that are wanted, and compiles the filter, which stays nil where ctx ends before.
func (c *collector) choose(ctx context.Context) error {
	probes, err := c.places.wanted(c.options.Probes, c.options.Try)
	if err != nil {
		return err
	}
	if c.with.nftAlone(c.options) {
		c.selection = &selection{}
	} else if c.selection, err = c.places.choose(probes); err != nil {
		return err
	}
	f, err := compile(ctx, c.options.Packets, c.kernel)
	if err != nil || ctx.Err() != nil {
		return err
	}
	c.filter = f
	if err := c.leavePacketless(); err != nil {
		return err
	}
	if err := c.with.apply(c.selection, c.places, c.say); err != nil {
		return err
	}
	if w := c.with; w.bits&bpf.SectionArgs != 0 {
		for i, t := range c.selection.tracepoints {
			if proto := c.kernel.TraceProto(t); proto != nil && t.HasPacket() {
				c.selection.tracepoints[i].Args = uint8(min(len(proto.Params), bpf.Args))
			}
		}
	}
	if err := c.compileShow(); err != nil {
		return err
	}
	if c.selection.nft != nil && !c.options.NFTTrace && c.with.named["nft"] {
		c.say("nftables reports only packets that a rule has marked: add one with `meta nftrace set 1`, or use --nft-trace")
	}
	if c.options.First > 0 && !c.selection.canBegin() {
		return errNoStart
	}
	c.sayLeftOut(c.places.leftOut(probes))
	return nil
}

// compile compiles the filter, which libpcap can be at for long. An end of ctx ends it too.
func compile(ctx context.Context, o filter.Options, k *kernel.Kernel) (*filter.Filter, error) {
	var f *filter.Filter
	done := make(chan error, 1)
	go func() {
		var err error
		o.Direct = k.DirectLoads()
		var types *btf.Spec
		if o.NeedsTypes() {
			types, err = k.Types()
		}
		if err == nil {
			f, err = filter.New(o, types)
		}
		done <- err
	}()
	select {
	case err := <-done:
		return f, err
	case <-ctx.Done():
		return nil, nil
	}
}

func list(p *places, globs []string, stdout io.Writer) error {
	names, err := p.names(globs)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("--list: nothing that can be probed matches %q", globs)
	}
	for _, n := range names {
		if _, err := fmt.Fprintln(stdout, n); err != nil {
			return err
		}
	}
	return nil
}
