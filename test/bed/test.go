//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A plan is all that a run of testbed test does. Its places are the guests, and commands of this
// machine's own, that run at a time; a place whose work is done takes more, so that none is empty
// before the end.
type plan struct {
	*testCommand
	queues  []*queue
	besides []*beside
	mu      sync.Mutex
	changed *sync.Cond // a guest has ended
	failed  bool
}

// A beside is a command that is run in the place of a guest.
type beside struct {
	command string
	cost
}

// name is the command's in the table.
func (b *beside) name() string {
	name := strings.TrimPrefix(b.command, "make ")
	return name[:min(len(name), 28)]
}

// testAll runs a test binary on every kernel and reports like go test.
func testAll(ctx context.Context, c *testCommand) (int, error) {
	p := &plan{testCommand: c}
	p.changed = sync.NewCond(&p.mu)
	native := slices.DeleteFunc(kernelNames(false), func(name string) bool { return name == foreignKernel })
	for _, n := range kernelNames(c.Foreign != "") {
		k, err := fetch(n)
		if err != nil {
			return 1, err
		}
		q := &queue{kernel: k, bin: c.Bin, in: c.In}
		if k.foreign() {
			if c.Foreign == "" {
				return 1, fmt.Errorf("kernel %s runs no programs of this machine's: --foreign names a folder of others", k.name)
			}
			q.bin, q.in = filepath.Join(c.Foreign, filepath.Base(c.Bin)), []string{c.Foreign}
		}
		if !k.foreign() && len(twoOf(c.Commit, "", native)) < len(native) {
			q.elsewhere = func(test string) bool { return !slices.Contains(twoOf(c.Commit, test, native), k.name) }
		}
		p.queues = append(p.queues, q)
	}
	for _, command := range c.Beside {
		p.besides = append(p.besides, &beside{command: command})
	}
	began := time.Now()
	var wg sync.WaitGroup
	waiting := slices.Clone(p.besides) // first: they can't be shared among places
	for range max(c.Guests, 1) {
		wg.Go(func() {
			for {
				p.mu.Lock()
				var b *beside
				if len(waiting) > 0 {
					b, waiting = waiting[0], waiting[1:]
				}
				p.mu.Unlock()
				if b == nil {
					break
				}
				p.runBeside(ctx, b)
			}
			for q := p.choose(ctx); q != nil; q = p.choose(ctx) {
				p.guest(ctx, q)
			}
		})
	}
	wg.Wait()
	for _, q := range p.queues {
		p.report(q)
	}
	writeCosts(os.Stdout, p.queues, p.besides, time.Since(began))
	if p.failed {
		return 1, nil
	}
	return 0, nil
}

// choose returns the kernel that is to have one more guest: one that has none, in the order of the
// queues, or else the one with the most tests left. nil: nothing is left to do.
func (p *plan) choose(ctx context.Context) *queue {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		var best *queue
		bestGuests, bestLeft, busy := 0, 0, false
		for _, q := range p.queues {
			open, guests, left := q.open()
			busy = busy || guests > 0
			if open && (best == nil || guests < bestGuests || guests == bestGuests && guests > 0 && left > bestLeft) {
				best, bestGuests, bestLeft = q, guests, left
			}
		}
		if best != nil && ctx.Err() == nil {
			best.mu.Lock()
			best.guests++
			best.mu.Unlock()
			return best
		}
		if !busy || ctx.Err() != nil {
			return nil
		}
		// Those at work may leave tests behind, or become known as having many.
		p.changed.Wait()
	}
}

// known is what each test cost on the kernel where it cost most.
func (p *plan) known() map[string]float64 {
	most := map[string]float64{}
	for _, q := range p.queues {
		q.mu.Lock()
		for _, r := range q.done {
			most[r.test] = max(most[r.test], r.seconds)
		}
		q.mu.Unlock()
	}
	return most
}

