package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// testAll runs a test binary on every kernel and reports like go test.
func testAll(ctx context.Context, c *testCommand) (int, error) {
	names := kernelNames()
	var kernels []*kernel
	for _, n := range names {
		k, err := fetch(n)
		if err != nil {
			return 1, err
		}
		kernels = append(kernels, k)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	failed := 0
	slots := make(chan struct{}, max(c.Guests, 1))
	for _, k := range kernels {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ok, report := testOne(ctx, c, k)
			mu.Lock()
			defer mu.Unlock()
			os.Stdout.WriteString(report)
			if !ok {
				failed++
			}
		})
	}
	wg.Wait()
	if failed > 0 {
		return 1, nil
	}
	return 0, nil
}

// testOne runs the tests in one guest.
func testOne(ctx context.Context, c *testCommand, k *kernel) (ok bool, report string) {
	var out bytes.Buffer
	command := []string{"/skb/in/" + filepath.Base(c.Bin), "-test.v", "-test.timeout=" + c.Timeout.String()}
	if c.Run != "" {
		command = append(command, "-test.run="+c.Run)
	}
	outDir := ""
	if c.Out != "" {
		outDir = filepath.Join(c.Out, k.name)
		if err := os.MkdirAll(outDir, 0o777); err != nil {
			return false, err.Error() + "\n"
		}
	}
	g := &guest{kernel: k, cpus: 2, memory: 2048, in: append([]string{c.Bin}, c.In...), out: outDir,
		timeout: c.Timeout, command: command, stdout: &out}
	began := time.Now()
	status, err := g.run(ctx)
	took := time.Since(began).Seconds()
	title := fmt.Sprintf("kernel %-5s %-28s %6.1fs", k.name, k.release, took)
	text := strings.ReplaceAll(out.String(), "\r\n", "\n")
	passed := strings.Count("\n"+text, "\n--- PASS:")
	switch {
	case err != nil:
		return false, fmt.Sprintf("%s--- %v\nFAIL\t%s\n", text, err, title)
	case status != 0:
		return false, fmt.Sprintf("%s\nFAIL\t%s\n", text, title)
	case passed == 0:
		return false, fmt.Sprintf("%s\nFAIL\t%s  no test ran\n", text, title)
	case c.Verbose:
		return true, fmt.Sprintf("%s\nok  \t%s  %d tests\n", text, title, passed)
	}
	return true, fmt.Sprintf("ok  \t%s  %d tests\n", title, passed)
}
