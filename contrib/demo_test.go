// Package contrib has only tests, of what is in this folder.
package contrib

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/stamp"
	"github.com/skb-tools/skb-tools/internal/track"
)

var update = flag.Bool("update", false, "write README.md's example")

// TestMain makes the programs that the scene calls. skb-collect's stream is the recorded one, and
// ip does nothing: so the scene needs no kernel that may be traced.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"skb-track":   command("skb-track", track.Run),
		"skb-sort":    command("skb-sort", sort.Run),
		"skb-drops":   command("skb-drops", drops.Run),
		"skb-pcap":    command("skb-pcap", pcap.Run),
		"skb-stamp":   stamp.Main,
		"skb-collect": recorded,
		"ip":          func() {},
	})
}

func command[O any](name string, run func(context.Context, O, io.Reader, io.Writer, io.Writer) error) func() {
	return func() {
		var o O
		pipe.Parse(name, &o)
		pipe.MainFilter(name, func(ctx context.Context) error {
			return run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
		})
	}
}

// asked does what a test asks of skb-collect instead, if one does.
var asked = func() {}

// recorded writes the stream that the scene's skb-collect wrote once. It was made by
//
//	go run ./test/bed run --kernel 6.12 --in bin --in contrib/demo-scene --out contrib/testdata -- demo-scene
func recorded() {
	asked()
	stream, err := os.ReadFile(os.Getenv("DEMO_STREAM"))
	if err == nil {
		_, err = os.Stdout.Write(stream)
	}
	if err != nil {
		os.Exit(1)
	}
}

// README.md shows what `make demo` prints: its example is the scene's output, with the stream that
// skb-collect wrote when it was recorded.
func TestReadmeShowsDemo(t *testing.T) {
	const path = "../README.md"
	const begin, end = "<!-- make demo; go test ./contrib -update writes it -->\n", "<!-- end of make demo -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	shown, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the place of the example is gone")
	}
	stream, err := filepath.Abs("testdata/demo.skb")
	if err != nil {
		t.Fatal(err)
	}
	scene := exec.Command("./demo-scene")
	scene.Env = append(os.Environ(), "DEMO_STREAM="+stream, "TZ=UTC", "LC_ALL=C.UTF-8", "COLUMNS=200")
	var printed bytes.Buffer
	scene.Stdout, scene.Stderr = &printed, &printed
	if err := scene.Run(); err != nil {
		t.Fatalf("%v\n%s", err, printed.String())
	}
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSuffix(printed.String(), "\n"), "\n") {
		if line != "" {
			line = "    " + line
		}
		b.WriteString(line + "\n")
	}
	want := "\n" + b.String() + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	// Further up it shows one line of text.
	var stdout bytes.Buffer
	line := exec.Command("skb-sort", "-o", "text", stream)
	line.Env, line.Stdout = scene.Env, &stdout
	if err := line.Run(); err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`(?m)^[^# ].*`).FindString(stdout.String())
	if first == "" || !strings.Contains(before, "\n    "+first+"\n") {
		t.Errorf("README.md does not show the first line of text:\n%s", first)
	}
	// What tcpdump says first is not the same in all of its versions.
	says := regexp.MustCompile(`(?m)^ *reading from file .*\n`)
	if says.ReplaceAllString(shown, "") != says.ReplaceAllString(want, "") {
		t.Errorf("README.md does not show what make demo prints (-update writes it):\n%s", want)
	}
}
