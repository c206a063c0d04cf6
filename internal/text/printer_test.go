package text

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

var update = flag.Bool("update", false, "write the golden files of screens anew")

func record(t testing.TB, line string) format.Raw {
	t.Helper()
	r, err := format.FromJSON(nil, []byte(line))
	if err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return r
}

// screen is the recorded stream that the golden files show: one of each kind
// of record.
func screen(t testing.TB) []format.Raw {
	t.Helper()
	file, err := os.ReadFile("testdata/screen.json")
	if err != nil {
		t.Fatal(err)
	}
	var records []format.Raw
	for line := range strings.Lines(string(file)) {
		records = append(records, record(t, line))
	}
	return records
}

func print(t testing.TB, o Options, records ...format.Raw) string {
	t.Helper()
	var out bytes.Buffer
	p := NewPrinter(&out, o)
	for _, r := range records {
		if err := p.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestScreen compares whole screens with their golden files: look at the
// change in testdata, and write it with -update.
func TestScreen(t *testing.T) {
	for name, o := range map[string]Options{
		"screen.txt":         {Time: "utc-ns", Records: true},
		"screen.packets.txt": {Time: "utc"},
		"screen.color.txt":   {Time: "delta", Color: true, Stacks: true, Records: true},
		"screen.80.txt":      {Time: "utc", Width: 80},
		"screen.120.txt":     {Time: "utc", Width: 120},
		"screen.200.txt":     {Time: "utc", Width: 200},
	} {
		got := print(t, o, screen(t)...)
		file := "testdata/" + name
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n got:\n%s\nwant:\n%s", name, got, want)
		}
	}
}

// TestColorOnly says that colour adds escape sequences and changes nothing
// else, and that without it there are none whatever the stream holds.
func TestColorOnly(t *testing.T) {
	without := print(t, Options{Time: "utc", Records: true}, screen(t)...)
	with := print(t, Options{Time: "utc", Color: true, Records: true}, screen(t)...)
	if i := strings.IndexFunc(without, func(r rune) bool { return r != '\n' && r < ' ' }); i >= 0 {
		t.Errorf("control character in %q", without[max(0, i-20):i+20])
	}
	if stripped := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(with, ""); stripped != without {
		t.Errorf("without colour:\n%s\nwith, stripped:\n%s", without, stripped)
	}
	for line := range strings.Lines(with) {
		if strings.Contains(line, "loss:") && !strings.Contains(line, "\x1b[1;31mloss: 120 events lost") {
			t.Errorf("a loss that is not bold red: %q", line)
		}
	}
}

func TestTime(t *testing.T) {
	const (
		start  = `{"type":"start","version":1,"ts":5000000000,"clock_offset":1767225600000000000}`
		first  = `{"type":"event","ts":5000000001,"cpu":0,"probe":"ip_rcv"}`
		second = `{"type":"event","ts":5000001501,"cpu":0,"probe":"ip_rcv"}`
		before = `{"type":"event","ts":4999999999,"cpu":0,"probe":"ip_rcv"}`
	)
	defer func(l *time.Location) { time.Local = l }(time.Local)
	time.Local = time.FixedZone("test", 5*3600+1800)
	for _, c := range []struct {
		mode string
		want [4]string // of the start and each event
	}{
		{"utc", [4]string{"00:00:05.000000 [", "00:00:05.000000", "00:00:05.000001", "00:00:04.999999"}},
		{"", [4]string{"05:30:05.000000 [", "05:30:05.000000", "05:30:05.000001", "05:30:04.999999"}},
		{"mono", [4]string{"5.000000", "5.000000", "5.000001", "4.999999"}},
		{"delta", [4]string{"+0.000000", "+0.000000", "+0.000001", "-0.000001"}},
		{"utc-ns", [4]string{"00:00:05.000000000 [", "00:00:05.000000001", "00:00:05.000001501", "00:00:04.999999999"}},
		{"local-ns", [4]string{"05:30:05.000000000 [", "05:30:05.000000001", "05:30:05.000001501", "05:30:04.999999999"}},
		{"ns", [4]string{"05:30:05.000000000 [", "05:30:05.000000001", "05:30:05.000001501", "05:30:04.999999999"}},
		{"mono-ns", [4]string{"5.000000000", "5.000000001", "5.000001501", "4.999999999"}},
		{"delta-ns", [4]string{"+0.000000000", "+0.000000001", "+0.000001500", "-0.000001502"}},
	} {
		lines := strings.Split(print(t, Options{Time: c.mode, Records: true}, record(t, start), record(t, first), record(t, second), record(t, before)), "\n")
		for i, want := range c.want {
			want = strings.TrimSuffix(want, " [")
			if got := strings.TrimLeft(lines[i], " "); !strings.HasPrefix(got, want+" ") {
				t.Errorf("%q, line %d: want %s, got %s", c.mode, i, want, got)
			}
		}
	}
	// A second start, of another host, times what follows it.
	other := `{"type":"start","version":1,"ts":0,"clock_offset":1767229200000000000}`
	got := print(t, Options{Time: "utc", Records: true}, record(t, start), record(t, other), record(t, first))
	if lines := strings.Split(got, "\n"); !strings.HasPrefix(lines[2], "01:00:05.000000 ") {
		t.Errorf("after a second start: %s", lines[2])
	}
	// A stream that begins in the middle has no wall clock.
	if got := print(t, Options{Time: "utc"}, record(t, first)); !strings.HasPrefix(strings.TrimLeft(got, " "), "5.000000 ") {
		t.Errorf("without a start: %s", got)
	}
}

// TestColumns says that the packets of lines stand under each other, that a
// longer name moves them for the lines after it, and that one odd name of a
// thousand bytes is neither cut nor pushes the others away.
func TestColumns(t *testing.T) {
	event := func(probe string) format.Raw {
		return record(t, fmt.Sprintf(`{"type":"event","ts":1,"cpu":0,"probe":%q,"skb":{"protocol":34984,"len":1}}`, probe))
	}
	at := func(line string) int { return strings.Index(line, "ethertype") }
	odd := strings.Repeat("x", 1000)
	long := "tracepoint_group:a_long_event"
	lines := strings.Split(print(t, Options{}, event("ip_rcv"), event("udp_rcv"), event(long), event("ip_rcv"), event(odd), event("ip_rcv"), event(odd[:50])), "\n")
	if at(lines[0]) != at(lines[1]) || at(lines[2]) != at(lines[3]) || at(lines[2]) <= at(lines[0]) {
		t.Errorf("not aligned:\n%s", strings.Join(lines[:4], "\n"))
	}
	if !strings.Contains(lines[4], odd) {
		t.Errorf("cut: %s", lines[4])
	}
	if at(lines[5]) > 130 {
		t.Errorf("pushed to column %d", at(lines[5]))
	}
	if narrow := print(t, Options{Width: 80}, event("ip_rcv")); strings.Contains(narrow, "  ") {
		t.Errorf("padded on a narrow terminal: %q", narrow)
	}
}

// TestPacketsAlone: without Records there are lines of packets, and of what tells of a loss, of a drop that no event
// tells of, and of another host or recording.
func TestPacketsAlone(t *testing.T) {
	const (
		start = `{"type":"start","version":1,"ts":0,"clock_offset":0,"host":"h","kernel":"6.12","cpus":2}`
		other = `{"type":"start","version":1,"ts":0,"clock_offset":0,"host":"g","kernel":"6.1","cpus":4}`
		event = `{"type":"event","ts":1000,"cpu":0,"probe":"skb:kfree_skb","skb":{"addr":%d},"drop":{"reason":3}}`
		freed = `{"type":"free","ts":2000,"cpu":0,"how":"%s","skb":{"addr":%d},"drop":{"reason":3}}`
	)
	for _, c := range []struct {
		records []string
		want    string // the lines' third word and what is behind it
	}{
		{[]string{start}, ""},
		{[]string{start, other}, "start 1970-01-01 +0000 host=g kernel=6.1\n"},
		{[]string{start, start}, "start host=h\n"}, // as a merge has it, and two files of one recording
		{[]string{start, other, `{"type":"resume","back":1}`}, "start 1970-01-01 +0000 host=g kernel=6.1\nstart host=h\n"},
		{[]string{`{"type":"link","ts":1,"cpu":0,"how":"copy","from":{"addr":16},"to":{"addr":32}}`}, ""},
		{[]string{fmt.Sprintf(freed, "consumed", 16)}, ""},
		{[]string{fmt.Sprintf(freed, "merged", 16)}, ""},
		{[]string{fmt.Sprintf(freed, "dropped", 16)}, "free dropped addr=0x10 drop=3\n"},
		{[]string{`{"type":"free","ts":1,"how":"dropped","skb":{"addr":16},"drop":{"reason":3},"counted":true}`}, ""},
		// Its event told of the drop already; not that of another one, nor of one that has the address later.
		{[]string{fmt.Sprintf(event, 16), fmt.Sprintf(freed, "dropped", 16)}, "skb:kfree_skb - drop=3\n"},
		{[]string{fmt.Sprintf(event, 32), fmt.Sprintf(freed, "dropped", 16)}, "skb:kfree_skb - drop=3\nfree dropped addr=0x10 drop=3\n"},
		{[]string{fmt.Sprintf(event, 16), fmt.Sprintf(freed, "dropped", 16), fmt.Sprintf(freed, "dropped", 16)},
			"skb:kfree_skb - drop=3\nfree dropped addr=0x10 drop=3\n"},
		{[]string{`{"type":"end","ts":1,"events":3,"lost":0}`}, ""},
		{[]string{`{"type":"end","ts":1,"events":3,"lost":2}`}, "end lost=2 events=3\n"},
		{[]string{`{"type":"loss","ts":1,"count":1,"what":"event"}`}, "loss: 1 event lost\n"},
		{[]string{`{"type":"counters","ts":1}`}, ""},
		{[]string{`{"type":"counters","ts":2,"since":1,"grew":[{"name":"rx_errors","dev":"e","from":1,"to":2}]}`},
			"counters: e rx_errors +1 since 0.000000\n"},
		{[]string{`{"type":"tomorrow","ts":1,"x":1}`}, "tomorrow x=1\n"},
	} {
		var records []format.Raw
		for _, r := range c.records {
			records = append(records, record(t, r))
		}
		got := print(t, Options{Time: "utc"}, records...)
		got = regexp.MustCompile(`(?m)^.*?((start|free|end|loss:|counters:|tomorrow|skb:kfree_skb) )`).ReplaceAllString(got, "$1")
		got = regexp.MustCompile(` +`).ReplaceAllString(strings.ReplaceAll(got, "freed or passed on by then ", ""), " ")
		if got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", strings.Join(c.records, "\n"), got, c.want)
		}
	}
}

