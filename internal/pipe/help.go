package pipe

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// A Manual is what --help says beside the flags. Options of a command have a method of that name that returns it.
type Manual struct {
	Does     string    // a sentence
	Usage    string    // what may stand behind the name
	Examples []Example // three
	See      string    // where more is to be read
	// Hints say what to do instead of a flag of tcpdump's that the command does not have, by its letter.
	Hints map[string]string
}

// An Example is a command line, and what it is for.
type Example struct{ Does, Command string }

// Groups are the titles under which --help has the flags, by the name that their tags have, in this order.
var Groups = []struct{ Key, Title string }{
	{"where", "Where to look"},
	{"packets", "Which packets"},
	{"what", "What is shown"},
	{"output", "Output"},
	{"limits", "Limits"},
	{"other", "Other"},
}

// helpWidth is of how many columns --help makes use, on any terminal: a page is easier to read when it
// looks the same everywhere.
const helpWidth = 80

// writeHelp writes what --help prints.
func writeHelp(w io.Writer, app *kong.Application, m *Manual) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s %s\n\n", app.Name, m.Usage)
	wrap(&b, m.Does, 0, helpWidth)
	for _, a := range app.Positional {
		fmt.Fprintf(&b, "\n  %s\n", strings.ToUpper(a.Name))
		wrap(&b, a.Help, 6, helpWidth)
	}
	for _, g := range Groups {
		flags := FlagsOf(app, g.Key)
		if len(flags) > 0 {
			fmt.Fprintf(&b, "\n%s:\n", g.Title)
		}
		for _, f := range flags {
			head := "  " + Spelled(f)
			const column = 27
			if len(head)+2 > column {
				fmt.Fprintln(&b, head)
				head = ""
			}
			var text strings.Builder
			wrap(&text, f.Help, column, helpWidth)
			b.WriteString(head + text.String()[len(head):])
		}
	}
	if units := UnitsOf(app); units != "" {
		b.WriteString("\n")
		wrap(&b, units, 0, helpWidth)
	}
	b.WriteString("\nExamples:\n")
	for _, e := range m.Examples {
		wrap(&b, "# "+e.Does, 2, helpWidth)
		fmt.Fprintf(&b, "  %s\n", e.Command)
	}
	b.WriteString("\n")
	wrap(&b, "More: man "+app.Name+m.See, 0, helpWidth)
	_, err := io.WriteString(w, b.String())
	return err
}

// FlagsOf returns the flags of a group that are shown.
func FlagsOf(app *kong.Application, group string) (flags []*kong.Flag) {
	for _, f := range app.Flags {
		if !f.Hidden && groupOf(f) == group {
			flags = append(flags, f)
		}
	}
	return flags
}

func groupOf(f *kong.Flag) string {
	if f.Group == nil {
		return "other"
	}
	return f.Group.Key
}

// Spelled is how a flag is typed: -p, --probe=PROBE,...
func Spelled(f *kong.Flag) string {
	s := "    --" + f.Name
	if f.Short != 0 {
		s = fmt.Sprintf("-%c, --%s", f.Short, f.Name)
	}
	if v := ValueOf(f); v != "" {
		s += "=" + v
	}
	return s
}

// ValueOf is the placeholder of a flag's value, "" if it takes none.
func ValueOf(f *kong.Flag) string {
	if f.IsBool() || f.IsCounter() {
		return ""
	}
	v := f.PlaceHolder
	if v == "" {
		v = strings.ToUpper(f.Name)
	}
	if f.IsSlice() && f.Tag.Sep != -1 {
		v += ",..."
	}
	return v
}

// UnitsOf says how values with units are written, of those that the command takes.
func UnitsOf(app *kong.Application) string {
	var s []string
	for _, u := range []struct{ value, says string }{
		{"TIME", "TIME is a number with its unit: 500us, 10ms, 10s, 5m, 1h."},
		{"SIZE", "SIZE is in bytes, or has a unit: k, M and G are powers of 1024, kB, MB and GB of 1000."},
	} {
		for _, f := range app.Flags {
			if ValueOf(f) == u.value && f.Short != 'C' { // whose unit is tcpdump's
				s = append(s, u.says)
				break
			}
		}
	}
	return strings.Join(s, " ")
}

// wrap writes text in lines of at most width columns, each behind indent blanks.
func wrap(b *strings.Builder, text string, indent, width int) {
	at := 0
	for _, word := range strings.Fields(text) {
		switch {
		case at == 0:
			b.WriteString(strings.Repeat(" ", indent))
			at = indent
		case at+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteString(" ")
			at++
		}
		b.WriteString(word)
		at += len(word)
	}
	b.WriteString("\n")
}
