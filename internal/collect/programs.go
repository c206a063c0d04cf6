//go:build linux && (amd64 || arm64)

package collect

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/host"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// A programGlob is what -p asks for of BPF programs.
type programGlob struct {
	arg      string // as typed, without sections
	kind     string // "": any
	name     string // a glob
	id       uint32 // not 0: this one
	tag      string // not "": those of this tag
	exit     bool   // only the exit
	sections bpf.Sections
	tracing  bool // may also mean tracepoints
}

// programsWanted reads arg, as KIND:NAME, KIND:id:N, KIND:tag:T, id:N and tag:T with or without ret:
// before it; nil: that means no BPF program.
func programsWanted(arg string) (*programGlob, error) {
	g := &programGlob{arg: arg}
	rest := arg
	rest, g.exit = strings.CutPrefix(rest, "ret:")
	kind, name, ok := strings.Cut(rest, ":")
	if !ok {
		return nil, nil
	}
	switch {
	case kernel.IsProgramKind(kind):
		g.kind = kind
		g.tracing = kind == "xdp" && !g.exit // there are tracepoints of that name
	case kind == "id", kind == "tag":
		name = rest
	default:
		return nil, nil
	}
	if id, ok := strings.CutPrefix(name, "id:"); ok {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("%s: %q is no id of a BPF program; --list 'xdp:*' shows them", arg, id)
		}
		g.id = uint32(n)
	} else if tag, ok := strings.CutPrefix(name, "tag:"); ok {
		if g.tag = strings.ToLower(tag); g.tag == "" {
			return nil, fmt.Errorf("%s: no tag", arg)
		}
	} else {
		g.name = name
	}
	return g, nil
}

// mayProbePrograms reports whether -p or --try can mean BPF programs. What a file names is not known yet.
func (o *Options) mayProbePrograms() bool {
	return slices.ContainsFunc(append(slices.Clone(o.Probes), o.Try...), func(arg string) bool {
		g, err := programsWanted(arg)
		return g != nil || err != nil || strings.HasPrefix(arg, "@")
	})
}

func (g *programGlob) matches(p *kernel.Program) bool {
	switch {
	case g.kind != "" && g.kind != p.Kind:
		return false
	case g.id != 0:
		return g.id == p.ID
	case g.tag != "":
		return g.tag == p.Tag
	}
	return match(g.name, p.Name)
}

// anyXDP reports whether XDP programs are probed, or may be later.
func (s *selection) anyXDP() bool {
	return slices.ContainsFunc(s.globs, func(g *programGlob) bool { return g.kind == "xdp" || g.kind == "" })
}

// single: it means one program or one name, so it is an error if there is none.
func (g *programGlob) single() bool { return g.id != 0 || g.tag != "" || !isGlob(g.name) }

// addPrograms adds what g asks for of the programs that there are now.
func (p *places) addPrograms(s *selection, g *programGlob, seen map[string]bool) (found bool, err error) {
	all, err := p.programs()
	if err != nil {
		return false, err
	}
	for _, program := range all {
		if g.matches(&program) {
			s.addProgram(program, g)
			seen[program.String()] = true
			found = true
		}
	}
	return found, nil
}

// addProgram adds a program once, with what any of the globs that mean it wants.
func (s *selection) addProgram(program kernel.Program, g *programGlob) {
	i := slices.IndexFunc(s.programs, func(p kernel.Program) bool { return p.ID == program.ID })
	if i < 0 {
		program.Exit = g.exit
		program.Sections |= g.sections
		s.programs = append(s.programs, program)
		return
	}
	s.programs[i].Exit = s.programs[i].Exit && g.exit
	s.programs[i].Sections |= g.sections
}

// wrongProgram says that there is none.
func (p *places) wrongProgram(g *programGlob) error {
	all, err := p.programs()
	if err != nil {
		return err
	}
	var names []string
	for _, program := range all {
		names = append(names, program.String())
	}
	if g.tracing {
		for _, t := range p.tracepoints {
			names = append(names, t.String())
		}
	}
	like := spell.DidYouMean(strings.TrimPrefix(g.arg, "ret:"), names)
	return fmt.Errorf("%s: no such BPF program is loaded%s", g.arg, like)
}

