package format

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
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
		"whole":                            {[]string{a, event, link, free, loss, event, end(2, 1, 1, 5)}, ""},
		"nothing happened":                 {[]string{a, end(0, 0, 0, 0)}, ""},
		"empty":                            {nil, "it is empty"},
		"cut off":                          {[]string{a, event}, "it has no end record"},
		"joined":                           {[]string{a, event, end(1, 0, 0, 0), b, event, event, end(2, 0, 0, 0)}, ""},
		"joined, the first cut":            {[]string{a, event, b, event, end(1, 0, 0, 0)}, "1 of its 2 starts have no end record"},
		"numbered files":                   {[]string{a, event, end(1, 0, 0, 0), a, event, event, end(2, 0, 0, 0)}, ""},
		"sorted over the border":           {[]string{a, event, event, end(1, 0, 0, 0), a, event, end(2, 0, 0, 0)}, ""},
		"the last of them cut":             {[]string{a, event, end(1, 0, 0, 0), a}, "it has no end record"},
		"merged":                           {[]string{a, event, b, event, resume(1), event, end(2, 0, 0, 0), resume(1), end(1, 0, 0, 0)}, ""},
		"merged the older way":             {[]string{a, event, b, event, a, event, end(2, 0, 0, 0), b, end(1, 0, 0, 0)}, ""},
		"three":                            {[]string{a, b, start("c"), event, resume(2), end(0, 0, 0, 0), resume(2), end(0, 0, 0, 0), resume(2), end(0, 0, 0, 0)}, "its end counts 0 events and there is 1"},
		"three, right":                     {[]string{a, b, start("c"), event, resume(2), end(0, 0, 0, 0), resume(1), end(1, 0, 0, 0), resume(2), end(0, 0, 0, 0)}, ""},
		"too few":                          {[]string{a, event, end(2, 0, 0, 0)}, "its end counts 2 events and there is 1"},
		"too many":                         {[]string{a, event, event, end(1, 0, 0, 0)}, "its end counts 1 event and there are 2"},
		"a link is missing":                {[]string{a, end(0, 1, 0, 0)}, "its end counts 1 link and there are 0"},
		"a free is missing":                {[]string{a, end(0, 0, 1, 0)}, "its end counts 1 free and there are 0"},
		"a loss is missing":                {[]string{a, end(0, 0, 0, 5)}, "its end counts 5 as lost, and its losses count 0"},
		"no start":                         {[]string{event, end(1, 0, 0, 0)}, "2 records come before any start record; it has no start and no end record"},
		"behind the end":                   {[]string{a, end(0, 0, 0, 0), event}, "its end counts 0 events and there is 1"},
		"an unknown type":                  {[]string{a, `{"type":"weather","rain":true}`, end(0, 0, 0, 0)}, ""},
		"no such start":                    {[]string{a, resume(1)}, "1: a resume goes back by 1 start, and"},
		"no such starts":                   {[]string{a, resume(2)}, "1: a resume goes back by 2 starts, and"},
		"another version":                  {[]string{strings.Replace(a, `"version":1`, `"version":99`, 1)}, "0: the stream is of version 99, which is not known here"},
		"no version":                       {[]string{strings.Replace(a, `"version":1,`, ``, 1)}, "0: a start has no `version`"},
		"a time that is none":              {[]string{a, `{"type":"event","ts":1.5,"cpu":0,"probe":"p"}`}, "1: `ts` of an event is not an integer"},
		"no time":                          {[]string{a, `{"type":"event","cpu":0,"probe":"p"}`}, "1: an event has no `ts`"},
		"a time of a free":                 {[]string{a, `{"type":"free","ts":"1","cpu":0,"how":"consumed","skb":{},"last":true}`}, "1: `ts` of a free is not an integer"},
		"no probe":                         {[]string{a, `{"type":"event","ts":1,"cpu":0}`, end(1, 0, 0, 0)}, "1 record is not as FORMAT.md has it: at byte 1: an event has no `probe`"},
		"a section that is none":           {[]string{a, `{"type":"event","ts":1,"cpu":0,"probe":"p","drop":7}`, event, end(2, 0, 0, 0)}, "at byte 1: `drop` of an event is not a map"},
		"an end without its count":         {[]string{a, `{"type":"end","ts":1,"links":0,"frees":0,"lost":0,"cause":"x"}`}, "an end has no `events`"},
		"a key that is wrong, and no time": {[]string{a, `{"type":"event","cpu":"x","probe":"p"}`}, "1: an event has no `ts`"},
		"more than can be":                 {[]string{a, event, end(math.MaxUint64, 0, 0, 0), a, event, end(3, 0, 0, 0)}, "its end counts more than 18446744073709551615 events and there are 2"},
		"lost more than can be":            {[]string{a, strings.Replace(loss, `5`, `"18446744073709551615"`, 1), loss, end(0, 0, 0, 4)}, "its end counts 4 as lost, and its losses count more than 18446744073709551615"},
		"less than nothing":                {[]string{a, event, strings.Replace(end(1, 0, 0, 0), `"events":1`, `"events":-1`, 1)}, "`events` of an end is not an integer of 0 or more"},
		"the older name":                   {[]string{a, strings.Replace(end(0, 0, 0, 0), `"cause"`, `"why"`, 1)}, ""},
	} {
		got := checked(t, false, c.lines...)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if strings.Contains(c.want, "`events` of") || strings.Contains(c.want, "no `events`") {
			if strings.Contains(got, "counts") {
				t.Errorf("%s: what is not said is told as a number: %q", name, got)
			}
		}
		// Of a part nobody says what is missing, but what is wrong.
		got = checked(t, true, c.lines...)
		wrong := strings.Contains(c.want, " is not a") && !strings.Contains(c.want, "is not as") || strings.Contains(c.want, "is not a map") || strings.Contains(c.want, "has no `ts`") || strings.Contains(c.want, "version") ||
			strings.Contains(c.want, "resume") || strings.Contains(c.want, "twice")
		switch name {
		case "too many", "behind the end", "three", "no start", "lost more than can be":
			wrong = true
		}
		if (got != "") != wrong {
			t.Errorf("%s, a part: %q", name, got)
		}
	}
}

