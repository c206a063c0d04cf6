package drops

import (
	"io"
	"sync"
	"time"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// A screen is the terminal while --live has it. On anything else --live is --summary.
type screen struct {
	w    io.Writer
	mu   sync.Mutex
	left bool
}

// newScreen gives nil if w is no terminal.
func newScreen(w io.Writer) *screen {
	if !terminal.Is(w) {
		return nil
	}
	return &screen{w: w}
}

// leave gives the terminal back. It may be called at any time, and again.
func (s *screen) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.left {
		s.left = true
		_, _ = io.WriteString(s.w, leaveScreen)
	}
}

// enter takes the terminal, and gives it back at the first signal that asks for the end:
// the input may take a while to end, and a second signal ends us at once.
func (s *screen) enter() {
	_, _ = io.WriteString(s.w, enterScreen)
	go func() {
		pipe.WaitEnd()
		s.leave()
	}()
}

func (s *screen) draw(sum *summary, tick time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return nil
	}
	columns, lines := terminal.Size(s.w)
	if columns == 0 || lines == 0 {
		columns, lines = 80, 24
	}
	return sum.draw(s.w, columns, lines, tick)
}
