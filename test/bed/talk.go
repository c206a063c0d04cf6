//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// A talk is with the test binary in a guest, which asks for one test after another (TestMain of
// test/kernel tells what it says). It is the stdout of the guest.
type talk struct {
	queue   *queue
	changed func()                    // the queue has changed
	alive   func()                    // a test has ended
	known   func() map[string]float64 // what tests cost on other kernels
	verbose io.Writer                 // gets the text of tests that pass, too; nil: nobody

	in      io.Writer // what the guest reads
	pid     int       // of the emulator
	line    []byte
	listing bool
	listed  []string
	same    []string // those of them that are the same on all kernels
	test    string   // that runs
	text    strings.Builder
	passed  bool
	ran     bool // a test ran, or runs
	last    bool // no other test after this one
	ended   bool // it was told that there is no other
	began   float64
	tests   float64 // what all tests of this guest cost
}

var passLine = regexp.MustCompile(`^--- (PASS|SKIP): `)

// begin is told when the emulator runs.
func (t *talk) begin(pid int, in io.Writer) { t.pid, t.in = pid, in }

func (t *talk) Write(b []byte) (int, error) {
	for _, x := range b {
		if x != '\n' {
			t.line = append(t.line, x)
			continue
		}
		t.said(strings.TrimRight(string(t.line), "\r"))
		t.line = t.line[:0]
	}
	return len(b), nil
}

// said takes a line.
func (t *talk) said(line string) {
	switch {
	case line == "=== TESTS":
		t.listing = true
	case strings.HasSuffix(line, "=== NEXT"):
		if t.listing {
			t.queue.list(t.listed, t.same)
			t.listing = false
			t.changed()
		}
		t.next()
	case t.listing && strings.HasPrefix(line, "=== SAME"):
		t.same = append(t.same, strings.TrimSpace(strings.TrimPrefix(line, "=== SAME")))
	case t.listing:
		t.listed = append(t.listed, line)
	case strings.HasPrefix(line, "=== COST   "+t.test+" "):
		t.end(line)
	case line == t.test: // some lines echo what they are told
	default:
		t.passed = t.passed || passLine.MatchString(line)
		fmt.Fprintln(&t.text, line)
	}
}

// next tells the guest its next test, or that there is none.
func (t *talk) next() {
	t.alive()
	if t.last {
		t.test = ""
	} else {
		t.test = t.queue.take(t.known(), !t.ran)
		t.ran = true
	}
	t.last = isLast(t.test)
	t.passed = false
	t.text.Reset()
	t.began = cpuSeconds(t.pid)
	word := t.test
	if word == "" {
		word, t.ended = "end", true
	}
	fmt.Fprintln(t.in, word)
}

// end notes what the test that ran came to.
func (t *talk) end(line string) {
	r := result{test: t.test, passed: t.passed}
	var ticks, busy float64
	fmt.Sscanf(strings.TrimPrefix(line, "=== COST   "+t.test), " starts=%d collect=%f busy=%f", &r.starts, &ticks, &busy)
	r.seconds = cpuSeconds(t.pid) - t.began
	r.collect = r.seconds * ticks / max(busy, 1)
	t.tests += r.seconds
	t.test = ""
	if !r.passed && t.queue.failedOnce(r) {
		t.last = true
		fmt.Fprintf(os.Stdout, "%sFAILED ONCE\tkernel %s  %s: it runs again in a fresh guest\n", t.text.String(),
			t.queue.kernel.name, r.test)
		t.text.Reset()
		return
	}
	t.queue.ended(r)
	if !r.passed {
		fmt.Fprintf(os.Stdout, "%sFAIL\tkernel %s  %s\n", t.text.String(), t.queue.kernel.name, r.test)
	} else if t.verbose != nil {
		fmt.Fprintf(t.verbose, "%sok  \tkernel %s  %s: %.1f s of a core, %.1f of them in %d starts\n", t.text.String(),
			t.queue.kernel.name, r.test, r.seconds, r.collect, r.starts)
	}
	t.text.Reset()
}
