// Package screen has the terminal while --live draws on it.
package screen

import (
	"io"
	"sync"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

const (
	// Enter and Leave lead to the other screen of the terminal, without a cursor, and back: what was on the
	// terminal before is there again afterwards (xterm's control sequences).
	Enter = "\x1b[?1049h\x1b[?25l"
	Leave = "\x1b[?25h\x1b[?1049l"
	// Home is the first place of the screen.
	Home = "\x1b[H"
	// EndLine clears the rest of a line and goes to the next.
	EndLine = "\x1b[K\r\n"
	// ClearBelow clears what is behind the last line.
	ClearBelow = "\x1b[J"
)

// A Screen is the terminal while --live has it. On anything else --live is --summary.
type Screen struct {
	w    io.Writer
	mu   sync.Mutex
	left bool
}

// New gives nil if w is no terminal.
func New(w io.Writer) *Screen {
	if !terminal.Is(w) {
		return nil
	}
	return &Screen{w: w}
}

// Leave gives the terminal back. It may be called at any time, and again.
func (s *Screen) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.left {
		s.left = true
		_, _ = io.WriteString(s.w, Leave)
	}
}

// Enter takes the terminal, and gives it back at the first signal that asks for the end:
// the input may take a while to end, and a second signal ends us at once.
func (s *Screen) Enter() {
	_, _ = io.WriteString(s.w, Enter)
	go func() {
		pipe.WaitEnd()
		s.Leave()
	}()
}

// Draw calls draw with the terminal and its size in characters, unless the terminal was given back.
func (s *Screen) Draw(draw func(w io.Writer, columns, lines int) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return nil
	}
	columns, lines := terminal.Size(s.w)
	if columns == 0 || lines == 0 {
		columns, lines = 80, 24
	}
	return draw(s.w, columns, lines)
}