// TestCheckerKeys: what is wrong within an event, or missing, is counted and named with its
// place; of an event that was read from a capture, or of a part, what is missing is not.
func TestCheckerKeys(t *testing.T) {
	start := jsonOf(t, &Start{TS: 1, Host: "a"})
	captured := strings.TrimSuffix(start, "}") + `,"capture":true}`
	end := jsonOf(t, &End{TS: 3, Events: 1, Cause: "signal"})
	event := func(pairs string) string { return `{"type":"event","ts":2,"cpu":0,"probe":"p",` + pairs + `}` }
	for _, c := range []struct {
		line, want string
		missing    bool
	}{
		{event(`"packet":{"len":1,"at":"mac","data":""}`), "", false},
		{`{"type":"event","ts":2,"probe":"p"}`, "an event has no `cpu`", true},
		{event(`"packet":{"at":"mac","data":""}`), "an event has no `packet.len`", true},
		{event(`"packet":{"len":1,"at":"mac"}`), "an event has no `packet.data`", true},
		{event(`"packet":{"len":1,"at":"mac","data":{"$str":"x"}}`), "`packet.data` of an event is not bytes", false},
		{event(`"packet":{"len":1,"at":"mac","data":5}`), "`packet.data` of an event is not bytes", false},
		{event(`"packet":{"len":-1,"at":"mac","data":""}`), "`packet.len` of an event is not an integer of 0 or more", false},
		{event(`"packet":{"len":1,"at":"mac","data":"","missing":[[1,2],[3]]}`), "`packet.missing` of an event is not an array of pairs", false},
		{event(`"packet":{"len":1,"at":"mac","data":"","missing":[[1,2.0]]}`), "`packet.missing` of an event is not an array of pairs", false},
		{event(`"skb":{"addr":1}`), "an event has no `skb.head`", true},
		{event(`"skb":{"addr":1,"head":null}`), "`skb.head` of an event is not an integer", false},
		{event(`"skb":{"addr":1,"head":2,"mark":"x"}`), "`skb.mark` of an event is not an integer", false},
		{event(`"skb":{"addr":1,"head":2,"cloned":1}`), "`skb.cloned` of an event is not a boolean", false},
		{event(`"dev":{"name":5,"ifindex":2,"type":1}`), "`dev.name` of an event is not a string", false},
		{event(`"dev":{"name":"x","ifindex":2}`), "an event has no `dev.type`", true},
		{event(`"netns":{}`), "an event has no `netns.inum`", true},
		{event(`"process":{"pid":1,"tgid":1,"comm":[]}`), "`process.comm` of an event is not a string", false},
		{event(`"drop":{"name":"X"}`), "an event has no `drop.location`", true},
		{event(`"drop":{"name":1,"location":"x"}`), "`drop.name` of an event is not a string", false},
		{event(`"gso":{"size":1,"segs":1,"type":["TCPV4",1]}`), "`gso.type` of an event is not an array of strings", false},
		{event(`"csum":{"summed":"NONE","sum":"1"}`), "`csum.sum` of an event is not an integer", false},
		{event(`"ret":{"value":-22}`), "", false},
		{event(`"ret":{"skb":-22}`), "`ret.skb` of an event is not an integer", false},
		{event(`"sock":{"addr":1,"family":"INET","state":"X","backlog":"1"}`), "`sock.backlog` of an event is not an integer", false},
		{event(`"ct":{"state":"NEW","orig":{"src":1}}`), "`ct.orig.src` of an event is not a string", false},
		{event(`"ct":{"state":"NEW","labels":[1,-1]}`), "`ct.labels` of an event is not an array of integers", false},
		{event(`"nft":{"type":"rule"}`), "an event has no `nft.verdict`", true},
		{event(`"args":{"a":-1,"b":true}`), "", false},
		{event(`"args":{"a":"x"},"fields":{"skb->dev->mtu":1500}`), "", false},
		{event(`"args":{"a":[]}`), "`args` of an event is not a map of integers and strings", false},
		{event(`"track":{"packet":1,"hop":0}`), "an event has no `track.total`", true},
		{event(`"track":{"packet":1,"hop":0,"total":0,"from":{"how":1}}`), "`track.from.how` of an event is not a string", false},
		{event(`"track":{"packet":1,"hop":0,"total":0,"changed":{"x":1}}`), "`track.changed` of an event is not a map of arrays", false},
		{event(`"why":{"reason":"x","severity":"fault"}`), "an event has no `why.confidence`", true},
		{event(`"why":{"reason":"x","severity":"fault","confidence":"kernel","alternatives":[{"cause":1}]}`), "`why.alternatives.cause` of an event is not a string", false},
		{event(`"pcapng":{"header":"x"}`), "`pcapng.header` of an event is not bytes", false},
		{event(`"weather":{"rain":null},"skb":{"addr":1,"head":2,"cloud":"x"}`), "", false},
	} {
		for _, first := range []string{start, captured} {
			want := c.want
			if c.missing && first == captured {
				want = ""
			} else if want != "" {
				want = "1 record is not as FORMAT.md has it: at byte 1: " + want
			}
			if got := checked(t, false, first, c.line, end); want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s: %q, want %q", c.line, got, want)
			}
		}
		if got := checked(t, true, start, c.line, end); (got == "") != (c.missing || c.want == "") {
			t.Errorf("%s, of a part: %q", c.line, got)
		}
	}
	for _, c := range []struct{ line, want string }{
		{`{"type":"end","ts":3,"events":0,"links":0,"frees":0,"lost":0}`, "an end has no `cause`"},
		{`{"type":"end","ts":3,"events":0,"links":0,"frees":0,"lost":0,"cause":7}`, "`cause` of an end is not a string"},
		{`{"type":"end","ts":3,"events":0,"links":0,"frees":0,"lost":0,"why":7}`, "`why` of an end is not a string"},
		{`{"type":"end","ts":3,"events":0,"links":0,"frees":0,"lost":0,"cause":"x","status":"1"}`, "`status` of an end is not an integer"},
		{`{"type":"loss","ts":3,"since":0,"count":0,"what":"event","cause":"x","cpu":"1"}`, "`cpu` of a loss is not an integer"},
		{`{"type":"link","ts":3,"cpu":0,"how":"clone","from":{"addr":"x"},"to":{}}`, "`from.addr` of a link is not an integer"},
		{`{"type":"free","ts":3,"cpu":0,"how":"dropped","skb":{},"last":false,"drop":{"name":"X"}}`, "a free has no `drop.location`"},
		{`{"type":"stack","id":3,"frames":["x",2]}`, "`frames` of a stack is not an array of strings"},
		{`{"type":"journey","ts":3,"packet":1,"first":1,"total":0,"hops":1,"branches":1,"slowest":0,"end":{}}`, "a journey has no `end.how`"},
		{strings.Replace(start, `"sysctl":{`, `"sysctl":{"net.x":1`, 1), "`sysctl` of a start is not a map of strings"},
		{strings.Replace(start, `"cpus"`, `"devices":{"e\u001b":{"mtu":1,"up":1}},"cpus"`, 1), "`devices.e\\x1b.up` of a start is not a boolean"},
	} {
		if got := checked(t, false, start, c.line); !strings.Contains(got, "1 record is not as FORMAT.md has it: at byte 1: "+c.want) {
			t.Errorf("%s: %q, want %q", c.line, got, c.want)
		}
	}
}

