package text

import (
	"bytes"

	"github.com/skb-tools/skb-tools/internal/terminal"
)

// A style says what of a line may go where the terminal is too narrow for it.
type style uint8

const (
	styleCut   style = iota // its end
	styleEvent              // values behind the packet, then the end of the packet
	styleEnd                // parts of how a journey ended
	styleWhole              // nothing: losses and counts go on in another line
)

// A fitter makes lines fit a terminal. What it leaves out is marked with an ellipsis.
type fitter struct {
	width     int // of the terminal; 0: everything fits
	style     style
	cellsFrom int // where the columns of the line begin that may lose what they are padded with
	cellsEnd  int // where they end
	packetEnd int // where the packet ends; 0: there is none
	parts     []part
	out       []byte
}

// A part of a line may go, those with the highest rank first and of these the last one.
type part struct {
	from, to int
	rank     int // 0: never
}

const (
	ellipsis = "…"
	// minPacket is how many columns of a packet stay as long as anything of less weight can go.
	minPacket = 36
)

// begin is called before a line.
func (f *fitter) begin() { f.style, f.cellsFrom, f.cellsEnd, f.packetEnd = styleCut, 0, 0, 0 }

// cell is as much of a cell as so many columns hold; most 0 is no limit. The result is valid until the next call.
func (f *fitter) cell(cell []byte, most int) []byte {
	if most == 0 || terminal.Columns(cell) <= most {
		return cell
	}
	f.out = f.out[:0]
	f.cut(cell, most)
	return f.out
}

// fit returns the line, or lines, so that they fit. The result is valid until the next call.
func (f *fitter) fit(line []byte) []byte {
	f.out = f.out[:0]
	for first := true; ; first = false {
		l, rest, more := bytes.Cut(line, []byte{'\n'})
		switch {
		case terminal.Columns(l) <= f.width:
			f.out = append(f.out, l...)
		case !first:
			f.below(l)
		case f.style == styleWhole:
			f.wrap(l, 4)
		case f.style == styleEvent:
			f.event(l)
		case f.style == styleEnd:
			f.ending(l)
		default:
			f.cut(l, f.width)
		}
		if !more {
			return f.out
		}
		f.out, line = append(f.out, '\n'), rest
	}
}

// below fits a line below the first. Sentences are wrapped; a command is to be copied whole.
func (f *fitter) below(line []byte) {
	text := bytes.TrimLeft(line, " ")
	for _, whole := range [...]string{"look", "in its network namespace", "\t"} {
		if bytes.HasPrefix(text, []byte(whole)) {
			f.out = append(f.out, line...)
			return
		}
	}
	f.wrap(line, len(line)-len(text)+2)
}

// wrap breaks a line at blanks; those behind the first are indented.
func (f *fitter) wrap(line []byte, indent int) {
	room, begun := f.width, false
	start := len(line) - len(bytes.TrimLeft(line, " "))
	f.out, line = append(f.out, line[:start]...), line[start:]
	room -= start
	for len(line) > 0 {
		word, rest, _ := bytes.Cut(line, []byte{' '})
		n := terminal.Columns(word)
		switch {
		case !begun:
		case n+1 > room && indent < f.width:
			f.out = pad(append(f.out, '\n'), indent)
			room = f.width - indent
		default:
			f.out = append(f.out, ' ')
			room--
		}
		f.out, room, begun, line = append(f.out, word...), room-n, true, rest
	}
}

// event fits the line of an event.
func (f *fitter) event(line []byte) {
	packetEnd := max(f.packetEnd, f.cellsEnd)
	f.values(line, packetEnd)
	cells, packet := line[f.cellsFrom:f.cellsEnd], line[f.cellsEnd:packetEnd]
	over := terminal.Columns(line) - f.width
	over = f.leaveOut(line, over, 2)
	at := len(f.out)
	f.out = append(f.out, line[:f.cellsFrom]...)
	if squeezed := len(f.out); over > 0 { // columns shrink
		f.squeeze(cells)
		over -= terminal.Columns(cells) - terminal.Columns(f.out[squeezed:])
	} else {
		f.out = append(f.out, cells...)
	}
	length := terminal.Columns(packet)
	keep := length
	if over > 0 {
		keep = max(keep-over, min(minPacket, keep))
		over -= length - keep
	}
	over = f.leaveOut(line, over, 1)
	if over > 0 {
		keep = max(keep-over, 0)
	}
	if keep == 0 {
		f.out = bytes.TrimRight(f.out, " ")
	}
	f.cut(packet, keep)
	f.kept(line)
	f.cutOut(at)
}

// values finds the values of a line behind a place.
func (f *fitter) values(line []byte, at int) {
	f.parts = f.parts[:0]
	for bare := false; at < len(line); {
		to := at + valueLen(line[at:])
		text := uncolor(line[at+1 : to])
		rank := valueRank(text)
		switch {
		case bytes.HasPrefix(text, []byte("malformed")):
			to, rank = len(line), 0
		case bare && bytes.HasPrefix(text, []byte("location=")):
			rank = 0 // all that is known of why
		}
		bare = string(text) == "drop" || string(text) == "drop\x1b[0m"
		f.parts = append(f.parts, part{at, to, rank})
		at = to
	}
}

// valueLen is how long the value is that text, which is not empty, begins with, the blank in front of it included.
func valueLen(text []byte) int {
	quoted := false
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ' ':
			if !quoted {
				return i
			}
		}
	}
	return len(text)
}

