package text

// Colours, as SGR parameters of ECMA-48. The sixteen that every terminal has,
// in the user's own palette.
const (
	plain  = ""
	faint  = "2"
	loud   = "1;31" // bold red: what must not be missed
	yellow = "33"
	green  = "32"
	cyan   = "36"
)

func appendColored[T ~string | ~[]byte](line []byte, s T, color string) []byte {
	if color == plain || len(s) == 0 {
		return append(line, s...)
	}
	line = append(line, "\x1b["...)
	line = append(line, color...)
	line = append(line, 'm')
	line = append(line, s...)
	return append(line, "\x1b[0m"...)
}

// paint returns color, or none when colours are off.
func (p *Printer) paint(color string) string {
	if p.o.Color {
		return color
	}
	return plain
}

// say appends s to the line in color.
func (p *Printer) say(s, color string) { p.line = appendColored(p.line, s, p.paint(color)) }

// colored and uncolored go around what is added to the line in color, which must not be empty.
func (p *Printer) colored(color string) {
	if p.o.Color && color != plain {
		p.line = append(append(append(p.line, "\x1b["...), color...), 'm')
	}
}

func (p *Printer) uncolored(color string) {
	if p.o.Color && color != plain {
		p.line = append(p.line, "\x1b[0m"...)
	}
}
