package format

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// checked runs lines of JSON through a Checker: the error of a record, or what Err says.
func checked(t *testing.T, part bool, lines ...string) string {
	t.Helper()
	c := Checker{Part: part}
	for i, line := range lines {
		r, err := FromJSON(nil, []byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err := c.Take(r, int64(i)); err != nil {
			return fmt.Sprintf("%d: %v", i, err)
		}
	}
	if err := c.Err(); err != nil {
		return err.Error()
	}
	return ""
}

func jsonOf(t *testing.T, a Appender) string {
	t.Helper()
	line, err := AppendJSON(nil, a.AppendMsgpack(nil))
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// TestChecker: what is a whole stream, and what is said of one that is not.
func TestChecker(t *testing.T) {
	start := func(host string) string { return jsonOf(t, &Start{TS: 1, Host: host}) }
	a, b := start("a"), start("b")
	event := jsonOf(t, &Event{TS: 2, Probe: "p"})
	link, free := jsonOf(t, &Link{How: "clone"}), jsonOf(t, &Free{How: "consumed"})
	loss := jsonOf(t, &Loss{Count: 5, What: "event", Cause: "c"})
	end := func(events, links, frees, lost uint64) string {
		return jsonOf(t, &End{Events: events, Links: links, Frees: frees, Lost: lost, Cause: "signal"})
	}
	resume := func(back uint64) string { return jsonOf(t, &Resume{back}) }
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"whole":                    {[]string{a, event, link, free, loss, event, end(2, 1, 1, 5)}, ""},
		"nothing happened":         {[]string{a, end(0, 0, 0, 0)}, ""},
		"empty":                    {nil, "it is empty"},
		"cut off":                  {[]string{a, event}, "it has no end record"},
		"joined":                   {[]string{a, event, end(1, 0, 0, 0), b, event, event, end(2, 0, 0, 0)}, ""},
		"joined, the first cut":    {[]string{a, event, b, event, end(1, 0, 0, 0)}, "1 of its 2 starts have no end record"},
		"numbered files":           {[]string{a, event, end(1, 0, 0, 0), a, event, event, end(2, 0, 0, 0)}, ""},
		"sorted over the border":   {[]string{a, event, event, end(1, 0, 0, 0), a, event, end(2, 0, 0, 0)}, ""},
		"the last of them cut":     {[]string{a, event, end(1, 0, 0, 0), a}, "it has no end record"},
		"merged":                   {[]string{a, event, b, event, resume(1), event, end(2, 0, 0, 0), resume(1), end(1, 0, 0, 0)}, ""},
		"merged the older way":     {[]string{a, event, b, event, a, event, end(2, 0, 0, 0), b, end(1, 0, 0, 0)}, ""},
		"three":                    {[]string{a, b, start("c"), event, resume(2), end(0, 0, 0, 0), resume(2), end(0, 0, 0, 0), resume(2), end(0, 0, 0, 0)}, "its end counts 0 events and there are 1"},
		"three, right":             {[]string{a, b, start("c"), event, resume(2), end(0, 0, 0, 0), resume(1), end(1, 0, 0, 0), resume(2), end(0, 0, 0, 0)}, ""},
		"too few":                  {[]string{a, event, end(2, 0, 0, 0)}, "its end counts 2 events and there are 1"},
		"too many":                 {[]string{a, event, event, end(1, 0, 0, 0)}, "its end counts 1 events and there are 2"},
		"a link is missing":        {[]string{a, end(0, 1, 0, 0)}, "its end counts 1 links and there are 0"},
		"a free is missing":        {[]string{a, end(0, 0, 1, 0)}, "its end counts 1 frees and there are 0"},
		"a loss is missing":        {[]string{a, end(0, 0, 0, 5)}, "its end counts 5 lost events"},
		"no start":                 {[]string{event, end(1, 0, 0, 0)}, "2 records come before any start record; it has no start and no end record"},
		"behind the end":           {[]string{a, end(0, 0, 0, 0), event}, "its end counts 0 events and there are 1"},
		"an unknown type":          {[]string{a, `{"type":"weather","rain":true}`, end(0, 0, 0, 0)}, ""},
		"no such start":            {[]string{a, resume(1)}, "1: a resume goes back by 1 starts"},
		"another version":          {[]string{strings.Replace(a, `"version":1`, `"version":99`, 1)}, "0: the stream is of version 99, which is not known here"},
		"no version":               {[]string{strings.Replace(a, `"version":1,`, ``, 1)}, "0: a start has no `version`"},
		"a time that is none":      {[]string{a, `{"type":"event","ts":1.5,"cpu":0,"probe":"p"}`}, "1: `ts` of an event is not an integer"},
		"no time":                  {[]string{a, `{"type":"event","cpu":0,"probe":"p"}`}, "1: an event has no `ts`"},
		"a time of a free":         {[]string{a, `{"type":"free","ts":"1","cpu":0,"how":"consumed","skb":{},"last":true}`}, "1: `ts` of a free is not an integer"},
		"no probe":                 {[]string{a, `{"type":"event","ts":1,"cpu":0}`, end(1, 0, 0, 0)}, "1 record is not as FORMAT.md has it: at byte 1: an event has no `probe`"},
		"a section that is none":   {[]string{a, `{"type":"event","ts":1,"cpu":0,"probe":"p","drop":7}`, event, end(2, 0, 0, 0)}, "at byte 1: `drop` of an event is not a map"},
		"an end without its count": {[]string{a, `{"type":"end","ts":1,"links":0,"frees":0,"lost":0,"cause":"x"}`}, "an end has no `events`"},
		"the older name":           {[]string{a, strings.Replace(end(0, 0, 0, 0), `"cause"`, `"why"`, 1)}, ""},
	} {
		got := checked(t, false, c.lines...)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		// Of a part nobody says what is missing, but what is wrong.
		got = checked(t, true, c.lines...)
		wrong := strings.Contains(c.want, "not an integer") || strings.Contains(c.want, "not a map") || strings.Contains(c.want, "has no `ts`") ||
			strings.Contains(c.want, "version 99") || strings.Contains(c.want, "resume")
		if (got != "") != wrong {
			t.Errorf("%s, a part: %q", name, got)
		}
	}
}

// TestNeverAbsent: the keys that a Checker wants are those that FORMAT.md calls never absent,
// in the form that it gives.
func TestNeverAbsent(t *testing.T) {
	spec, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([a-z_0-9]+)` \\| ([a-z ,]+?)(?: of [a-z]+)? \\| .* \\| ([^|]*) \\|$")
	words := map[string]byte{"integer": 'u', "string": 's', "map": 'm', "array": 'a', "boolean": 'b', "integer, may be negative": 'i'}
	for typ, want := range never {
		_, text, ok := strings.Cut(string(spec), "\n#### `"+string(typ)+"`\n")
		if !ok {
			t.Errorf("FORMAT.md has no section `%s`", typ)
			continue
		}
		_, text, _ = strings.Cut(text, "\n|---")
		text, _, _ = strings.Cut(text, "\n\n") // what follows is of maps in it
		has := map[string]byte{}
		for _, m := range row.FindAllStringSubmatch(text, -1) {
			if m[3] == "never" && m[1] != "type" && !(typ == TypeEvent && m[1] == "cpu") {
				has[m[1]] = words[m[2]]
			}
		}
		for _, n := range want {
			if has[n.key] != n.form {
				t.Errorf("`%s` of %s is %q here, in FORMAT.md %q", n.key, typ, n.form, has[n.key])
			}
			delete(has, n.key)
		}
		for key := range has {
			t.Errorf("`%s` of %s is never absent in FORMAT.md, and not looked for here", key, typ)
		}
	}
}

// TestKept: a filter's ends count what it left, and what was missing stays missing.
func TestKept(t *testing.T) {
	a, b := &Start{TS: 1, Host: "a"}, &Start{TS: 1, Host: "b"}
	event, other := &Event{TS: 2, Probe: "p"}, &Event{TS: 2, Probe: "drop me"}
	for name, c := range map[string]struct {
		part bool
		in   []Appender
		want []uint64 // events of the ends
	}{
		"two left out":      {false, []Appender{a, event, other, other, &End{Events: 3}}, []uint64{1}},
		"one is missing":    {false, []Appender{a, event, other, &End{Events: 3}}, []uint64{2}},
		"numbered files":    {false, []Appender{a, event, other, &End{Events: 2}, a, other, &End{Events: 1}}, []uint64{1, 0}},
		"a merge":           {false, []Appender{a, event, b, other, &Resume{1}, other, &End{Events: 2}, &Resume{1}, event, &End{Events: 2}}, []uint64{1, 1}},
		"a part":            {true, []Appender{a, event, other, &End{Events: 30}}, []uint64{1}},
		"ends together":     {false, []Appender{a, event, other, event, other, other, &End{Events: 2}, &End{Events: 3}}, []uint64{0, 2}},
		"fewer than it had": {false, []Appender{a, other, other, &End{Events: 1}}, []uint64{0}},
	} {
		k := Kept{Part: c.part}
		var got []uint64
		for _, rec := range c.in {
			r := Raw(rec.AppendMsgpack(nil))
			k.Took(r)
			if rec == other {
				continue
			}
			if r = k.Gives(r); r.Type() == TypeEnd {
				n, _ := r.Get("events").Uint()
				got = append(got, n)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestMerger: what a Merger writes is read back as what it was told, also beyond MaxStarts.
func TestMerger(t *testing.T) {
	var m Merger
	var s Starts[int]
	record := func(i int) Raw { return (&Start{TS: uint64(i)}).AppendMsgpack(nil) }
	now, resumes := -1, 0
	for step := range 3 * MaxStarts {
		i := step * step % (MaxStarts + 100) // some again, some beyond
		if step%2 == 0 {
			i %= 5
		}
		switch r := m.To(record(i)); r.Type() {
		case TypeStart:
			s.Set(r, i)
			now = i
		case TypeResume:
			var ok bool
			if now, ok = s.Resume(r); !ok {
				t.Fatal("a resume of nothing")
			}
			resumes++
		}
		if now != i {
			t.Fatalf("step %d: at %d, want %d", step, now, i)
		}
	}
	if resumes < MaxStarts {
		t.Errorf("%d resumes", resumes)
	}
}