// specRow is a row of a table of FORMAT.md.
type specRow struct{ key, typ, absent string }

// specTables reads the tables of FORMAT.md by the names that shapes have.
func specTables(t *testing.T) map[string][]specRow {
	t.Helper()
	spec, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("^\\| (`[^|]*`) \\| ([^|]*) \\| .* \\| ([^|]*) \\|$")
	tables, section := map[string][]specRow{}, ""
	for line := range strings.Lines(string(spec)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "#### `"); ok {
			section, _, _ = strings.Cut(name, "`")
		}
		switch {
		case strings.HasPrefix(line, "Of each of the `namespaces`"):
			section = "named"
		case strings.HasPrefix(line, "Of each of the `devices`"):
			section = "device"
		case strings.HasPrefix(line, "| key of `end` |"):
			section = "journey_end"
		case strings.HasPrefix(line, "A rule of `rules`"):
			section = "ovs_rule"
		case strings.HasPrefix(line, "The `dev` of a `held`"):
			section = "held_dev"
		case strings.HasPrefix(line, "The `skb` of a `held`"):
			section = "held_skb"
		}
		m := row.FindStringSubmatch(line)
		if m == nil || section == "" || strings.HasPrefix(line, "|---") {
			continue
		}
		types := strings.Split(m[2], ", ")
		if m[2] == "integer, may be negative" {
			types = []string{m[2]}
		}
		for i, key := range strings.Split(m[1], ", ") {
			tables[section] = append(tables[section], specRow{strings.Trim(key, "`"), types[min(i, len(types)-1)], m[3]})
		}
	}
	return tables
}

