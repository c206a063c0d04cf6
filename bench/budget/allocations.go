package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
)

// allocationUnit ends the titles of these figures; allocationNoise is what of them is the
// runtime's own. Next to numbers of instructions it is nothing.
const (
	allocationUnit  = ", allocations"
	allocationNoise = 0.005
)

// The two lengths of a stream, in events. What a program allocates for the first comes from
// starting, and is left out.
var lengths = [2]int{20_000, 60_000}

// commands are what is measured: a program, its arguments, and the stream it reads.
var commands = []struct {
	line   string
	stream func(events int) ([]byte, error)
}{
	{"skb-track -o stream", packets},
	{"skb-track -o stream --infer", packets},
	{"skb-track -o stream --ended dropped", packets},
	{"skb-track --summary", packets},
	{"skb-sort -o stream", packets},
	{"skb-sort -o stream --memory 16MB", packets},
	{"skb-sort -o stream --by journey", tracked},
	{"skb-sort -o text", packets},
	{"skb-sort -o text --color always", tracked},
	{"skb-sort -o json", packets},
	{"skb-pcap", packets},
	{"skb-pcap --no-comment", packets},
	{"skb-pcap --read -", capture},
	{"skb-drops -o stream", dropStream},
	{"skb-drops -o text", dropStream},
	{"skb-drops --summary", dropStream},
}

// measureAllocations returns how often each of commands allocates memory for an event.
func measureAllocations() (map[string]float64, error) {
	figures := map[string]float64{}
	for _, c := range commands {
		var counts [2]uint64
		for i, events := range lengths {
			in, err := c.stream(events)
			if err != nil {
				return nil, err
			}
			if counts[i], err = allocations(c.line, in); err != nil {
				return nil, fmt.Errorf("%s: %w", c.line, err)
			}
		}
		more := float64(counts[1]) - float64(counts[0])
		figures[c.line+allocationUnit] = float64(int(1000*more/float64(lengths[1]-lengths[0])+0.5)) / 1000
	}
	return figures, nil
}

// allocations runs a command on a stream: the fewest of three runs, as the runtime's own
// goroutines allocate at times.
func allocations(line string, in []byte) (least uint64, err error) {
	for round := range 3 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if err := runCommand(line, bytes.NewReader(in)); err != nil {
			return 0, err
		}
		runtime.ReadMemStats(&after)
		if n := after.Mallocs - before.Mallocs; round == 0 || n < least {
			least = n
		}
	}
	return least, nil
}

func runCommand(line string, in io.Reader) error {
	words := strings.Fields(line)
	dir, err := os.MkdirTemp("", "budget-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	switch words[0] {
	case "skb-track":
		var o track.Options
		return parsed(&o, words, func() error { return track.Run(ctx, o, in, io.Discard, io.Discard) })
	case "skb-sort":
		var o sort.Options
		return parsed(&o, append(words, "--temp-dir", dir), func() error {
			return sort.Run(ctx, o, in, io.Discard, io.Discard)
		})
	case "skb-pcap":
		var o pcap.Options
		return parsed(&o, words, func() error { return pcap.Run(ctx, o, in, io.Discard, io.Discard) })
	case "skb-drops":
		var o drops.Options
		return parsed(&o, words, func() error { return drops.Run(ctx, o, in, io.Discard, io.Discard) })
	}
	return fmt.Errorf("no such program")
}

// parsed runs run with options as the command line sets them.
func parsed(options any, words []string, run func() error) error {
	p, err := kong.New(options)
	if err != nil {
		return err
	}
	if _, err := p.Parse(words[1:]); err != nil {
		return err
	}
	return run()
}

const module = "github.com/skb-tools/skb-tools"

func generated(args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"run", module + "/bench/stream"}, args...)...)
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

func packets(events int) ([]byte, error) { return generated("-events", fmt.Sprint(events)) }

// tracked is what skb-track makes of packets.
func tracked(events int) ([]byte, error) { return generated("-tracked", "-events", fmt.Sprint(events)) }

// capture is what skb-pcap makes of packets.
func capture(events int) ([]byte, error) {
	in, err := packets(events)
	if err != nil {
		return nil, err
	}
	var o pcap.Options
	var b bytes.Buffer
	err = parsed(&o, []string{"skb-pcap"}, func() error {
		return pcap.Run(context.Background(), o, bytes.NewReader(in), &b, io.Discard)
	})
	return b.Bytes(), err
}

// dropStream has the drops of a recorded stream, again and again.
func dropStream(events int) ([]byte, error) {
	folder, err := exec.Command("go", "list", "-f", "{{.Dir}}", module+"/internal/drops").Output()
	if err != nil {
		return nil, err
	}
	recorded := filepath.Join(strings.TrimSpace(string(folder)), "testdata/drops/receive-7.2.skb")
	return generated("-repeat", recorded, "-events", fmt.Sprint(events))
}
