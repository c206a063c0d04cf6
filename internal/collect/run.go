package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/collect/host"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// Run collects until ctx ends, or what the options set does. The stream goes to stdout or
// a file, words to stderr.
func Run(ctx context.Context, o Options, stdout, stderr io.Writer) error {
	if o.RemoveNFTTable != "" {
		return guardTable(o.RemoveNFTTable, os.Stdin)
	}
	if slices.Contains(o.Profile, listProfiles) {
		return writeProfiles(stdout)
	}
	if slices.Contains(o.With, "list") {
		return listSections(stdout)
	}
	with, err := o.wanted()
	if err != nil {
		return err
	}
	if err := kernel.CheckAllowed(); err != nil {
		return err
	}
	if o.NFTTrace && !o.List {
		// Before the kernel is looked at: it loads nf_tables.
		namespaces, err := o.Packets.Namespaces()
		if err != nil {
			return err
		}
		tables, err := newTraceTables(namespaces)
		if err != nil {
			return err
		}
		defer tables.Close()
	}
	settled := frugal(o.Packets.NeedsTypes())
	var modules []string
	if len(o.Modules) != 1 || o.Modules[0] != "all" {
		modules = o.Modules
	}
	k, err := kernel.Open(modules)
	if err != nil {
		return err
	}
	p, err := placesOf(k)
	if err != nil {
		return err
	}
	if o.List {
		return list(p, o.Command, stdout)
	}
	if len(o.Command) > 0 {
		if err := canRun(o.Command[0]); err != nil {
			return err
		}
	}
	probes, err := p.wanted(o.Probes, o.Try)
	if err != nil {
		return err
	}
	s, err := p.choose(probes)
	if err != nil {
		return err
	}
	f, err := compile(ctx, o.Packets, k)
	if err != nil || ctx.Err() != nil {
		return err
	}
	c := &collector{options: &o, settled: settled, with: with, kernel: k, places: p, selection: s, filter: f, stdout: stdout, stderr: stderr}
	if err := with.apply(s, p, c.say); err != nil {
		return err
	}
	if s.nft != nil && !o.NFTTrace && with.named["nft"] {
		c.say("nftables reports only packets that a rule has marked: add one with `meta nftrace set 1`, or use --nft-trace")
	}
	c.sayLeftOut(p.leftOut(probes))
	return c.run(ctx)
}

// startMemory is what a start keeps to as long as it can, in bytes, the runtime's own included, and
// with Go values of all types of the kernel.
const (
	startMemory = 32 << 20
	typesMemory = 160 << 20
)

// frugal has a start do without what is for long runs: a start makes little garbage, and to collect
// it would be a tenth of it; and of huge pages, which the kernel clears when their first byte is
// written, a half would never be used. settled ends that, also for the commands that are started from
// then on; garbage is collected from a second later on, when many a run has ended: else a start
// took 25 million instructions more, or none, as it happened to come.
func frugal(types bool) (settled func()) {
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)
	memory := int64(startMemory)
	if types {
		memory = typesMemory
	}
	limit, percent := debug.SetMemoryLimit(memory), debug.SetGCPercent(-1)
	return func() {
		debug.SetMemoryLimit(limit)
		_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0)
		time.AfterFunc(time.Second, func() { debug.SetGCPercent(percent) })
	}
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

// A collector is one run.
type collector struct {
	options   *Options
	kernel    *kernel.Kernel
	places    *places
	selection *selection
	filter    *filter.Filter
	with      *wanted
	stdout    io.Writer
	stderr    io.Writer

	loader     *kernel.Loader
	attachment *kernel.Attachment
	decoder    *decoder
	losses     *losses
	watch      *host.Watch
	out        output
	close      func() error // of out, once
	snaplen    uint32
	scratch    []byte
	counts     counts
	refused    int        // probes that the kernel would not have
	discovery  *discovery // with --probe-stack, while it goes on
	settled    func()     // once all probes are attached
	why        string     // why it ended, as the `end` record says
	child      *child
	attaching  chan struct{} // closed when attachAll has ended
	progress   handed
}

type counts struct{ events, links, frees uint64 }

func (c *collector) say(format string, args ...any) {
	if !c.options.Quiet {
		pipe.Say(c.stderr, "skb-collect", fmt.Sprintf(format, args...))
	}
}

