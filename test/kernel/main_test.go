//go:build kernel

package kerneltest

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// from is the line on which the test bed says which test is next.
var from = flag.String("from", "", "`file` to read the names of the tests to run from, one at a time")

// TestMain runs the tests like those of any package, or with -from as the test bed does: it lists
// those that -test.run chooses and then runs the one that it is told, again and again, so that several
// guests can share the tests of a kernel. What it says on stdout besides what tests say:
//
//	=== TESTS                                      the next lines are names of tests
//	=== SAME   TestX                               one of those meets no difference between kernels
//	=== NEXT                                       it waits for the name of a test, or for "end"
//	=== COST   TestX starts=3 collect=120 busy=310 skb-collect was started 3 times in the test; of 310 clock
//	                                               ticks that the guest computed these took 120 (docs/testing.md)
func TestMain(m *testing.M) {
	flag.Parse()
	if *from == "" {
		os.Exit(m.Run())
	}
	if err := serve(m); err != nil {
		fmt.Fprintln(os.Stderr, "-from", *from+":", err)
		os.Exit(1)
	}
}

func serve(m *testing.M) error {
	f, err := os.Open(*from)
	if err != nil {
		return err
	}
	records, err := os.CreateTemp("", "processes-")
	if err != nil {
		return err
	}
	if err := unix.Acct(records.Name()); err != nil {
		return fmt.Errorf("acct: %w", err)
	}
	test, subtests, hasSubtests := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	fmt.Println("=== TESTS")
	if test == "" {
		test = "."
	}
	flag.Set("test.list", test)
	m.Run()
	flag.Set("test.list", "")
	for name := range noDifference {
		fmt.Println("=== SAME  ", name)
	}
	for in := bufio.NewScanner(f); ; {
		fmt.Println("=== NEXT")
		if !in.Scan() {
			return fmt.Errorf("no more words: %v", in.Err())
		}
		name := in.Text()
		if name == "end" {
			return nil
		}
		only := "^" + name + "$"
		if hasSubtests {
			only += "/" + subtests
		}
		flag.Set("test.run", only)
		before := count(records)
		m.Run()
		now := count(records)
		fmt.Printf("=== COST   %s starts=%d collect=%d busy=%d\n", name, now.starts-before.starts, now.collect-before.collect, now.busy-before.busy)
	}
}

// counts are of all that the guest did so far.
type counts struct {
	starts        int    // of skb-collect, those that ended
	collect, busy uint64 // clock ticks of their processes, and of all
}

// count reads the kernel's records of processes that ended: struct acct_v3 of include/uapi/linux/acct.h.
func count(records *os.File) (c counts) {
	const size, utime, stime, comm = 64, 32, 34, 48
	b, err := os.ReadFile(records.Name())
	if err != nil {
		panic(err)
	}
	for ; len(b) >= size; b = b[size:] {
		if name, _, _ := strings.Cut(string(b[comm:size]), "\x00"); name == "skb-collect" {
			c.starts++
			c.collect += ticks(b[utime:]) + ticks(b[stime:])
		}
	}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		panic(err)
	}
	var user, nice, system, idle, iowait, irq, softirq uint64
	fmt.Sscanf(string(stat), "cpu %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &softirq)
	c.busy = user + nice + system + irq + softirq
	return c
}

// ticks reads a comp_t: 13 bits, shifted left by three times what the upper three bits say.
func ticks(b []byte) uint64 {
	n := binary.NativeEndian.Uint16(b)
	return uint64(n&0x1fff) << (3 * (n >> 13))
}
