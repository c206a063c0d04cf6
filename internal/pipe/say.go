package pipe

import (
	"bytes"
	"fmt"
	"io"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// Say writes text as one line behind the program's name. It may quote anything, such as a file's
// name from a directory of others: what a terminal would obey, and a line's end, are escaped.
func Say(stderr io.Writer, program, text string) {
	fmt.Fprintf(stderr, "%s: %s\n", program, escape.Command(text))
}

// sayings is a writer of whole lines, of which each Write has one, that escapes them as Say does.
type sayings struct{ io.Writer }

func (s sayings) Write(p []byte) (int, error) {
	line, ended := bytes.CutSuffix(p, []byte("\n"))
	text := escape.AppendCommand(nil, line)
	if ended {
		text = append(text, '\n')
	}
	_, err := s.Writer.Write(text)
	return len(p), err
}