// guest boots a guest for a queue, which takes tests until there are none.
func (p *plan) guest(ctx context.Context, q *queue) {
	line, _ := lines(q.kernel)
	command := []string{"/skb/in/" + filepath.Base(q.bin), "-test.v", "-test.timeout=" + p.Timeout.String(), "-from",
		"/dev/" + line}
	run := p.Run
	if q.kernel.foreign() && run == "" {
		run = p.ForeignRun
	}
	if run != "" {
		command = append(command, "-test.run="+run)
	}
	// The test binary ends a test that takes too long; a kernel that hangs lets it do nothing.
	limit := p.Timeout + time.Minute
	guestCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	hangs := time.AfterFunc(limit, func() { cancel(fmt.Errorf("nothing was heard of the guest for %v", limit)) })
	defer hangs.Stop()
	t := &talk{queue: q, changed: p.changed.Broadcast, known: p.known, alive: func() { hangs.Reset(limit) }}
	if p.Verbose {
		t.verbose = os.Stdout
	}
	g := &guest{kernel: q.kernel, cpus: p.CPUs, memory: 2048, in: append([]string{q.bin}, q.in...),
		timeout: 24 * time.Hour, command: command, stdout: t, talk: t.begin}
	err := p.out(q, g)
	if err == nil {
		_, err = g.run(guestCtx)
	}
	q.mu.Lock()
	q.guests--
	q.boots.seconds += g.used.Seconds() - t.tests
	q.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.changed.Broadcast()
	switch {
	case ctx.Err() != nil:
		p.failed = true
	case err == nil && t.ended:
	case errors.Is(err, errTripped) && q.again(t.test):
		fmt.Fprintf(os.Stderr, "testbed: kernel %s: the emulator tripped over patched code (Oops: int3) in %s, which runs "+
			"again\n", q.kernel.name, t.test)
	default:
		// The guest did not come to its end: the test in which that was has failed.
		p.failed = true
		fmt.Printf("%s", t.text.String())
		if err != nil {
			fmt.Printf("--- %v\n", err)
		}
		fmt.Printf("FAIL\tkernel %s  %s\n", q.kernel.name, t.test)
		if t.test == "" {
			q.broken = true
		} else {
			q.ended(result{test: t.test})
		}
	}
}

// out gives the guest a folder for /skb/out, if one is wanted.
func (p *plan) out(q *queue, g *guest) error {
	if p.Out == "" {
		return nil
	}
	g.out = filepath.Join(p.Out, q.kernel.name)
	return os.MkdirAll(g.out, 0o777)
}

// report says how the tests of a kernel went, like go test does of a package.
func (p *plan) report(q *queue) {
	var failed []string
	for _, r := range q.done {
		if !r.passed {
			failed = append(failed, r.test)
		}
	}
	title := fmt.Sprintf("kernel %-10s %-28s %d tests", q.kernel.name, q.kernel.release, len(q.done))
	if len(q.retried) > 0 {
		title += fmt.Sprintf(", the emulator tripped in %s", strings.Join(q.retried, ", "))
	}
	if len(q.failed) > 0 {
		title += fmt.Sprintf(", FAILED ONCE: %s", strings.Join(q.failed, ", "))
	}
	if len(q.left) > 0 {
		title += fmt.Sprintf(", %d others on other kernels", len(q.left))
	}
	switch {
	case len(failed) > 0:
		fmt.Printf("FAIL\t%s, failed: %s\n", title, strings.Join(failed, ", "))
	case q.broken || len(q.tests) > 0 || len(q.done) == 0:
		fmt.Printf("FAIL\t%s, not run: %s\n", title, strings.Join(q.tests, ", "))
	default:
		fmt.Printf("ok  \t%s\n", title)
		return
	}
	p.failed = true
}

// runBeside runs a command of this machine's, and shows what it prints when it has ended.
func (p *plan) runBeside(ctx context.Context, b *beside) {
	cmd := exec.CommandContext(ctx, "bash", "-c", b.command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) } // with all that it started
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := cmd.ProcessState; s != nil {
		b.seconds = (s.UserTime() + s.SystemTime()).Seconds()
	}
	os.Stdout.Write(out.Bytes())
	if err != nil {
		fmt.Printf("FAIL\t%s: %v\n", b.command, err)
		p.failed = true
		return
	}
	fmt.Printf("ok  \t%s\n", b.command)
}