// TestNeverAbsent: the keys that a Checker looks for are those of FORMAT.md, of records and of
// what is in them, in the form that it gives, and it wants those that are never absent there.
func TestNeverAbsent(t *testing.T) {
	of := map[string][]Form{
		"integer": {FormUint}, "integer, may be negative": {FormInt}, "string": {FormStr}, "boolean": {FormBool}, "bytes": {FormBin},
		"section": {FormMap, FormArgs}, "map": {FormMap}, "map of strings": {FormStrMap}, "map of integers": {FormUintMap},
		"map of maps": {FormMapMap}, "map of arrays": {FormArrMap}, "array of strings": {FormStrs}, "array of integers": {FormUints}, "array of pairs": {FormPairs}, "array of maps": {FormMaps},
	}
	tables := specTables(t)
	keys := 0
	for name, rows := range tables {
		if slices.ContainsFunc(jsonSections, func(s *Section) bool { return s.Name == name }) {
			continue // what no record has
		}
		s := shapes[name]
		if s == nil {
			t.Errorf("FORMAT.md has `%s`, and nothing is checked of it", name)
			continue
		}
		seen := uint64(0)
		for _, r := range rows {
			keys++
			i := s.index([]byte(r.key), 0)
			if i < 0 {
				t.Errorf("`%s` of `%s` is in FORMAT.md and not checked", r.key, name)
				continue
			}
			seen |= 1 << i
			if f := s.keys[i].form; !slices.Contains(of[r.typ], f) {
				t.Errorf("`%s` of `%s` is checked to be %s, and FORMAT.md says %s", r.key, name, forms[f].says, r.typ)
			}
			if got, want := s.must>>i&1 != 0, r.absent == "never"; got != want {
				t.Errorf("`%s` of `%s` is absent in FORMAT.md: %q; it is wanted: %v", r.key, name, r.absent, got)
			}
		}
		if all := uint64(1)<<len(s.keys) - 1; seen != all {
			t.Errorf("of `%s` keys are checked that FORMAT.md does not have: %b of %b", name, all&^seen, all)
		}
	}
	for name := range shapes {
		switch name {
		case "tuple", "buffer", "journey_flow", "from": // FORMAT.md has them in sentences
		default:
			if tables[name] == nil {
				t.Errorf("`%s` is checked and FORMAT.md has no table of it", name)
			}
		}
	}
	if keys < 200 {
		t.Errorf("only %d keys: the tables are not what they were", keys)
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
