package track

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNamespacesShown: pictures, pages and traces call a network namespace as the stream does, and what came from anyone
// is text there.
func TestNamespacesShown(t *testing.T) {
	const lines = `{"type":"start","ts":1,"version":1,"host":"h","clock_offset":1,"netns":{"inum":1},"namespaces":{"2":{"name":"web","by":"ip netns"}}}
{"type":"event","ts":1000,"cpu":0,"probe":"ip_rcv","skb":{"addr":16,"id":1,"len":1},"dev":{"name":"eth0","ifindex":2,"type":1},"netns":{"inum":2}}
{"type":"namespace","ts":1500,"inum":3,"named":{"name":"a<b>\u001b","by":"program"}}
{"type":"event","ts":2000,"cpu":0,"probe":"udp_rcv","skb":{"addr":16,"id":1,"len":1},"dev":{"name":"eth0","ifindex":2,"type":1},"netns":{"inum":3}}
{"type":"event","ts":3000,"cpu":0,"probe":"skb:kfree_skb","skb":{"addr":16,"id":1,"len":1},"drop":{"name":"NO_SOCKET"},"dev":{"name":"eth0","ifindex":2,"type":1},"netns":{"inum":2}}
{"type":"free","ts":3001,"cpu":0,"skb":{"addr":16,"id":1},"how":"dropped","last":true}
{"type":"end","ts":4000,"events":3,"links":0,"frees":1,"lost":0}
`
	dir := t.TempDir()
	o := options()
	o.Part = true // of a start that has little
	o.SVG, o.HTML, o.Perfetto = filepath.Join(dir, "svg"), filepath.Join(dir, "html"), filepath.Join(dir, "perfetto")
	o.Output = "text"
	if err := Run(t.Context(), o, strings.NewReader(lines), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	_, _, _, words := pictureOf(t, []byte(read("svg")))
	for _, want := range []string{"eth0@web", `eth0@a<b>\x1b`, `netns=web>a<b>\x1b`, "on eth0@web,"} {
		if !strings.Contains(words, want) {
			t.Errorf("the picture has no %q: %s", want, words)
		}
	}
	html := read("html")
	for _, want := range []string{`"web"`, `"a\u003cb\u003e\\x1b"`, "on eth0@web,"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	named := map[string]bool{}
	for _, e := range checkTrace(t, o.Perfetto) {
		if e.Name == "process_name" {
			named[e.Args["name"].(string)] = true
		}
	}
	if !named["web on h"] || !named[`a<b>\x1b on h`] {
		b, _ := json.Marshal(named)
		t.Errorf("processes of the trace: %s", b)
	}
}
