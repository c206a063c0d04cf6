//go:build linux && (amd64 || arm64)

package host

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/collect/rtnetlink"
)

// tcAnswer is an answer to RTM_GETTFILTER as the kernel gives one.
func tcAnswer(t *testing.T, kind string, options func(*netlink.AttributeEncoder) error) []byte {
	t.Helper()
	e := netlink.NewAttributeEncoder()
	e.String(unix.TCA_KIND, kind)
	if options != nil {
		e.Nested(unix.TCA_OPTIONS, options)
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return append(make([]byte, rtnetlink.SizeofTcmsg), b...)
}

// tcGen is a struct tc_gen: index, capab, action, refcnt, bindcnt.
func tcGen(action int32) []byte {
	b := make([]byte, 20)
	binary.NativeEndian.PutUint32(b[8:], uint32(action))
	return b
}

// actionsIn gives the options of a filter whose actions are the attribute at.
func actionsIn(at uint16, actions ...func(*netlink.AttributeEncoder) error) func(*netlink.AttributeEncoder) error {
	return func(e *netlink.AttributeEncoder) error {
		e.Nested(at, func(e *netlink.AttributeEncoder) error {
			for i, a := range actions {
				e.Nested(uint16(i+1), a)
			}
			return nil
		})
		return nil
	}
}

func action(kind string, parms uint16, verdict int32, more func(*netlink.AttributeEncoder)) func(*netlink.AttributeEncoder) error {
	return func(e *netlink.AttributeEncoder) error {
		e.String(1, kind)
		e.Nested(2, func(e *netlink.AttributeEncoder) error {
			e.Bytes(parms, tcGen(verdict))
			if more != nil {
				more(e)
			}
			return nil
		})
		return nil
	}
}

func TestFilterActions(t *testing.T) {
	for _, c := range []struct {
		name    string
		kind    string
		options func(*netlink.AttributeEncoder) error
		want    []string
	}{
		{"matchall action drop", "matchall", actionsIn(2, action("gact", 2, 2, nil)), []string{"drop"}},
		{"u32 action pass", "u32", actionsIn(7, action("gact", 2, 0, nil)), []string{"pass"}},
		{"a head of filters", "u32", nil, nil},
		{"u32 that only chooses a class", "u32", func(e *netlink.AttributeEncoder) error { e.Uint32(1, 0x10010); return nil }, nil},
		{"flower, ct and then drop", "flower", actionsIn(3, action("ct", 1, 3, nil), action("gact", 2, 2, nil)), []string{"ct", "drop"}},
		{"skbedit that drops", "flower", actionsIn(3, action("skbedit", 2, 2, nil)), []string{"skbedit", "drop"}},
		{"mirred", "basic", actionsIn(3, action("mirred", 2, 4, nil)), []string{"mirred"}},
		{"goto chain 7", "matchall", actionsIn(2, action("gact", 2, 2<<28|7, nil)), []string{"goto"}},
		{"drops at random", "matchall", actionsIn(2, action("gact", 2, 0, func(e *netlink.AttributeEncoder) {
			e.Bytes(3, []byte{2, 0, 1, 0, 2, 0, 0, 0}) // determ, 1, drop
		})), []string{"drop"}},
		{"bpf direct-action", "bpf", func(e *netlink.AttributeEncoder) error { e.Uint32(8, 1); return nil }, []string{"bpf"}},
		{"a kind of its own", "rsvp", func(e *netlink.AttributeEncoder) error { e.Uint32(1, 1); return nil }, []string{"unknown"}},
	} {
		b := tcAnswer(t, c.kind, c.options)
		if got := filterActions(netlink.Message{Data: b}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for n := range b { // cut off anywhere, it is no panic
			filterActions(netlink.Message{Data: b[:n]})
		}
	}
	if got := withWord(withWord("htb:police", "ingress:drop"), "htb:police"); got != "htb:police ingress:drop" {
		t.Errorf("%q", got)
	}
}
