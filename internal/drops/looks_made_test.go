package drops

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A madeCase is what the source of the kernel's tests (test/kernel) says of one drop that they make.
type madeCase struct {
	where, name   string
	rules, causes []string
	shows         bool // that what the commands show is looked at
}

// madeCases reads them.
func madeCases(t *testing.T) (cases []madeCase) {
	t.Helper()
	files, err := filepath.Glob("../../test/kernel/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	fset := token.NewFileSet()
	for _, name := range files {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			c := madeCase{where: fset.Position(lit.Pos()).String()}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				switch key, _ := kv.Key.(*ast.Ident); {
				case key == nil:
				case key.Name == "name":
					c.name = words(kv.Value)
				case key.Name == "rule":
					c.rules = strings.Fields(words(kv.Value))
				case key.Name == "cause" || key.Name == "bare" || key.Name == "also":
					c.causes = append(c.causes, words(kv.Value))
				case key.Name == "shows" || key.Name == "each":
					c.shows = words(kv.Value) != ""
				}
			}
			if c.rules != nil {
				cases = append(cases, c)
			}
			return true
		})
	}
	return cases
}

// words is the text of a string literal, else "".
func words(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}

// mayBegin tells whether a text of the template may begin with so many words: at least its first few words that are no
// field's are there.
func mayBegin(t *template, words string) bool {
	const enough = 10
	var rest func(parts []part, s string, same int) bool
	rest = func(parts []part, s string, same int) bool {
		if len(parts) == 0 {
			return s == ""
		}
		literal := parts[0].literal
		if len(s) <= len(literal) {
			return strings.HasPrefix(literal, s) && same+len(s) >= enough
		}
		if !strings.HasPrefix(s, literal) {
			return false
		}
		s, same = s[len(literal):], same+len(literal)
		if parts[0].field == nil {
			return rest(parts[1:], s, same)
		}
		for i := range s {
			if i > 0 && rest(parts[1:], s[i:], same) {
				return true
			}
		}
		return same >= enough
	}
	return rest(t.parts, words, 0)
}

// TestLooksAreRun: the commands of each rule are run by a kernel test, in a drop of the kind that the rule is for, or it is
// said why not. A case that names a rule expects what that rule says.
func TestLooksAreRun(t *testing.T) {
	made := map[string]bool{}
	for _, c := range madeCases(t) {
		for _, name := range c.rules {
			i := slices.IndexFunc(table().rules, func(r *rule) bool { return r.name == name })
			if i < 0 {
				t.Errorf("%s: %s: there is no rule %s", c.where, c.name, name)
				continue
			}
			r := table().rules[i]
			if !slices.ContainsFunc(c.causes, func(words string) bool {
				return slices.ContainsFunc(r.cause, func(cause choice) bool {
					return slices.ContainsFunc(cause, func(t template) bool { return mayBegin(&t, words) })
				})
			}) {
				t.Errorf("%s: %s: the rule %s says none of %q", c.where, c.name, name, c.causes)
			}
			if r.look != nil && !c.shows {
				t.Errorf("%s: %s: what the commands of the rule %s show is not looked at", c.where, c.name, name)
			}
			if unmadeLooks[name] != "" {
				t.Errorf("%s: %s: the table of what is not made has the rule %s, which this makes", c.where, c.name, name)
			}
			made[name] = true
		}
	}
	for _, r := range table().rules {
		if r.look != nil && !made[r.name] && unmadeLooks[r.name] == "" {
			t.Errorf("%s: no kernel test runs the commands of the rule %s: a case of test/kernel names it, or unmadeLooks says why not", r.file, r.name)
		}
	}
	for name := range unmadeLooks {
		if !slices.ContainsFunc(table().rules, func(r *rule) bool { return r.name == name && r.look != nil }) {
			t.Errorf("unmadeLooks: there is no rule %s, or it has no commands", name)
		}
	}
}

// unmadeLooks are the rules with commands that no kernel test runs in a drop of theirs, and why.
var unmadeLooks = map[string]string{
	// What memory, hardware or another CPU in the middle of the way decides.
	"neighbour-header":     "the header of a link layer cannot be made only while its device is taken away on another CPU",
	"neighbour-dead":       "the entry has to be removed between its lookup and its use, on another CPU",
	"freed-in-interrupt":   "it takes a driver that frees in an interrupt, and the guests have virtual devices alone",
	"segmentation":         "the kernel cuts all that the guests' devices can't: it fails for lack of memory, or for a packet that only a broken driver makes",
	"tcp-listener-refused": "the queue of the listener has to be full for a moment and have room when the event is written",
	"tcp-listen-full":      "a SYN that finds the queue full makes no event, and what ends a handshake is told by tcp-accept-full, unless the queue has room again when the event is written",
	"tcp-closed":           "a connection has to be closed between the lookup of its socket and the segment's turn, on another CPU",
	"tcp-backlog":          "the program has to hold the lock of its socket while more comes than the receive buffer and 64 KiB hold",
	"veth":                 "the other end has to go while a packet is within the driver: before that the device has no carrier, which qdisc-noop-only tells",
	// What the guests or their networks have not.
	"bpf-xdp-redirect":              "its commands are those of the rules bpf-xdp and xdp-redirect",
	"security-module":               "no security module of the guests keeps a packet from a socket",
	"nf-hook-other":                 "it shows iptables-legacy-save, and the guests have no iptables",
	"unhandled-6":                   "each of the guests' kernels has IPv6",
	"forward-other-frame-6-unnamed": "a kernel without reasons has it among others that fit, as forward-other-frame-6 on newer ones",
	// What the kernel tells of, so that skb-collect knows it when it writes the drop.
	"forwarding-off-since": "the kernel tells that a device stops forwarding: a stream of a skb-collect that did not listen has such a drop",
	"ipsec-state-since":    "the kernel tells of a state that is made: a stream of a skb-collect that did not listen has such a drop",
	"tcp-full":             "it is for kernels without reasons, and 5.10 frees what tcp_drop drops without an event",
}