// TestNetns says that a network namespace is named when it is not the first,
// and that each start record begins anew: inums of two hosts do not compare.
func TestNetns(t *testing.T) {
	event := func(inum int) format.Raw {
		return record(t, fmt.Sprintf(`{"type":"event","ts":1,"cpu":0,"probe":"p","dev":{"name":"eth0"},"netns":{"inum":%d}}`, inum))
	}
	start := record(t, `{"type":"start","version":1,"ts":0,"clock_offset":0}`)
	lines := strings.Split(print(t, Options{Records: true}, start, event(1), event(2), event(1), start, event(2), event(1)), "\n")
	for i, want := range []string{"", "", "eth0 netns=2 ", "", "", "", "eth0 netns=1 "} {
		if want == "" && strings.Contains(lines[i], "netns") || !strings.Contains(lines[i], want) {
			t.Errorf("line %d: want %q in %s", i, want, lines[i])
		}
	}
}

// TestNetnsNames: a network namespace is told by its name, and that of skb-collect not at all, whichever comes first; also
// where a packet's way ended, in what changed, and where a merge comes back to a host.
func TestNetnsNames(t *testing.T) {
	event := func(inum int, more string) format.Raw {
		return record(t, fmt.Sprintf(`{"type":"event","ts":1,"cpu":0,"probe":"p","netns":{"inum":%d}%s}`, inum, more))
	}
	eth0 := `,"dev":{"name":"eth0"}`
	start := record(t, `{"type":"start","version":1,"ts":0,"clock_offset":0,"netns":{"inum":1},"namespaces":{"2":{"name":"web","by":"ip netns"},"3":{"name":"a\u001b[31m","by":"program"}}}`)
	other := record(t, `{"type":"start","version":1,"ts":0,"clock_offset":0,"host":"h","netns":{"inum":2},"namespaces":{"1":{"name":"pod:db","by":"pod"}}}`)
	long := record(t, `{"type":"start","version":1,"ts":0,"clock_offset":0,"netns":{"inum":1},"namespaces":{"2":{"name":"`+strings.Repeat("a", 79)+`\u00e9","by":"pod"}}}`)
	found := func(inum int, name string) format.Raw {
		return record(t, fmt.Sprintf(`{"type":"namespace","ts":1,"inum":%d,"named":{"name":"%s","by":"program"}}`, inum, name))
	}
	cookie := func(n int) format.Raw {
		return record(t, fmt.Sprintf(`{"type":"event","ts":1,"cpu":0,"probe":"p","netns":{"inum":2,"cookie":%d}%s}`, n, eth0))
	}
	for _, c := range []struct {
		records []format.Raw
		want    string // in the last line
	}{
		{[]format.Raw{start, event(2, eth0)}, " eth0@web "},
		{[]format.Raw{start, event(1, eth0)}, " eth0 "},
		{[]format.Raw{start, event(3, eth0)}, ` eth0@a\x1b[31m `},
		{[]format.Raw{start, event(4, eth0)}, " eth0 netns=4 "},
		{[]format.Raw{start, event(2, "")}, " -@web "},
		{[]format.Raw{start, event(1, "")}, " -      "},
		{[]format.Raw{start, other, event(1, eth0)}, " eth0@pod:db "},
		{[]format.Raw{start, other, record(t, `{"type":"resume","back":1}`), event(1, eth0)}, " eth0 "},
		{[]format.Raw{start, other, record(t, `{"type":"resume","back":1}`), event(2, eth0)}, " eth0@web "},
		{[]format.Raw{start, event(1, eth0+`,"track":{"packet":1,"hop":1,"changed":{"netns":[1,2]}}`)}, " netns=1>web"},
		{[]format.Raw{start, record(t, `{"type":"journey","ts":1,"packet":1,"end":{"how":"delivered","dev":"eth0","netns":2}}`)}, "delivered on eth0@web,"},
		{[]format.Raw{start, record(t, `{"type":"journey","ts":1,"packet":1,"end":{"how":"delivered","dev":"eth0","netns":1}}`)}, "delivered on eth0,"},
		{[]format.Raw{start, record(t, `{"type":"journey","ts":1,"packet":1,"end":{"how":"delivered","dev":"eth0","netns":9}}`)}, "delivered on eth0 netns=9,"},
		{[]format.Raw{start}, " namespaces=2"},
		// The number is another namespace's from then on, also where a merge comes back to the host.
		{[]format.Raw{start, cookie(7), event(2, eth0), cookie(7)}, " eth0@web "},
		{[]format.Raw{start, cookie(7), cookie(8)}, " eth0 netns=2 "},
		{[]format.Raw{start, cookie(7), cookie(8), event(2, eth0)}, " eth0 netns=2 "},
		{[]format.Raw{start, cookie(7), other, record(t, `{"type":"resume","back":1}`), cookie(8)}, " eth0 netns=2 "},
		// A name that was found later.
		{[]format.Raw{start, cookie(7), found(2, "later"), cookie(8), cookie(8)}, " eth0@later "},
		{[]format.Raw{start, cookie(7), found(2, "later"), cookie(8), cookie(9)}, " eth0 netns=2 "},
		{[]format.Raw{start, found(4, "x\\u001b"), event(4, eth0)}, ` eth0@x\x1b `},
		{[]format.Raw{start, found(4, strings.Repeat("a", 1000)), event(4, eth0)}, " eth0@" + strings.Repeat("a", 80) + " "},
		{[]format.Raw{start, found(4, "new"), other, record(t, `{"type":"resume","back":1}`), event(4, eth0)}, " eth0@new "},
		{[]format.Raw{start, other, found(4, "new"), record(t, `{"type":"resume","back":1}`), event(4, eth0)}, " eth0 netns=4 "},
		{[]format.Raw{found(4, "no start"), event(4, eth0)}, " eth0 "},
		{[]format.Raw{start, record(t, `{"type":"namespace","inum":"x","named":7}`), event(4, eth0)}, " eth0 netns=4 "},
		{[]format.Raw{long, event(2, eth0)}, " eth0@" + strings.Repeat("a", 79) + " "},
	} {
		lines := strings.Split(strings.TrimSuffix(print(t, Options{Records: true}, c.records...), "\n"), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, c.want) || strings.Contains(c.want, " eth0 ") && strings.Contains(last, "@") {
			t.Errorf("want %q in %s", c.want, last)
		}
	}
}