// listPrograms are the BPF programs as --list prints them: how each is called after -p, its id and tag,
// and the devices of this network namespace that it is on. Who may not look for programs is told so if
// they were asked for.
func (p *places) listPrograms(globs []string) ([]string, error) {
	asked := slices.ContainsFunc(globs, func(g string) bool {
		kind, _, _ := strings.Cut(g, ":")
		return kernel.IsProgramKind(kind)
	})
	programs, err := p.programs()
	if err != nil && asked {
		return nil, err
	}
	on := map[uint32][]string{}
	if len(programs) > 0 {
		on = host.ProgramsOnDevices()
	}
	var out []string
	for _, program := range programs {
		line := fmt.Sprintf("%s\tid %d\ttag %s\t%s", &program, program.ID, program.Tag, strings.Join(on[program.ID], " "))
		if why := program.CantBeProbed(); why != "" {
			line += "\t(can't be probed: " + why + ")"
		}
		out = append(out, strings.TrimRight(line, "\t"))
	}
	return out, nil
}

// programNumber is the first of two that the probes of the n-th program have: entry and exit. Numbers
// of tracepoints are smaller, addresses of functions larger.
func programNumber(n int) uint64 { return 1<<32 + 2*uint64(n) }

// attachPrograms attaches to the programs of the selection.
func (c *collector) attachPrograms() error {
	refused := 0
	for _, p := range c.selection.programs {
		if err := c.attachProgram(p); errors.As(err, new(*kernel.RefusedError)) {
			refused++
			if c.selection.len() == 1 {
				return fmt.Errorf("%s can't be probed: %w", p.Called(), err)
			}
			c.say("%s can't be probed and is left out: %v", p.Called(), err)
		} else if err != nil {
			return err
		}
	}
	c.refused += refused
	if refused > 0 && refused == c.selection.len() {
		return errors.New("none of these BPF programs can be probed")
	}
	return nil
}

func (c *collector) attachProgram(p kernel.Program) error {
	n := programNumber(c.attachedPrograms)
	c.attachedPrograms++
	c.decoder.nameProgram(p, n)
	return c.attachment.Program(p, n, n+1)
}

// nameProgram names the events of p, whose numbers are from n on.
func (d *decoder) nameProgram(p kernel.Program, n uint64) {
	d.probes[n], d.probes[n+1] = p.String(), "ret:"+p.String()
	section := format.BPF{Kind: p.Kind, ID: p.ID, Name: p.Name, Tag: p.Tag}
	d.programs[n], d.programs[n+1] = section, section
}

// program fills the section bpf of an event at a BPF program.
func (d *decoder) program(e *format.Event, r *bpf.Event) {
	section, ok := d.programs[r.Probe]
	if !ok {
		return
	}
	e.BPF = section
	if r.Has&bpf.HasVerdict != 0 {
		name, code := kernel.Verdict(section.Kind, r.Retval)
		e.BPF.Verdict, e.BPF.Code = name, format.Some(code)
		if kernel.Redirects(section.Kind, code) {
			d.redirect(&e.BPF, r)
		}
	}
	if r.Has&bpf.HasFrame == 0 {
		return
	}
	// bpf/programs.h: as skb_record_rx_queue() has it.
	if queue, ok := d.layout.Queue.Read(r.Tail[:]); ok && queue > 0 {
		e.BPF.RxQueue = format.Some(queue - 1)
	}
}

// redirect says where to: bpf/programs.h, on_program.
func (d *decoder) redirect(b *format.BPF, r *bpf.Event) {
	key, id := r.Retval>>32, uint64(0)
	if r.Has&bpf.HasFrame != 0 && r.Has&bpf.HasFront != 0 {
		id, _ = d.layout.Tstamp.Read(r.Front[:])
	}
	if id != 0 {
		b.Map, b.Key = uint32(id), format.Some(key)
	} else {
		b.Ifindex = uint32(key)
	}
}

// frame fills an event of a packet that has no sk_buff yet.
func (d *decoder) frame(e *format.Event, r *bpf.Event) {
	e.Skb.Set(format.SkbHead, r.Head)
	if r.Has&bpf.HasID != 0 {
		e.Skb.Set(format.SkbID, r.Id)
	}
}
