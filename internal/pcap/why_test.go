package pcap

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// The words for people are the cause, or else the meaning; the reason is the kernel's, or
// else the one that was concluded, and that it was is said.
func TestWhy(t *testing.T) {
	for _, c := range []struct{ kernel, reason, meaning, cause, want string }{
		{"NO_SOCKET", "NO_SOCKET", "no socket", "", "drop=NO_SOCKET why=no socket why.confidence=kernel"},
		{"NO_SOCKET", "OTHER", "no socket", "nobody listens", "drop=NO_SOCKET why=nobody listens why.meaning=no socket why.confidence=kernel"},
		{"", "GUESSED", "a guess", "", "drop=GUESSED why=a guess why.confidence=inferred"},
		{"", "", "", "", "drop=? why.confidence=inferred"},
	} {
		e := someEvent(1)
		e.Drop = format.Drop{Name: c.kernel, Location: "f+0x1"}
		confidence := "kernel"
		if c.kernel == "" {
			confidence = "inferred"
		}
		why := wire.AppendMap(nil, 4)
		for _, p := range [...][2]string{{"reason", c.reason}, {"meaning", c.meaning}, {"cause", c.cause}, {"confidence", confidence}} {
			why = wire.AppendStr(wire.AppendStr(why, p[0]), p[1])
		}
		raw := recorded(wire.Splice(nil, e.AppendMsgpack(nil), "why", why))
		r, err := pcapgo.NewNgReader(bytes.NewReader(run(t, Options{}, stream(t, someStart(), raw))), pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		_, _, o, err := r.ReadPacketDataWithOptions()
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(o.Comments, func(s string) bool { return !strings.HasPrefix(s, "why") && !strings.HasPrefix(s, "drop") })
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v: %q", c, s)
		}
	}
}