// TestNothingHidden says that what this package does not know shows all the
// same, wherever it is.
func TestNothingHidden(t *testing.T) {
	for _, c := range []struct{ record, want string }{
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","new":5}`, " new=5"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","new":{"a":"b","c":[1,2]}}`, ` new.a=b new.c=[1,2]`},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","skb":{"len":1,"new":-1}}`, " skb.new=-1"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","skb":7}`, " skb=7"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","dev":{"name":"x","new":true}}`, " dev.new=true"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","packet":{"len":1,"at":"mac","data":"AA==","missing":[[1,2]]}}`, " packet.missing=[[1,2]]"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","drop":{"reason":9,"rx_sk":1}}`, " drop=9 drop.rx_sk=0x1"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","ct":{"state":"NEW","zone":3}}`, " ct=NEW ct.zone=3"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","track":{"packet":1,"since":1500,"from":"clone"}}`, " track=#1 since=1.50µs track.from=clone"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","track":{"packet":3,"branch":2,"hop":4,"since":1500,"total":2000000,"from":{"how":"gro","branch":1,"packet":7},"changed":{"dev":["eth0","veth1"],"mark":[0,255],"vlan":[null,"5"],"new":1},"by":"addr","uncertain":true,"inferred":true,"next":1}}`,
			" track=#3.2 hop=4 since=1.50µs total=2.00ms from=gro#7.1 dev=eth0>veth1 mark=0x0>0xff vlan=->5 track.changed.new=1 by=addr uncertain inferred track.next=1"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","track":{"packet":"x","a":1}}`, " track.packet=x track.a=1"},
		{`{"type":"journey","ts":5000,"packet":12,"first":1000,"total":4000,"hops":5,"branches":2,"slowest":900,"flow":{"first":{"src":"10.0.42.1","dst":"10.0.255.1","sport":41234,"dport":53,"proto":17},"last":{"src":"10.0.42.1","dst":"10.0.43.2","sport":41234,"dport":5353,"proto":17}},"end":{"how":"dropped","ts":3000,"record":"free","probe":"udp_rcv","dev":"eth0","netns":7,"reason":"NO_SOCKET","location":"udp_rcv+0x1"},"ends":{"delivered":1,"dropped":1},"joined":[3,4],"uncertain":["event","link"],"note":"n","more":1}`,
			"journey #12 10.0.42.1.41234 > 10.0.255.1.53 UDP, dropped NO_SOCKET at udp_rcv+0x1 on eth0 netns=7, 2.00µs, 5 hops, as 10.0.42.1.41234 > 10.0.43.2.5353 UDP, slowest hop 900ns, 2 branches (1 delivered, 1 dropped), joined by #3 #4, uncertain: lost event, link; n more=1"},
		{`{"type":"journey","ts":5000,"packet":1,"first":1000,"hops":1,"branches":1,"end":{"how":"delivered","probe":"skb_consume_udp","comm":"a\tb","tgid":7},"inferred":true}`,
			`journey #1 delivered after skb_consume_udp by a\tb/7, 4.00µs, 1 hop, slowest hop 0ns, inferred`},
		{`{"type":"journey","ts":5000,"packet":1,"first":1000,"hops":1,"branches":1,"end":{"how":"delivered"},"uncertain":["event","free","held"]}`,
			`journey #1 delivered, 4.00µs, 1 hop, slowest hop 0ns, uncertain: lost event, free, held back`},
		{`{"type":"journey","ts":5,"packet":1}`, "journey packet=1"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","why":{"look":"tc \"x\"\u001b"}}`, ` why.look="tc \"x\"\x1b"`},
		{`{"type":"link","ts":1,"cpu":0,"how":"copy","from":{"addr":16,"id":1},"to":{"addr":32,"id":2},"new":1}`, "link copy id=1 addr=0x10 > id=2 addr=0x20 new=1"},
		{`{"type":"free","ts":1,"cpu":0,"how":"consumed","skb":{"addr":16,"id":1},"last":true}`, "free consumed id=1 addr=0x10 last=true"},
		{`{"type":"loss","ts":1,"count":1,"what":"identity","cause":"map full"}`, "loss: 1 identity lost: map full"},
		{`{"type":"change","ts":1,"keys":["firewall","xfrm"]}`, "change: firewall, xfrm changed, how is not known yet"},
		{`{"type":"change","ts":1,"seen":9000000000,"keys":["firewall"]}`, "change: firewall as before, known from 9.000000"},
		{`{"type":"change","ts":1,"seen":9000000000,"keys":["firewall","devices"],"firewall":{"nft inet t \u001b[31m":"input"},"devices":{"e0":{"mtu":1,"up":true}},"gone":{"devices":["a","b c"]}}`,
			`change: devices e0, a gone, "b c" gone; firewall "nft inet t \x1b[31m"=input, known from 9.000000`},
		{`{"type":"change","ts":1,"seen":9000000000,"keys":["ip_rules"],"ip_rules":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1},"gone":{"ip_rules":["x"]}}`,
			"change: ip_rules a=1, b=1, c=1, d=1, e=1, f=1, g=1, h=1 and 2 more, known from 9.000000"},
		{`{"type":"loss","ts":9000000000,"since":1000000000,"count":2,"what":"identity"}`, "loss: 2 identities lost since 1.000000"},
		{`{"type":"end","ts":1,"events":3,"lost":0,"cause":"count"}`, "end events=3 lost=0 cause=count"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","sock":{"addr":"18446612682086941445","family":"INET","state":"LISTEN","sport":80,"uid":0}}`,
			" sock=*.80>* sock.addr=0xffff888001020305 sock.family=INET sock.state=LISTEN sock.uid=0"},
		{`{"type":"event","ts":1,"cpu":0,"probe":"p","args":{"n":-1},"caller":"ip_rcv+0x1a","stack":3}`, " args.n=-1 caller=ip_rcv+0x1a stack=3"},
		{`{"type":"stack","id":3,"frames":["a+0x1","b"]}`, "stack 3: a+0x1 < b"},
		{`{"type":"tomorrow","ts":1,"x":"y z"}`, `tomorrow x="y z"`},
		{`{"type":"tomo\nrrow"}`, `tomo\nrrow`},
	} {
		got := print(t, Options{Records: true}, record(t, c.record))
		if !strings.Contains(got, c.want) {
			t.Errorf("%s:\n got %s want %s", c.record, got, c.want)
		}
		if strings.Count(got, "\n") != 1 || strings.ContainsRune(got, 0x1b) {
			t.Errorf("%s: not one clean line: %q", c.record, got)
		}
	}
}