func (c *collector) run(ctx context.Context) (err error) {
	if err := c.load(); err != nil {
		return err
	}
	defer c.loader.Close()
	reader, err := kernel.NewRing(c.loader.Map("events"))
	if err != nil {
		return err
	}
	defer reader.Close()
	c.losses = newLosses(c.loader, c.stderr)

	if f := c.options.ReadyFile; f != "" {
		// One of a run before would have scripts go on at once.
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("--ready-file: %w", err)
		}
	}
	// The file is opened before anything is attached: a wrong name is told at once.
	has := host.HasNow(c.kernel.HasModule)
	c.watch = host.NewWatch(has)
	defer c.watch.Close()
	start := format.Raw(c.start(has).AppendMsgpack(nil))
	c.watch.Begin(start)
	begin := func() []format.Raw { return append([]format.Raw{start}, c.watch.Again()...) }
	c.out, err = openOutput(c.options, c.stdout, begin, func() format.Raw { return c.end("rotate").AppendMsgpack(nil) })
	if err != nil {
		return err
	}
	c.close = sync.OnceValue(c.out.Close)
	defer func() {
		if cerr := c.close(); err == nil {
			err = cerr
		}
	}()

	defer c.detach()
	if err := c.attach(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		c.why = "signal"
		return c.finish()
	}
	if err := c.ready(); err != nil {
		return err
	}
	if c.options.ProbeStack {
		// It attaches, and needs its capabilities.
		if c.discovery, err = c.startDiscovery(); err != nil {
			return err
		}
	} else if err := c.dropCapabilities(); err != nil {
		return err
	}
	if len(c.options.Command) > 0 {
		out := c.stderr
		if c.options.Write != "" {
			out = c.stdout
		}
		if c.child, err = startChild(ctx, c.options.Command, out, c.stderr); err != nil {
			return err
		}
		defer c.child.stop()
	}
	if err := c.until(ctx, reader); err != nil {
		return err
	}
	c.detach()
	if c.child != nil {
		if status := c.child.status(); status != 0 {
			return pipe.ExitStatus(status)
		}
	}
	return nil
}

func (c *collector) load() error {
	o := c.options
	c.snaplen = maxSnaplen
	if o.Snaplen > 0 && o.Snaplen < maxSnaplen {
		c.snaplen = uint32(o.Snaplen)
	}
	for _, note := range c.filter.Notes() {
		c.say("%s", note)
	}
	var err error
	c.loader, err = c.kernel.NewLoader(kernel.Settings{
		Snaplen:   c.snaplen,
		Track:     !o.NoFollow,
		Follow:    !o.NoFollow,
		Lifetimes: !o.NoLifetimes,
		Freeing:   kernel.AnyFreeing(c.selection.functions) || kernel.AnyFreeing(c.selection.returns) || o.ProbeStack,
		Released:  kernel.AnyReleased(c.selection.functions) || kernel.AnyReleased(c.selection.returns) || o.ProbeStack,
		RingSize:  ringSize(o.Buffer, c.snaplen),
		MaxBuffer: o.MaxTracked,
		StackSize: stackSize(o.StackDepth),
		Variables: c.filter.Variables(),
		Prepare:   c.filter.Apply,
	})
	if err != nil {
		return err
	}
	if why := c.loader.NoFragments; why != nil {
		c.say("the page fragments of packets can't be read on this kernel, and are marked missing: %v", why)
	}
	layout, err := c.kernel.SkbLayout(uint32(bpf.TailSize), uint32(bpf.FrontSize), uint32(bpf.ShinfoSize))
	if err != nil {
		c.loader.Close()
		return err
	}
	c.decoder = newDecoder(c.kernel, layout)
	c.decoder.stackSize, c.decoder.stacks.depth = stackSize(o.StackDepth), o.StackDepth
	c.decoder.gso, c.decoder.csum = c.with.has("gso"), c.with.has("csum")
	return nil
}

// maxSnaplen is as much of a packet as a record holds: the longest IP packet (RFC 791) with
// an Ethernet header and two VLAN tags, and some to be a multiple of 8.
const maxSnaplen = 65535 + 14 + 2*4 + 3

// ringSize rounds up to a power of two, which the kernel wants, within what it allows, and
// so that at least a few events fit: one with paged data reserves twice the snaplen.
func ringSize(s pipe.Size, snaplen uint32) uint32 {
	n := uint32(64 << 10)
	for uint64(n) < max(uint64(s), 16*uint64(snaplen)) && n < 1<<30 {
		n <<= 1
	}
	return n
}

