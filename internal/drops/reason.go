package drops

import (
	"embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed reasons/*.txt rules/*.txt kernels/*.txt
var files embed.FS

// A Reason explains one name of enum skb_drop_reason or of a subsystem's reasons. In the
// files it is a stanza of these keys:
//
//	reason:   the name, without SKB_DROP_REASON_
//	severity: normal, suspect or fault
//	meaning:  one sentence, true for every kernel that has the name
//	look:     a command that shows more, with fields of the drop in braces; may repeat
//	else:     what to use in place of the line before if the drop lacks one of its fields
type Reason struct {
	Name     string
	Severity Severity
	Meaning  string
	look     []choice
}

// Look returns the commands that show more, with the fields to fill in in braces.
func (r *Reason) Look() []string {
	var all []string
	for _, c := range r.look {
		all = append(all, c[0].text)
	}
	return all
}

// A choice is a template and what to use where the drop lacks its fields.
type choice []template

func (c choice) append(dst []byte, f *facts) ([]byte, bool) {
	for i := range c {
		if d, ok := c[i].append(dst, f); ok {
			return d, true
		}
	}
	return dst, false
}

// choices gathers the lines of a stanza that give a choice each: its key and what follows
// by "else".
type choices struct {
	last *[]choice
	sh   bool
}

func (c *choices) add(l line, to *[]choice, shell bool) error {
	t, err := parseTemplate(l.value, shell)
	if err != nil {
		return err
	}
	*to = append(*to, choice{t})
	c.last, c.sh = to, shell
	return nil
}

func (c *choices) addElse(l line) error {
	if c.last == nil {
		return fmt.Errorf("else without anything before it")
	}
	t, err := parseTemplate(l.value, c.sh)
	if err != nil {
		return err
	}
	n := len(*c.last) - 1
	(*c.last)[n] = append((*c.last)[n], t)
	return nil
}

// Name returns the kernel's name of a reason without what all of them begin with:
// SKB_DROP_REASON_NO_SOCKET is NO_SOCKET, ___RX_DROP_U_DUP is RX_DROP_U_DUP.
func Name(enumerator string) string {
	s := strings.TrimLeft(enumerator, "_")
	for _, prefix := range []string{"SKB_DROP_REASON_", "SKB_"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			// SKB_CSUM, SKB_GSO_SEG and their like are names of reasons themselves.
			if prefix == "SKB_" && rest != "CONSUMED" && rest != "NOT_DROPPED_YET" {
				break
			}
			return rest
		}
	}
	return s
}

// notReasons are enumerators beside the reasons: marks, masks and bases.
var notReasons = map[string]bool{
	"MAX": true, "SUBSYS_MASK": true,
	"QDISC_DROP_REASON": true, "QDISC_DROP_MAX": true,
	"OVS_DROP_REASON": true, "OVS_DROP_MAX": true,
	"RX_CONTINUE": true, "RX_QUEUED": true,
}

// Unexplained returns those enumerators of a kernel's reasons that have no explanation
// here.
func Unexplained(enumerators []string) []string {
	var missing []string
	for _, e := range enumerators {
		if name := Name(e); !notReasons[name] && Lookup(name) == nil {
			missing = append(missing, e)
		}
	}
	return missing
}

// Lookup returns the explanation of a reason by its name, or nil.
func Lookup(name string) *Reason { return table().reasons[Name(name)] }

// Reasons returns every reason, in the order of the files: the core's, those of qdiscs,
// Open vSwitch and mac80211.
func Reasons() []*Reason { return table().order }

// What the embedded files hold.
type tables struct {
	reasons map[string]*Reason
	order   []*Reason
	rules   []*rule
	at      map[string][]*rule     // by function
	named   map[string]*candidates // by the kernel's reason
	ways    ways
}

var table = sync.OnceValue(func() *tables {
	t, err := readTables()
	if err != nil {
		panic(err) // the files are part of the program, and the tests read them
	}
	return t
})

func readTables() (*tables, error) {
	t := &tables{reasons: map[string]*Reason{}, at: map[string][]*rule{}}
	for _, name := range []string{"core", "qdisc", "openvswitch", "mac80211"} {
		if err := t.readReasons("reasons/" + name + ".txt"); err != nil {
			return nil, err
		}
	}
	for _, name := range ruleFiles {
		if err := t.readRules("rules/" + name + ".txt"); err != nil {
			return nil, err
		}
	}
	t.index()
	return t, nil
}

func readFile(name string) ([][]line, error) {
	text, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return readStanzas(name, string(text))
}

func (t *tables) readReasons(file string) error {
	stanzas, err := readFile(file)
	if err != nil {
		return err
	}
	for _, stanza := range stanzas {
		r := new(Reason)
		var c choices
		for _, l := range stanza {
			var err error
			switch l.key {
			case "reason":
				r.Name = l.value
			case "severity":
				err = r.Severity.UnmarshalText([]byte(l.value))
			case "meaning":
				r.Meaning = l.value
			case "look":
				err = c.add(l, &r.look, true)
			case "else":
				err = c.addElse(l)
			default:
				err = fmt.Errorf("unknown key %q", l.key)
			}
			if err != nil {
				return fmt.Errorf("%s:%d: %w", file, l.number, err)
			}
		}
		if t.reasons[r.Name] != nil || r.Name == "" || r.Meaning == "" {
			return fmt.Errorf("%s:%d: reason %q is there twice, or has no name or meaning", file, stanza[0].number, r.Name)
		}
		t.reasons[r.Name] = r
		t.order = append(t.order, r)
	}
	return nil
}
