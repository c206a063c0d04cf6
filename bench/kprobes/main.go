//go:build linux && (amd64 || arm64)

// Kprobes measures what the kernel itself takes to put an empty BPF program on every function
// with an sk_buff by kprobes, and to take it off again: what no program that traces by single
// kprobes can be faster than. Run it in a guest: bench/attach does, and it leaves the
// machine's grace periods expedited.
package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kprobes:", err)
		os.Exit(1)
	}
}

func run() error {
	k, err := kernel.Open(nil, false)
	if err != nil {
		return err
	}
	functions, _, err := k.Functions()
	if err != nil {
		return err
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.Kprobe, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	if err != nil {
		return err
	}
	defer p.Close()
	began := time.Now()
	const periods = 20
	for range periods {
		if _, _, e := unix.Syscall(unix.SYS_MEMBARRIER, 1 /* MEMBARRIER_CMD_GLOBAL */, 0, 0); e != 0 {
			return fmt.Errorf("membarrier: %w", e)
		}
	}
	fmt.Printf("%d functions; a grace period of RCU takes %v\n", len(functions),
		(time.Since(began) / periods).Round(100*time.Microsecond))
	for _, expedited := range []string{"0", "1"} {
		if err := os.WriteFile("/sys/kernel/rcu_expedited", []byte(expedited), 0); err != nil {
			return err
		}
		fmt.Println("rcu_expedited =", expedited)
		if err := measure("a perf event for each, at the entry", func() (func() error, error) {
			return perfEvents(p, functions)
		}); err != nil {
			return err
		}
		for _, behind := range []uint64{0, 5} {
			title := fmt.Sprintf("one trace event of tracefs, at the entry + %d", behind)
			if err := measure(title, func() (func() error, error) { return traceEvent(p, functions, behind) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func measure(title string, attach func() (detach func() error, err error)) error {
	began := time.Now()
	detach, err := attach()
	if err != nil {
		return err
	}
	attached := time.Since(began)
	time.Sleep(time.Second) // for the kernel to optimize what it can
	list, err := os.ReadFile("/sys/kernel/debug/kprobes/list")
	if err != nil {
		return err
	}
	began = time.Now()
	if err := detach(); err != nil {
		return err
	}
	fmt.Printf("  %s: %d probes, %d optimized, attached in %d ms, detached in %d ms\n", title,
		bytes.Count(list, []byte("\n")),
		bytes.Count(list, []byte("[OPTIMIZED]")), attached.Milliseconds(), time.Since(began).Milliseconds())
	return nil
}

// perfEvents is how skb-collect does it.
func perfEvents(p *ebpf.Program, functions []kernel.Function) (detach func() error, err error) {
	source, err := number("/sys/bus/event_source/devices/kprobe/type")
	if err != nil {
		return nil, err
	}
	fds := make([]int, len(functions))
	each(len(fds), func(i int) {
		fds[i], _ = open(p, unix.PerfEventAttr{Type: uint32(source), Ext2: functions[i].Addr})
	})
	return func() error {
		each(len(fds), func(i int) { unix.Close(fds[i]) })
		return nil
	}, nil
}

// traceEvent makes one event of all, whose definitions outlive whoever made them.
func traceEvent(p *ebpf.Program, functions []kernel.Function, behind uint64) (detach func() error, err error) {
	const events = "/sys/kernel/tracing/kprobe_events"
	f, err := os.OpenFile(events, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	for i, fn := range functions {
		// Probes of an event must differ in more than the address.
		fmt.Fprintf(f, "p:bench/all %#x n=\\%d:u64\n", fn.Addr+behind, i)
	}
	id, err := number("/sys/kernel/tracing/events/bench/all/id")
	if err != nil {
		return nil, err
	}
	fd, err := open(p, unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: uint64(id)})
	if err != nil {
		return nil, err
	}
	return func() error {
		defer f.Close()
		if err := unix.Close(fd); err != nil {
			return err
		}
		_, err := f.WriteString("-:bench/all\n")
		return err
	}, nil
}

func open(p *ebpf.Program, attr unix.PerfEventAttr) (int, error) {
	attr.Size = unix.PERF_ATTR_SIZE_VER1
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, p.FD()); err != nil {
		return -1, err
	}
	return fd, unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0)
}

func number(file string) (int, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(bytes.TrimSpace(b)))
}

// each calls f for 0 to n-1, 16 at a time.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range 16 {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