// uncolor is text behind what sets a colour.
func uncolor(text []byte) []byte {
	for len(text) > 0 {
		size, columns := terminal.Next(text)
		if columns > 0 {
			break
		}
		text = text[size:]
	}
	return text
}

// valueRank is the rank of a value. What became of a packet stays longest.
func valueRank(text []byte) int {
	key, value, valued := bytes.Cut(text, []byte{'='})
	switch string(key) {
	case "drop":
		return 0
	case "location", "nft", "mark", "track", "ovs":
		return 1
	}
	switch {
	case !valued && (bytes.HasPrefix(key, []byte("drop")) || bytes.HasPrefix(key, []byte("uncertain")) ||
		bytes.HasPrefix(key, []byte("inferred"))):
		return 0
	case valued && bytes.IndexByte(key, '.') < 0 && bytes.IndexByte(value, '>') > 0: // what changed
		return 1
	}
	return 2
}

// leaveOut takes parts of a rank, or a higher one, until the line is no more too long by over columns. It returns by
// how many it is then.
func (f *fitter) leaveOut(line []byte, over, rank int) int {
	for r := 3; r >= rank && over > 0; r-- {
		for i := len(f.parts) - 1; i >= 0 && over > 0; i-- {
			p := &f.parts[i]
			if p.rank != r {
				continue
			}
			if !f.leftOut() {
				over += 1 + len("x") // the ellipsis, with a blank
			}
			over -= terminal.Columns(line[p.from:p.to])
			p.rank = -1
		}
	}
	return over
}

// leftOut reports whether a part was left out.
func (f *fitter) leftOut() bool {
	for i := range f.parts {
		if f.parts[i].rank < 0 {
			return true
		}
	}
	return false
}

// kept appends the parts that are not left out, and the mark of those that are. Colours are kept of all.
func (f *fitter) kept(line []byte) {
	for i := range f.parts {
		p := &f.parts[i]
		if p.rank >= 0 {
			f.out = append(f.out, line[p.from:p.to]...)
		} else {
			f.colors(line[p.from:p.to])
		}
	}
	if f.leftOut() && !bytes.HasSuffix(f.out, []byte(ellipsis)) {
		if !bytes.HasSuffix(f.out, []byte{' '}) {
			f.out = append(f.out, ' ')
		}
		f.out = append(f.out, ellipsis...)
	}
}

// colors appends what sets colours in text, and no more of it.
func (f *fitter) colors(text []byte) {
	for len(text) > 0 {
		size, columns := terminal.Next(text)
		if columns == 0 && text[0] == '\x1b' {
			f.out = append(f.out, text[:size]...)
		}
		text = text[size:]
	}
}

// squeeze appends cells without what they are padded with.
func (f *fitter) squeeze(cells []byte) {
	blank := true
	for len(cells) > 0 {
		size, columns := terminal.Next(cells)
		isBlank := cells[0] == ' '
		if !(blank && isBlank) {
			f.out = append(f.out, cells[:size]...)
		}
		if columns > 0 {
			blank = isBlank
		}
		cells = cells[size:]
	}
}

// cut appends as much of text as so many columns hold. What is cut off is marked. Colours are kept.
func (f *fitter) cut(text []byte, width int) {
	if terminal.Columns(text) <= width {
		f.out = append(f.out, text...)
		return
	}
	for room := width - 1; len(text) > 0; {
		size, n := terminal.Next(text)
		if text[0] == '\\' {
			size = min(escapeLen(text), len(text))
			n = size
		}
		if n > room {
			break
		}
		f.out = append(f.out, text[:size]...)
		room -= n
		text = text[size:]
	}
	if width > 0 {
		f.out = append(f.out, ellipsis...)
	}
	f.colors(text)
}

// escapeLen is how many bytes an escape of package escape has that text begins with.
func escapeLen(text []byte) int {
	if len(text) < 2 {
		return 1
	}
	switch text[1] {
	case 'x':
		return len(`\x1b`)
	case 'u':
		return len(`\u009b`)
	case 'U':
		return len(`\U0010ffff`)
	}
	return 2
}

// cutOut cuts what was appended from a place on, if it is too long still.
func (f *fitter) cutOut(at int) {
	if terminal.Columns(f.out[at:]) > f.width {
		line := bytes.Clone(f.out[at:])
		f.out = f.out[:at]
		f.cut(line, f.width)
	}
}

// ending fits a line that says how a journey ended.
func (f *fitter) ending(line []byte) {
	f.parts = f.parts[:0]
	depth, at := 0, 0
	add := func(to int) {
		f.parts = append(f.parts, part{at, to, endingRank(uncolor(bytes.TrimPrefix(line[at:to], []byte(", "))))})
		at = to
	}
	for i, c := range line {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0 && i+1 < len(line) && line[i+1] == ' ' && i > at:
			add(i)
		}
	}
	add(len(line))
	f.leaveOut(line, terminal.Columns(line)-f.width, 1)
	at = len(f.out)
	f.kept(line)
	f.cutOut(at)
}

// endingRank is the rank of a part of how a journey ended.
func endingRank(text []byte) int {
	first, rest, _ := bytes.Cut(text, []byte{' '})
	second, _, _ := bytes.Cut(rest, []byte{' '})
	switch {
	case string(first) == "slowest", bytes.HasPrefix(second, []byte("hop")):
		return 3
	case string(first) == "joined", string(first) == "by", bytes.HasPrefix(second, []byte("branches")):
		return 2
	case string(first) == "as", string(first) == "at", string(first) == "sent":
		return 1
	}
	return 0
}