func (c *collector) attach(ctx context.Context) error {
	c.attachment = c.loader.NewAttachment()
	step, done := progress(c.stderr, "attaching", c.selection.len(), c.options.Quiet)
	defer done()
	c.attachment.Progress = step
	var err error
	c.attaching = make(chan struct{})
	go func() {
		defer close(c.attaching)
		err = c.attachAll()
	}()
	select {
	case <-c.attaching:
		return err
	case <-ctx.Done():
		c.attachment.Cancel()
		return nil
	}
}

func (c *collector) attachAll() error {
	if !c.options.NoFollow {
		missing, err := c.attachment.Lifetimes(c.places.tracepoints)
		if errors.Is(err, kernel.ErrNoTrampolines) {
			c.say("packets can't be followed on this kernel: %v; it is as with --no-follow", err)
			err = c.loader.NoFollow()
		}
		if err != nil {
			return err
		}
		if c.options.Verbose {
			for _, m := range missing {
				c.say("no links by %v", m)
			}
		}
	}
	for i, t := range c.selection.tracepoints {
		// Numbers of tracepoints are small, addresses of functions are not.
		number := uint64(i) + 1
		c.decoder.name(number, t.String())
		if err := c.attachment.Tracepoint(t, number); err != nil {
			return err
		}
	}
	if f := c.selection.nft; f != nil {
		c.decoder.nameFunction(*f)
		if err := c.attachment.NFT(c.options.Backend, *f); err != nil {
			return err
		}
	}
	return c.attachFunctions()
}

func (c *collector) attachFunctions() error {
	functions := append(slices.Clone(c.selection.functions), c.selection.returns...)
	for _, f := range functions {
		c.decoder.nameFunction(f)
	}
	refused, err := c.attachment.Functions(c.options.Backend, c.selection.functions)
	if err != nil {
		return err
	}
	refusedReturns, err := c.attachment.Returns(c.options.Backend, c.selection.returns)
	if err != nil {
		return err
	}
	for name, why := range refusedReturns {
		refused["ret:"+name] = why
	}
	if len(functions) == 1 {
		for name := range refused {
			if why := c.kernel.Forbids(strings.TrimPrefix(name, "ret:")); why != nil {
				return fmt.Errorf("%s: %w", name, why)
			}
		}
	}
	if len(refused) == 0 {
		return nil
	}
	c.refused = len(refused)
	if c.options.Verbose || len(refused) == len(functions) {
		for name, why := range refused {
			if len(functions) == 1 {
				return fmt.Errorf("%s: the kernel refuses a probe there: %w", name, why)
			}
			c.say("%s: the kernel refuses a probe there: %v", name, why)
		}
	}
	if len(refused) == len(functions) {
		return errors.New("the kernel refused every probe")
	}
	c.say("%d of %d functions can't be probed and are left out (-v names them)", len(refused), len(functions))
	return nil
}

// ready tells people and scripts that nothing is missed from now on.
func (c *collector) ready() error {
	c.settled()
	c.kernel.Settle()
	if c.options.ReadyFile != "" {
		// Whoever has put something there meanwhile, a link to another file, is not followed.
		f, err := os.OpenFile(c.options.ReadyFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o666)
		if err != nil {
			return fmt.Errorf("--ready-file: %w", err)
		}
		f.Close()
	}
	c.say("%s attached", spell.Count(c.selection.len()-c.refused, "probe"))
	return nil
}

func (c *collector) detach() {
	if c.attachment == nil {
		return
	}
	_ = c.loader.Off() // all at the same moment, and at once
	c.stopDiscovery()
	<-c.attaching // so that all that was attached can be detached together
	// What reads the pipe writes on the same terminal as often as not.
	quiet := c.options.Quiet || c.options.Write == "" && !isTerminal(c.stdout)
	step, done := progress(c.stderr, "detaching", c.attachment.Len(), quiet)
	c.attachment.Progress = step
	c.attachment.Close()
	done()
	c.attachment = nil
}

// pollInterval is how often losses are looked at, what changed of the host, and whether the reader is still there.
const pollInterval = host.Interval

// pause is how long the ring buffer fills when events follow each other closely. Else each is
// a wake-up by an interrupt, a write, and the same for every filter behind. What comes
// after a quiet time is written at once.
const pause = time.Millisecond

// linger is how long packets of a command that ended may be under way in the kernel.
const linger = 100 * time.Millisecond