// TestWhy says that an explanation stands below its event, whatever comes behind it in the
// record, with commands that can be copied.
func TestWhy(t *testing.T) {
	got := print(t, Options{}, record(t, `{"type":"event","ts":1,"cpu":0,"probe":"p","why":{"reason":"TCP_CSUM","meaning":"Bad.","where":"tcp_v4_rcv (TCP receive)",
		"cause":"a wrong \u001b checksum","look":["ss -Hlnt 'sport = 80'","ip link show dev 'a'\\''b\u009b'"],"severity":"fault","confidence":"inferred","new":1,
		"alternatives":[{"cause":"no listener","tell":"TcpOutRsts counts up","look":["nstat"]},{"cause":"magic"}]},"stack":7}`))
	_, got, _ = strings.Cut(got, "no bytes ")
	want := `stack=7 why.new=1
    fault, inferred TCP_CSUM: a wrong \x1b checksum
    at tcp_v4_rcv (TCP receive)
    look: ss -Hlnt 'sport = 80'
    look: ip link show dev 'a'\''b\u009b'
    or: no listener; then TcpOutRsts counts up
        look: nstat
    or: magic
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got = print(t, Options{}, record(t, `{"type":"event","ts":1,"cpu":0,"probe":"p","why":{"reason":"NOMEM","meaning":"No memory.","severity":"fault","confidence":"kernel"}}`))
	if !strings.HasSuffix(got, "\n    fault: No memory.\n") {
		t.Errorf("without a cause: %s", got)
	}
}

// How to get to another network namespace is said once, and what is not of that namespace
// is not looked for in it; a reason that nobody explains is said to be one.
func TestWhyElsewhere(t *testing.T) {
	const enter = `nsenter --net="$(find -L /run/netns/* -maxdepth 0 -inum 7 -print -quit 2>/dev/null)" `
	quoted := strings.ReplaceAll(enter, `"`, `\"`)
	got := print(t, Options{}, record(t, `{"type":"event","ts":1,"cpu":0,"probe":"p","why":{"reason":"NEW","look":["sysctl a","`+quoted+`ss -x","`+quoted+`ip link"],`+
		`"severity":"suspect","confidence":"kernel","alternatives":[{"cause":"that","look":["`+quoted+`nft list ruleset"]}]}}`))
	want := `
    suspect: no explanation of this reason is known here
    look: sysctl a
    in its network namespace (` + enter + `bash):
    look there: ss -x
    look there: ip link
    one of: that
        look there: nft list ruleset
`
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestMalformed says that a record which ends in its middle is printed as far
// as it goes, and what is wrong with it.
func TestMalformed(t *testing.T) {
	whole := record(t, `{"type":"event","ts":1,"cpu":0,"probe":"ip_rcv","dev":{"name":"eth0"},"netns":{"inum":5}}`)
	for n := range whole {
		got := print(t, Options{}, whole[:n])
		if n > 0 && !strings.Contains(got, "malformed record: ") && !strings.Contains(got, "record without a type") {
			t.Errorf("cut at %d: %q", n, got)
		}
	}
	if got := print(t, Options{}, whole[:len(whole)-3]); !strings.Contains(got, "ip_rcv") || !strings.Contains(got, "eth0") {
		t.Errorf("what was good is gone: %q", got)
	}
	if got := print(t, Options{}, format.Raw{0x80}); !strings.Contains(got, "record without a type") {
		t.Errorf("an empty map: %q", got)
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":       "plain text",
		"\x1b]0;title\x07": `\x1b]0;title\a`,
		"a\r\nb\tc":        `a\r\nb\tc`,
		"\x7f":             `\x7f`,
		"\u009b31m":        `\u009b31m`,
		"\x9b31m":          `\x9b31m`,
		"\u202egnp.exe":    `\u202egnp.exe`,
		"\xff\xfe":         `\xff\xfe`,
		`back\slash`:       `back\\slash`,
		"naïve 日本":         "naïve 日本",
		"cut \xe6\x97":     `cut \xe6\x97`,
		"":                 "",
	} {
		if got := string(appendEscaped(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
		if got := string(appendEscaped([]byte("x"), []byte(in))); got != "x"+want {
			t.Errorf("%q after x: got %s", in, got)
		}
	}
}

func TestDuration(t *testing.T) {
	for ns, want := range map[uint64]string{
		0: "0ns", 999: "999ns", 1000: "1.00µs", 12_140: "12.1µs", 99_960: "100µs", 999_499: "999µs", 999_500: "1.00ms",
		3_040_000: "3.04ms", 999_500_000: "1.00s", 15_000_000_000: "15.0s", 3_600_000_000_000: "3600s",
	} {
		if got := string(appendDuration(nil, ns)); got != want {
			t.Errorf("%d: got %s, want %s", ns, got, want)
		}
	}
	// The digits are those of strconv, also where a number is just between two.
	for i := range uint64(400_000) {
		ns := i * (i%1000 + 1)
		if i%4 == 0 {
			ns = i * 12_345_678_901
		}
		unit, v := "µs", float64(ns)/1e3
		switch {
		case ns < 1000:
			continue
		case ns >= 999_500_000:
			unit, v = "s", float64(ns)/1e9
		case ns >= 999_500:
			unit, v = "ms", float64(ns)/1e6
		}
		digits := 0
		switch {
		case v < 9.995:
			digits = 2
		case v < 99.95:
			digits = 1
		}
		if got, want := string(appendDuration(nil, ns)), strconv.FormatFloat(v, 'f', digits, 64)+unit; got != want {
			t.Fatalf("%d: got %s, want %s", ns, got, want)
		}
	}
}

// failing is a closed pipe.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestWriteError(t *testing.T) {
	p := NewPrinter(failing{}, Options{Records: true})
	if err := p.Write(record(t, `{"type":"end","ts":1}`)); err != nil {
		t.Errorf("before anything is written: %v", err)
	}
	if err := p.Flush(); err != os.ErrClosed {
		t.Errorf("Flush: %v", err)
	}
}

// FuzzPrinter gives the printer records of any bytes: no panic, and no control
// character but the newlines.
func FuzzPrinter(f *testing.F) {
	for _, r := range screen(f) {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, r []byte) {
		got := print(t, Options{Records: true}, format.Raw(r))
		if bad := strings.IndexFunc(got, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }); bad >= 0 {
			t.Errorf("control character at %d of %q", bad, got)
		}
		if strings.Count(got, "\n") != 1 {
			t.Errorf("not one line: %q", got)
		}
		// Escaping makes four bytes of one, a packet in a record much more.
		if len(got) > 40<<10+16*len(r) {
			t.Errorf("%d bytes of text for %d of record", len(got), len(r))
		}
	})
}

func BenchmarkPrinter(b *testing.B) {
	records := screen(b)
	for name, o := range map[string]Options{"local": {}, "delta,color": {Time: "delta", Color: true}} {
		b.Run(name, func(b *testing.B) {
			p := NewPrinter(discard{}, o)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p.Write(records[1+i%4]) // the four whole events
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
