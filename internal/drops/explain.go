package drops

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/internal/spell"
)

// Kernels are the releases whose numbers of reasons are known here.
var Kernels = []string{"6.1", "6.12", "7.2"}

// A number of a reason on one kernel: the same number is another reason on the next.
type numbered struct {
	number uint64
	name   string // without prefix
}

var kernelReasons = sync.OnceValue(func() map[string][]numbered {
	all := map[string][]numbered{}
	for _, k := range Kernels {
		text, err := files.ReadFile("kernels/" + k + ".txt")
		if err != nil {
			panic(err) // it is embedded
		}
		s := bufio.NewScanner(bytes.NewReader(text))
		for s.Scan() {
			number, name, ok := strings.Cut(s.Text(), " ")
			if n, err := strconv.ParseUint(number, 10, 32); ok && err == nil {
				all[k] = append(all[k], numbered{n, Name(name)})
			}
		}
	}
	return all
})

// What explain writes for a reason as JSON.
type explanation struct {
	Reason   string            `json:"reason"`
	Severity string            `json:"severity"`
	Meaning  string            `json:"meaning"`
	Look     []string          `json:"look,omitempty"`
	Causes   []string          `json:"causes,omitempty"`
	Numbers  map[string]uint64 `json:"numbers,omitempty"` // by kernel
}

func explanationOf(r *Reason) explanation {
	e := explanation{Reason: r.Name, Severity: r.Severity.String(), Meaning: r.Meaning, Look: r.Look()}
	for _, rule := range table().rules {
		if rule.is == r.Name || slices.Contains(rule.reasons, r.Name) {
			if cause := rule.cause[0][0].text; !slices.Contains(e.Causes, cause) {
				e.Causes = append(e.Causes, cause)
			}
		}
	}
	for k, names := range kernelReasons() {
		for _, n := range names {
			if n.name == r.Name {
				if e.Numbers == nil {
					e.Numbers = map[string]uint64{}
				}
				e.Numbers[k] = n.number
			}
		}
	}
	return e
}

// explain writes what a reason means: all of them, one by its name, or those that a number
// stands for on the kernels known.
func explain(w io.Writer, what string, asJSON bool) error {
	reasons, err := find(what)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for i, r := range reasons {
		e := explanationOf(r)
		if asJSON {
			if err := enc.Encode(e); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		e.write(&b)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func (e *explanation) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s (%s)\n    %s\n", e.Reason, e.Severity, e.Meaning)
	for _, l := range e.Look {
		fmt.Fprintf(b, "    look: %s\n", l)
	}
	for _, c := range e.Causes {
		fmt.Fprintf(b, "    cause: %s\n", c)
	}
	var numbers []string
	for _, k := range Kernels {
		if n, ok := e.Numbers[k]; ok {
			numbers = append(numbers, fmt.Sprintf("%d on Linux %s", n, k))
		}
	}
	if numbers != nil {
		fmt.Fprintf(b, "    number: %s\n", strings.Join(numbers, ", "))
	}
}

func find(what string) ([]*Reason, error) {
	if what == "all" {
		return Reasons(), nil
	}
	if n, err := strconv.ParseUint(what, 0, 32); err == nil {
		var found []*Reason
		for _, k := range Kernels {
			for _, r := range kernelReasons()[k] {
				if reason := Lookup(r.name); r.number == n && reason != nil && !slices.Contains(found, reason) {
					found = append(found, reason)
				}
			}
		}
		if found == nil {
			return nil, fmt.Errorf("no drop reason has the number %d on Linux %s: give its name (--explain all lists them)", n,
				strings.Join(Kernels, ", "))
		}
		return found, nil
	}
	if r := Lookup(strings.ToUpper(what)); r != nil {
		return []*Reason{r}, nil
	}
	var like []string
	for _, r := range Reasons() {
		if strings.Contains(r.Name, strings.ToUpper(what)) && len(like) < 8 {
			like = append(like, r.Name)
		}
	}
	if like != nil {
		return nil, fmt.Errorf("no drop reason is called %q; there are %s", what, strings.Join(like, ", "))
	}
	for _, r := range Reasons() {
		like = append(like, r.Name)
	}
	if near := spell.Nearest(strings.ToUpper(what), like); near != "" {
		return nil, fmt.Errorf("no drop reason is called %q; the nearest is %s", what, near)
	}
	return nil, fmt.Errorf("no drop reason is called %q (--explain all lists them)", what)
}