// collect copies records until something ends it: an end of ctx by way of a flush of reader.
func (c *collector) collect(ctx context.Context, reader *kernel.Ring) error {
	room := stale{clock: clock.Monotonic, collect: c.loader.Collect, last: time.Now()}
	defer room.stop()
	busy := 0
	var emptied time.Time
	nextPoll := time.Now().Add(pollInterval)
	for {
		record, remaining, err := reader.Next(nextPoll)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := c.tick(&room); err != nil {
				return err
			}
			if err := c.flush(); err != nil {
				return err
			}
			// On a quiet host no write would tell that the reader is gone.
			if c.options.Write == "" && pipe.Closed(c.stdout) {
				return unix.EPIPE
			}
			nextPoll = time.Now().Add(pollInterval)
			continue
		case errors.Is(err, kernel.ErrFlushed):
			c.why = whyEnded(context.Cause(ctx))
			return nil
		default:
			return fmt.Errorf("reading the ring buffer: %w", err)
		}
		if done, err := c.take(record); done || err != nil {
			return err
		}
		if remaining == 0 {
			if err := c.flush(); err != nil {
				return err
			}
			now := time.Now()
			if now.Sub(emptied) < 2*pause && ctx.Err() == nil {
				time.Sleep(pause)
			}
			emptied = now
		}
		// A buffer that is never empty knows no deadline.
		if busy++; busy%256 == 0 && time.Now().After(nextPoll) {
			if err := c.tick(&room); err != nil {
				return err
			}
			nextPoll = time.Now().Add(pollInterval)
		}
	}
}

// tick is what is done every pollInterval.
func (c *collector) tick(room *stale) error {
	if err := c.losses.poll(c.write); err != nil {
		return err
	}
	if err := c.watch.Tick(c.write); err != nil {
		return err
	}
	return room.poll(time.Now(), c.losses.identities())
}

var (
	errDuration = errors.New("duration")
	errCommand  = errors.New("command")
)

func whyEnded(cause error) string {
	if errors.Is(cause, errDuration) || errors.Is(cause, errCommand) {
		return cause.Error()
	}
	return "signal"
}

// take handles one record of the ring buffer. done: that was the last that -c wants.
func (c *collector) take(b []byte) (done bool, err error) {
	if n := c.options.Count; n > 0 && c.counts.events >= n {
		c.why = "count"
		return true, nil
	}
	record, err := c.decoder.decode(b, &c.counts)
	if err != nil || record == nil {
		return false, err
	}
	c.progress.taken.Store(c.counts.events)
	if e, ok := record.(*format.Event); ok && e.Drop.Present() && c.watch.Stale(e.TS) {
		if err := c.watch.Poll(c.write); err != nil {
			return false, err
		}
	}
	if err := c.writeRecord(record); err != nil {
		return false, err
	}
	if n := c.options.Count; n > 0 && c.counts.events >= n {
		c.why = "count"
		return true, nil
	}
	return false, nil
}

// writeRecord writes what the decoder made, and in front of it the stack that it refers
// to, once for each file.
func (c *collector) writeRecord(r format.Appender) error {
	s := c.decoder.stack
	if s == nil {
		return c.write(r)
	}
	c.scratch = r.AppendMsgpack(c.scratch[:0])
	if s.file == c.out.File() && c.out.Fits(len(c.scratch)) {
		return c.out.Write(c.scratch)
	}
	if s.file == 0 && c.discovery != nil {
		c.discovery.found(s.Frames)
	}
	stack := s.AppendMsgpack(nil)
	if !c.out.Fits(len(stack) + 4 + len(c.scratch)) {
		if err := c.out.Next(); err != nil {
			return err
		}
	}
	s.file = c.out.File()
	if err := c.out.Write(stack); err != nil {
		return err
	}
	return c.out.Write(c.scratch)
}

func (c *collector) write(r format.Appender) error {
	c.scratch = r.AppendMsgpack(c.scratch[:0])
	return c.out.Write(c.scratch)
}

func (c *collector) summary() string {
	s := spell.Count(c.counts.events, "event")
	if n := c.losses.sum(); n > 0 {
		s += fmt.Sprintf(", at least %d lost:", n)
		for why, n := range c.losses.total {
			s += fmt.Sprintf(" %d %s;", n, why)
		}
		s = s[:len(s)-1]
		if c.losses.total["ring buffer full"] > 0 {
			s += " (a larger --buffer, fewer probes or a narrower filter helps)"
		}
	}
	return s
}
