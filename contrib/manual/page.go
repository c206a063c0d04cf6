//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// page is a man page, in the macros of man(7).
func (p *program) page() (string, error) {
	text, err := texts.ReadFile("text/" + p.name + ".txt")
	if err != nil {
		return "", err
	}
	before, after, ok := strings.Cut(string(text), "# OPTIONS\n")
	if !ok {
		return "", fmt.Errorf("%s.txt: has no line '# OPTIONS'", p.name)
	}
	m := &man{}
	m.line(`.\" Made by contrib/manual of the flags and contrib/manual/text/` + p.name + `.txt.`)
	m.line(fmt.Sprintf(`.TH %s %d %q "skb-tools" "skb-tools"`, strings.ToUpper(p.name), p.section, date()))
	m.line(".SH NAME")
	m.line(roff(p.name) + ` \- ` + roff(firstLower(strings.TrimSuffix(p.manual.Does, "."))))
	m.line(".SH SYNOPSIS")
	m.line(".B " + roff(p.name))
	m.line(roff(p.manual.Usage))
	m.text(before)
	m.line(".SH OPTIONS")
	for _, g := range pipe.Groups {
		flags := pipe.FlagsOf(p.app, g.Key)
		if len(flags) > 0 {
			m.line(".SS " + g.Title)
		}
		for _, f := range flags {
			m.line(".TP")
			head := `.BR \-\-` + roff(f.Name)
			if f.Short != 0 {
				head = fmt.Sprintf(`.BR \-%c ", " \-\-%s`, f.Short, roff(f.Name))
			}
			if v := pipe.ValueOf(f); v != "" {
				head += ` "=\fI` + roff(v) + `\fR"`
			}
			m.line(head)
			m.line(roff(f.Help))
		}
	}
	if units := pipe.UnitsOf(p.app); units != "" {
		m.line(".PP")
		m.line(roff(units))
	}
	m.line(".SH EXAMPLES")
	for i, e := range p.manual.Examples {
		if i > 0 {
			m.line(".PP")
		}
		m.line(roff(strings.ToUpper(e.Does[:1]) + e.Does[1:] + ":"))
		m.code(e.Command)
	}
	m.text(after)
	m.line(".SH EXIT STATUS")
	for _, s := range exitStatuses {
		if s.of == "" || s.of == p.name {
			m.line(".TP")
			m.line(".B " + roff(s.status))
			m.line(roff(s.means))
		}
	}
	m.line(".SH SEE ALSO")
	var others []string
	for _, o := range programs() {
		if o.name != p.name {
			others = append(others, fmt.Sprintf(`.BR %s (%d)`, roff(o.name), o.section))
		}
	}
	m.line(strings.Join(others, " ,\n") + " ,\n.BR pcap\\-filter (7)")
	return m.String(), nil
}

// date is the day of $SOURCE_DATE_EPOCH, so that pages that are made twice are the same.
func date() string {
	s, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return ""
	}
	return time.Unix(s, 0).UTC().Format(time.DateOnly)
}

// exitStatuses are those of all programs, and of some: docs/exit-status.md has the same table.
var exitStatuses = []struct{ of, status, means string }{
	{"", "0", "All went well. It is no error if the reader of stdout has gone (as head does)."},
	{"", "1", "An error. One line on stderr says what failed. The records before the error were passed on. An input " +
		"that is not a whole stream is an error, too. So is one that a signal cut short."},
	{"", "2", "Wrong usage, such as an unknown flag or a wrong value. Nothing was read or written."},
	{"skb-drops", "3", "With --fail-if: a drop was that severe, or more."},
	{"skb-collect", "N", "With a COMMAND: its exit status. If a signal killed it, 128 plus the number of the signal, as " +
		"in a shell."},
}

// A man page is lines of roff.
type man struct{ strings.Builder }

func (m *man) line(s string) { m.WriteString(s + "\n") }

// code writes a command line, as it is.
func (m *man) code(s string) {
	m.line(".PP\n.RS 4\n.EX")
	m.line(roff(s))
	m.line(".EE\n.RE")
}

// text writes what is written by hand: a line that begins with "# " is a title, one that begins with four blanks is to
// be typed, or a name that is explained by the lines under it, which begin with eight.
func (m *man) text(s string) {
	between := false // it begins with a title
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i, line := range lines {
		switch {
		case line == "":
			between = true
		case strings.HasPrefix(line, "# "):
			m.line(".SH " + line[2:])
			between = false
		case strings.HasPrefix(line, "        "):
			m.line(roff(strings.TrimSpace(line)))
		case strings.HasPrefix(line, "    ") && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "        "):
			m.line(".TP\n.I " + roff(strings.TrimSpace(line)))
		case strings.HasPrefix(line, "    "):
			m.code(strings.TrimSpace(line))
		default:
			if between {
				m.line(".PP")
			}
			between = false
			m.line(roff(line))
		}
	}
}

// roff escapes what roff would take for something else: a backslash, a hyphen, which is a dash there, and what begins a
// request.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

func firstLower(s string) string { return strings.ToLower(s[:1]) + s[1:] }
