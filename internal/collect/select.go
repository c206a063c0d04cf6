//go:build linux && (amd64 || arm64)

package collect

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// defaultProbes are the two points where AF_PACKET, and so tcpdump, listens.
var defaultProbes = []string{kfunc.TraceNetifReceiveSkb, kfunc.TraceNetDevStartXmit}

// A selection is what -p chose, each once.
type selection struct {
	functions   []kernel.Function
	returns     []kernel.Function
	tracepoints []kernel.Tracepoint
	programs    []kernel.Program
	globs       []*programGlob   // what chose these, for those that are loaded later
	nft         *kernel.Function // kernel.NFTTraceFunction
	ovs         ovsSelection
}

// traces tells whether a tracepoint, as skb:kfree_skb, is one of the probes.
func (s *selection) traces(name string) bool {
	return slices.ContainsFunc(s.tracepoints, func(t kernel.Tracepoint) bool { return t.Is(name) })
}

func (s *selection) len() int {
	n := len(s.functions) + len(s.returns) + len(s.tracepoints) + len(s.programs)
	if s.nft != nil {
		n++
	}
	if s.ovs.lookups {
		n++
	}
	return n
}

// places are all probes of a kernel. All functions are looked for when somebody asks for a glob
// of them: ftrace's list of what it can hook is long in coming.
type places struct {
	kernel      *kernel.Kernel
	tracepoints []kernel.Tracepoint
	functions   func() ([]kernel.Function, error)
	programs    func() ([]kernel.Program, error)
	follow      bool              // programs that are loaded later are wanted
	left        map[string]string // functions that can't be probed, and why
	named       []kernel.Function // those that were asked for by their names, where no glob is
	looked      bool              // named has all that there are of these
}

// lookUp finds the functions that the arguments name, where all of them are names.
func (p *places) lookUp(args []string) error {
	var names []string
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "/") // and sections
		name = strings.TrimPrefix(name, "ret:")
		switch {
		case strings.Contains(name, ":"): // a tracepoint or a BPF program
		case name == "", isNFTTrace(name):
		case isGlob(name):
			return nil
		default:
			names = append(names, name)
		}
	}
	var err error
	p.named, _, err = p.kernel.Named(names)
	p.looked = err == nil
	return err
}

// function is the one of that name, and whether it is known already.
func (p *places) function(name string) (kernel.Function, bool) {
	i := slices.IndexFunc(p.named, func(f kernel.Function) bool { return f.Name == name })
	if i < 0 {
		return kernel.Function{}, false
	}
	return p.named[i], true
}

func placesOf(k *kernel.Kernel) (*places, error) {
	p := &places{kernel: k}
	p.functions = sync.OnceValues(func() (found []kernel.Function, err error) {
		found, p.left, err = k.Functions()
		return found, err
	})
	p.programs = sync.OnceValues(k.Programs)
	var err error
	p.tracepoints, err = k.Tracepoints()
	return p, err
}

// choose resolves what was typed after -p.
func (p *places) choose(args []string) (*selection, error) {
	if len(args) == 0 {
		args = defaultProbes
	}
	s := &selection{}
	seen := map[string]bool{}
	for _, arg := range args {
		before := s.len() + len(seen)
		if err := p.add(s, arg, seen); err != nil {
			return nil, err
		}
		if g, _ := programsWanted(arg); g != nil && (p.follow || g.single()) {
			continue
		}
		if s.len()+len(seen) == before && !anySeen(arg[:len(arg)-len(suffix(arg))], seen) {
			return nil, fmt.Errorf("%s: matches no probe of this kernel (see skb-collect --list)", arg)
		}
	}
	return s, nil
}

// suffix is the /SECTION behind a probe's name, if there is one.
func suffix(arg string) string {
	if i := strings.IndexByte(arg, '/'); i >= 0 {
		return arg[i:]
	}
	return ""
}

func anySeen(glob string, seen map[string]bool) bool {
	for name := range seen {
		if match(glob, name) {
			return true
		}
	}
	return false
}

// readFiles replaces each @FILE by the file's lines; # begins a comment.
func readFiles(args []string) ([]string, error) {
	var out []string
	for _, a := range args {
		name, isFile := strings.CutPrefix(a, "@")
		if !isFile {
			out = append(out, strings.TrimSpace(a))
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading probes from %s: %w", name, errors.Unwrap(err))
		}
		sc := bufio.NewScanner(f)
		before := len(out)
		for sc.Scan() {
			line, _, _ := strings.Cut(sc.Text(), "#")
			for _, word := range strings.Split(line, ",") {
				if word = strings.TrimSpace(word); word != "" {
					out = append(out, word)
				}
			}
		}
		f.Close()
		if err := sc.Err(); err != nil {
			return nil, fmt.Errorf("reading probes from %s: %w", name, err)
		}
		if len(out) == before {
			return nil, fmt.Errorf("%s: no probe in this file", name)
		}
	}
	return out, nil
}

