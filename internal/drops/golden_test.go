package drops

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

var update = flag.Bool("update", false, "write the golden files anew from what the program says now")

// Streams of real drops, and what skb-drops says of them: each testdata/drops/NAME.skb
// has its NAME.golden. In a stream whose name begins with innocent nothing is a fault. They
// are what TestDropZoo leaves of its groups on each kernel:
//
//	make build && CGO_ENABLED=0 go test -c -tags kernel -o build/kernel.test ./test/kernel
//	go run ./test/bed test --bin build/kernel.test --in bin --run TestDropZoo --out build/zoo
//	cp build/zoo/5.10/route.skb internal/drops/testdata/drops/route-5.10.skb
//	go test ./internal/drops -run TestGolden -update
//
// causes.sh there says what made those whose name begins with causes.
func TestGolden(t *testing.T) {
	streams, err := filepath.Glob("testdata/drops/*.skb")
	if err != nil || len(streams) < 12 {
		t.Fatal(streams, err)
	}
	for _, path := range streams {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var out bytes.Buffer
			if err := Run(t.Context(), Options{Input: pipe.Input{Part: true}, Options: pipe.Options{Output: "json"}}, f, &out, io.Discard); err != nil {
				t.Fatal(err)
			}
			got := golden(t, &out)
			if strings.HasPrefix(filepath.Base(path), "innocent") && strings.Contains(got, ": fault, ") {
				t.Errorf("a fault among innocent drops:\n%s", got)
			}
			file := strings.TrimSuffix(path, filepath.Ext(path)) + ".golden"
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s is not what is said now (-update writes it):\n%s", file, got)
			}
		})
	}
}

// golden writes the explanations for reading, equal ones once with their number.
func golden(t *testing.T, r io.Reader) string {
	var order []string
	count := map[string]int{}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		var record struct{ Why *why }
		if err := json.Unmarshal(s.Bytes(), &record); err != nil || record.Why == nil {
			continue // why of a loss or end record is a text
		}
		w := record.Why
		var b strings.Builder
		fmt.Fprintf(&b, "%s: %s, %s\n  at: %s\n  cause: %s\n", w.Reason, w.Severity, w.Confidence, w.Where, w.Cause)
		for _, l := range w.Look {
			fmt.Fprintf(&b, "  look: %s\n", l)
		}
		for _, a := range w.Alternatives {
			fmt.Fprintf(&b, "  or: %s\n", a.Cause)
			if a.Tell != "" {
				fmt.Fprintf(&b, "    tell: %s\n", a.Tell)
			}
			for _, l := range a.Look {
				fmt.Fprintf(&b, "    look: %s\n", l)
			}
		}
		if count[b.String()]++; count[b.String()] == 1 {
			order = append(order, b.String())
		}
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range order {
		fmt.Fprintf(&all, "%d x %s\n", count[e], e)
	}
	return all.String()
}
