package pipe

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/internal/terminal"
)

// Paging are the flags of programs that show text in a pager.
type Paging struct {
	NoPager bool `group:"output" help:"Print text as it is, and not in $SKB_PAGER, $PAGER or less -FRSX."`
}

// A Page is text for a terminal that a pager can show. Options have a method Page that returns it, nil if their command
// prints something else.
type Page struct {
	Inputs  []string // names; none: stdin
	NoInput bool     // nothing is read
}

// PageOf returns a page of the inputs if text is asked for, by -o and no --no-pager.
func (p *Paging) PageOf(inputs []string, o *Options) *Page {
	if p.NoPager || o.Output != "auto" && o.Output != "text" {
		return nil
	}
	return &Page{Inputs: inputs}
}

// page is that of the command line that Parse has read.
var page *Page

// setPage takes it from options that are parsed.
func setPage(options any) {
	if o, ok := options.(interface{ Page() *Page }); ok {
		page = o.Page()
	}
}

// isSaved reports whether all inputs are there already. A live one has to be seen as it comes, and is stopped by ^C,
// which a pager takes for itself.
func isSaved(inputs []string, stdin *os.File) bool {
	regular := func(info os.FileInfo, err error) bool { return err == nil && info.Mode().IsRegular() }
	if len(inputs) == 0 {
		return regular(stdin.Stat())
	}
	for _, name := range inputs {
		if name == "-" && !regular(stdin.Stat()) || name != "-" && !regular(os.Stat(name)) {
			return false
		}
	}
	return true
}

// defaultPager leaves at once if all is on one screen (F), lets colours through (R), does not wrap lines (S) and leaves
// what was shown on the screen (X).
const defaultPager = "less -FRSX"

// pagerCommand is what the environment asks for, as a line of shell; "" is none.
func pagerCommand(lookup func(string) (string, bool)) (command, from string) {
	if t, _ := lookup("TERM"); t == "" || t == "dumb" {
		return "", ""
	}
	for _, name := range []string{"SKB_PAGER", "PAGER"} {
		v, isSet := lookup(name)
		switch v = strings.TrimSpace(v); {
		case isSet && (v == "" || v == "cat"): // as git has it
			return "", ""
		case isSet:
			return v, "$" + name
		}
	}
	if _, err := exec.LookPath("less"); err != nil {
		return "", ""
	}
	return defaultPager, ""
}

// A pager shows what is written to os.Stdout.
type pager struct {
	cmd      *exec.Cmd
	out      *os.File // what was os.Stdout, and os.Stderr
	err      *os.File
	held     bytes.Buffer // what is written to stderr meanwhile: it would be lost on the pager's screen
	isMore   bool         // than held has
	heldOver sync.WaitGroup
}

// maxHeld is how much of stderr is kept, in bytes.
const maxHeld = 64 << 10

// startPager starts one if the command line asks for what can be paged, and os.Stdout is a terminal; nil: none.
// From then on os.Stdout and os.Stderr are pipes, of which the first still counts for a terminal.
func startPager(name string) *pager {
	if page == nil || !terminal.Is(os.Stdout) || !page.NoInput && !isSaved(page.Inputs, os.Stdin) {
		return nil
	}
	command, from := pagerCommand(os.LookupEnv)
	if command == "" {
		return nil
	}
	if first := strings.Fields(command)[0]; !strings.ContainsAny(first, "\"'\\$`=;&|<>(){}") {
		if _, err := exec.LookPath(first); err != nil {
			Say(os.Stderr, name, from+": "+first+" can't be run: printing without a pager")
			return nil
		}
	}
	p := &pager{out: os.Stdout, err: os.Stderr, cmd: exec.Command("sh", "-c", command)}
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer r.Close()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = r, os.Stdout, os.Stderr
	if _, set := os.LookupEnv("LESS"); !set { // for a $PAGER that is less
		p.cmd.Env = append(os.Environ(), "LESS=FRSX")
	}
	if err := p.cmd.Start(); err != nil {
		w.Close()
		return nil
	}
	terminal.Stands(w, os.Stdout)
	os.Stdout = w
	p.holdStderr()
	return p
}

func (p *pager) holdStderr() {
	r, w, err := os.Pipe()
	if err != nil {
		return
	}
	os.Stderr = w
	p.heldOver.Add(1)
	go func() {
		defer p.heldOver.Done()
		defer r.Close()
		_, _ = io.Copy(&p.held, io.LimitReader(r, maxHeld))
		n, _ := io.Copy(io.Discard, r)
		p.isMore = n > 0
	}()
}

// end waits until the user has seen enough, and prints what was said meanwhile.
func (p *pager) end() {
	if p == nil {
		return
	}
	os.Stdout.Close()
	_ = p.cmd.Wait() // how it ends is its own affair
	if os.Stderr != p.err {
		os.Stderr.Close()
		p.heldOver.Wait()
	}
	os.Stdout, os.Stderr = p.out, p.err
	held := p.held.Bytes()
	if p.isMore { // to the end of a line
		held = append(held[:bytes.LastIndexByte(held, '\n')+1], "(more was said)\n"...)
	}
	_, _ = os.Stderr.Write(held)
}