func (p *places) add(s *selection, arg string, seen map[string]bool) error {
	arg, sections, err := probeSections(arg)
	if err != nil {
		return err
	}
	if _, err := path.Match(arg, ""); err != nil {
		return fmt.Errorf("%s: not a valid glob", arg)
	}
	if g, err := programsWanted(arg); err != nil || g != nil {
		return p.addByProgram(s, g, seen, sections, err)
	}
	if isNFTTrace(arg) {
		return p.addNFTTrace(s, seen, sections)
	}
	name, isReturn := strings.CutPrefix(arg, "ret:")
	if !isReturn && strings.Contains(arg, ":") {
		return p.addTracepoints(s, arg, seen, sections)
	}
	list := &s.functions
	if isReturn {
		list = &s.returns
	}
	var functions []kernel.Function
	if f, ok := p.function(name); ok {
		functions = []kernel.Function{f}
	} else if functions, err = p.functions(); err != nil {
		return err
	}
	found := false
	for _, f := range functions {
		if !match(name, f.Name) {
			continue
		}
		found = true
		key := f.Name
		if isReturn {
			key = "ret:" + key
		}
		if !seen[key] {
			seen[key] = true
			*list = append(*list, f)
		}
		if sections != 0 {
			i := slices.IndexFunc(*list, func(g kernel.Function) bool { return g.Name == f.Name })
			(*list)[i].Sections |= sections
		}
	}
	if !found && !isGlob(name) {
		return p.wrongFunction(name, functions)
	}
	return nil
}

// addByProgram adds the BPF programs that g means, and the tracepoints, if it may mean these.
func (p *places) addByProgram(s *selection, g *programGlob, seen map[string]bool, sections bpf.Sections,
	err error) error {
	if err != nil {
		return err
	}
	g.sections = sections
	s.globs = append(s.globs, g)
	before := len(s.tracepoints)
	if g.tracing {
		if err := p.addTracepoints(s, g.arg, seen, sections); err == nil && len(s.tracepoints) > before && g.single() {
			return nil
		}
	}
	found, err := p.addPrograms(s, g, seen)
	if err != nil {
		return err
	}
	if !found && g.single() && !p.follow {
		return p.wrongProgram(g)
	}
	return nil
}

func (p *places) wrongFunction(name string, functions []kernel.Function) error {
	if name == "" {
		return errors.New("-p: an empty name is no probe")
	}
	if why, ok := p.left[name]; ok {
		return fmt.Errorf("%s: can't be probed: %s", name, why)
	}
	var names []string
	for _, f := range functions {
		names = append(names, f.Name)
	}
	for _, t := range p.tracepoints {
		if t.Name == name {
			return fmt.Errorf("%s: no such function in this kernel (did you mean the tracepoint %s?)", name, t)
		}
		names = append(names, t.String())
	}
	if m := p.kernel.UntypedModule(name); m != "" {
		return fmt.Errorf("%s: of module %s this kernel gives no types (BTF), so which argument is the sk_buff is not known",
			name, m)
	}
	if p.kernel.HasSymbol(name) {
		return fmt.Errorf("%s: this function takes no sk_buff%s", name, spell.DidYouMean(name, names))
	}
	return fmt.Errorf("%s: no such function in this kernel%s", name, spell.DidYouMean(name, names))
}

func (p *places) addTracepoints(s *selection, arg string, seen map[string]bool, sections bpf.Sections) error {
	found := false
	for _, t := range p.tracepoints {
		if !t.HasPacket() && !strings.HasPrefix(arg, "xdp:") {
			continue // the programs for these are not there
		}
		if !match(arg, t.String()) && !(t.Group == "" && match(arg[strings.Index(arg, ":"):], ":"+t.Name)) {
			continue
		}
		found = true
		if group, _, _ := strings.Cut(arg, ":"); t.Group == "" && !isGlob(group) {
			t.Group = group // tracefs would tell, but is not for this user to read
		}
		if !seen[t.String()] {
			seen[t.String()] = true
			s.tracepoints = append(s.tracepoints, t)
		}
		if sections != 0 {
			i := slices.IndexFunc(s.tracepoints, func(u kernel.Tracepoint) bool { return u.String() == t.String() })
			s.tracepoints[i].Sections |= sections
		}
	}
	if !found && !isGlob(arg) {
		var names []string
		for _, t := range p.tracepoints {
			names = append(names, t.String())
		}
		what := "no such tracepoint in this kernel"
		if p.kernel.HasTracepoint(arg) {
			what = "this tracepoint has no sk_buff"
		}
		return fmt.Errorf("%s: %s%s", arg, what, spell.DidYouMean(arg, names))
	}
	return nil
}

func isGlob(s string) bool { return strings.ContainsAny(s, "*?[\\") }

func match(glob, name string) bool {
	ok, err := path.Match(glob, name)
	return ok && err == nil
}

// names are all places that match one of the globs, or all, as they are typed after -p.
func (p *places) names(globs []string) ([]string, error) {
	functions, err := p.functions()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range p.tracepoints {
		out = append(out, t.String())
	}
	for _, f := range functions {
		out = append(out, f.Name)
	}
	if f, err := p.kernel.NFTTrace(); err == nil {
		out = append(out, f.Name)
	}
	programs, err := p.listPrograms(globs)
	if err != nil {
		return nil, err
	}
	out = append(out, programs...)
	sort.Strings(out)
	if len(globs) == 0 {
		return out, nil
	}
	kept := out[:0]
	for _, n := range out {
		name, _, _ := strings.Cut(n, "\t")
		for _, g := range globs {
			if match(g, name) {
				kept = append(kept, n)
				break
			}
		}
	}
	return kept, nil
}
