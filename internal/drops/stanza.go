package drops

import (
	"fmt"
	"strings"
)

// A line is one "key: value" of a stanza, with the number of its line in the file.
type line struct {
	key, value string
	number     int
}

// readStanzas splits text in the form of reasons/*.txt and rules/*.txt: stanzas of
// "key: value" lines, separated by blank lines; a line that starts with # is a comment.
//
// The form is our own because it is the one that reviews best: one fact a line, no
// quoting of the quotes that shell commands are full of, and no library. It is embedded,
// so an error in it is a bug, found by the tests.
func readStanzas(name, text string) ([][]line, error) {
	var all [][]line
	var stanza []line
	for i, s := range strings.Split(text+"\n", "\n") {
		s = strings.TrimSpace(s)
		if s == "" {
			if stanza != nil {
				all = append(all, stanza)
				stanza = nil
			}
			continue
		}
		if strings.HasPrefix(s, "#") {
			continue
		}
		key, value, ok := strings.Cut(s, ":")
		value = strings.TrimSpace(value)
		if !ok || value == "" {
			return nil, fmt.Errorf("%s:%d: not a key: value line: %q", name, i+1, s)
		}
		stanza = append(stanza, line{key, value, i + 1})
	}
	return all, nil
}
