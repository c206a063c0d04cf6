//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/skb-tools/skb-tools/internal/terminal"
)

// progress shows how many probes are attached or detached, on a terminal only, and only
// when that takes long enough to wonder.
func progress(stderr io.Writer, doing string, total int, quiet bool) (step func(int), done func()) {
	if quiet || !terminal.Is(stderr) || total < 10 {
		return nil, func() {}
	}
	f := stderr.(*os.File)
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(f),
		progressbar.OptionSetDescription(doing),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(50*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	var mu sync.Mutex
	ended := false // what is attached when that was given up must not draw any more
	step = func(n int) {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			_ = bar.Add(n)
		}
	}
	return step, func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		_ = bar.Finish()
		fmt.Fprint(f, "\r\033[K")
	}
}
