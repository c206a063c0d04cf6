package track

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// chars is how many characters a line of the picture has.
func (p *drawing) chars() int { return int((p.width - 2*drawEdge) / drawChar) }

// wrap breaks text into lines that fit the picture: at blanks, or within a word that is longer
// than a line. The lines behind the first are indented by so many tabs of 8.
func (p *drawing) wrap(s string, indent int) (lines []string) {
	if s == "" {
		return nil
	}
	left := []rune(s)
	for most := p.chars(); len(left) > most; {
		at := most
		for i := most; i > most/2; i-- {
			if left[i] == ' ' {
				at = i
				break
			}
		}
		lines = append(lines, strings.TrimRight(string(left[:at]), " "))
		rest := strings.TrimLeft(string(left[at:]), " ")
		left = []rune(strings.Repeat(" ", 8*indent) + rest)
	}
	return append(lines, string(left))
}

// text writes a line. Where a character may have another width than a letter, the line is
// told how long it is.
func (p *drawing) text(x, y float64, attributes, s string) {
	wide := func(r rune) bool { return r > 0xff && r != '…' && r != '●' }
	if n := utf8.RuneCountInString(s); strings.ContainsFunc(s, wide) {
		attributes += fmt.Sprintf(` textLength="%.0f" lengthAdjust="spacingAndGlyphs"`, float64(n)*drawChar-1)
	}
	fmt.Fprintf(&p.b, `<text x="%.1f" y="%.1f" xml:space="preserve" %s>%s</text>`+"\n", x, y, attributes, markup(s))
}

// markup is s as text of the picture, fit for a terminal too.
func markup(s string) string {
	var b bytes.Buffer
	// a Buffer takes everything; what text made of names is escaped already
	_ = xml.EscapeText(&b, escape.AppendCommand(nil, s))
	return b.String()
}

// branchClass tells branches apart by their colour.
func branchClass(branch uint32) string { return fmt.Sprint("b", branch%6) }

func (p *drawing) polygon(class string, points ...float64) {
	p.b.WriteString(`<polygon points="`)
	for i := 0; i < len(points); i += 2 {
		fmt.Fprintf(&p.b, "%.1f,%.1f ", points[i], points[i+1])
	}
	p.b.WriteString(`" class="` + class + `"/>`)
}
