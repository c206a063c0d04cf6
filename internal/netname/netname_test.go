package netname

import (
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

func start(s format.Start) format.Raw { return s.AppendMsgpack(nil) }

// TestNames: a namespace has the name of its start until a namespace record gives it another, or its number is seen with
// another cookie.
func TestNames(t *testing.T) {
	n := Of(start(format.Start{Netns: format.Netns{Inum: 1}, Namespaces: map[uint32]format.Namespace{
		2: {Name: "web", By: "ip netns", PID: 7}, 3: {Name: "db", By: "program"}}}))
	is := func(inum uint64, want string) {
		t.Helper()
		if got := n.Name(inum); got != want {
			t.Errorf("%d is called %q, want %q", inum, got, want)
		}
	}
	is(1, "")
	is(2, "web")
	if n.Own() != 1 || n.Space(2).PID != 7 {
		t.Errorf("own %d, %+v", n.Own(), n.Space(2))
	}
	n.Sees(3, 30)
	n.Sees(3, 30)
	is(3, "db")
	n.Sees(3, 31)
	is(3, "")
	found := format.NamespaceFound{Inum: 3, Namespace: format.Namespace{Name: "new", By: "program"}}
	n.Found(found.AppendMsgpack(nil))
	n.Sees(3, 31)
	is(3, "new")
	found.Name = ""
	n.Found(found.AppendMsgpack(nil))
	is(3, "")

	var none *Names
	none.Sees(2, 1)
	none.Found(found.AppendMsgpack(nil))
	if none.Name(2) != "" || none.Own() != 0 || none.Label(2) != "netns 2" {
		t.Error("nil Names have a name")
	}
}

// TestWords: names come from anyone, and what is shown of them is one line of plain text.
func TestWords(t *testing.T) {
	n := Of(start(format.Start{Netns: format.Netns{Inum: 1}, Namespaces: map[uint32]format.Namespace{
		2: {Name: "web"}, 3: {Name: "a\x1b[2J\n\\b"}, 4: {Name: strings.Repeat("x", 500)}}}))
	for _, c := range []struct{ got, want string }{
		{n.Label(2), "web"}, {n.Label(5), "netns 5"}, {n.Label(3), `a\x1b[2J\n\\b`},
		{n.Device("eth0", 1), "eth0"}, {n.Device("eth0", 0), "eth0"}, {n.Device("eth0", 2), "eth0@web"},
		{n.Device("e\t0", 3), `e\t0@a\x1b[2J\n\\b`}, {n.Device("eth0", 5), "eth0 netns=5"},
		{n.Label(4), strings.Repeat("x", maxName)},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
