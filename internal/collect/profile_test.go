//go:build linux && (amd64 || arm64)

package collect

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ownProfiles makes a user's folder of profiles.
func ownProfiles(t *testing.T, files map[string]string) string {
	t.Helper()
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("XDG_CONFIG_DIRS", filepath.Join(config, "none"))
	dir := filepath.Join(config, "skb-tools", "profiles")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWithProfiles(t *testing.T) {
	ownProfiles(t, map[string]string{
		"dns":    "# Name servers.\n\n  -f udp port 53 or tcp port 53\n-p ip_rcv\n--no-follow\n--where skb->mark == 1 && skb->len > 2\n",
		"ifdump": "# Mine.\n-p ip_output\n",
	})
	for _, test := range []struct{ args, want []string }{
		{[]string{"-p", "ip_rcv"}, []string{"-p", "ip_rcv"}},
		{[]string{"--profile", "dns", "-s", "0"},
			[]string{"-f", "udp port 53 or tcp port 53", "-p", "ip_rcv", "--no-follow", "--where", "skb->mark == 1 && skb->len > 2", "--profile", "dns", "-s", "0"}},
		{[]string{"--profile=ifdump"}, []string{"-p", "ip_output", "--profile=ifdump"}},
		{[]string{"--profile=ifdump,drop", "-q"},
			[]string{"-p", "ip_output", "-p", "skb:kfree_skb", "--limit", "5000/s", "--with", "stack,sock", "--profile=ifdump,drop", "-q"}},
		{[]string{"-q", "--", "echo", "--profile", "nosuch"}, []string{"-q", "--", "echo", "--profile", "nosuch"}},
		{[]string{"--profile", "list"}, []string{"--profile", "list"}},
	} {
		got, err := WithProfiles(append([]string{"skb-collect"}, test.args...))
		if err != nil || !slices.Equal(got[1:], test.want) {
			t.Errorf("%q:\ngot  %q %v\nwant %q", test.args, got, err, test.want)
		}
	}
}

func TestProfileErrors(t *testing.T) {
	dir := ownProfiles(t, map[string]string{
		"wrong":  "-p ip_rcv\n--nonsense\n",
		"nested": "--profile drop\n",
		"words":  "ip_rcv\n",
		"number": "-s many\n",
	})
	for name, want := range map[string]string{
		"dorp":   "--profile dorp: there is no such profile (did you mean drop?) (--profile list shows all)",
		"wrong":  filepath.Join(dir, "wrong") + ": unknown flag --nonsense",
		"nested": "not --profile",
		"words":  "only flags can be in a profile",
		"number": filepath.Join(dir, "number") + ": --snaplen",
	} {
		_, err := WithProfiles([]string{"skb-collect", "--profile", name})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestShippedProfiles(t *testing.T) {
	ownProfiles(t, map[string]string{"mine": "# What I look at.\n-p ip_rcv\n"})
	all, err := profiles()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range all {
		if p.about == "" || len(p.args) == 0 {
			t.Errorf("%s: %+v", name, p)
		}
		if err := p.check(); err != nil {
			t.Error(err)
		}
	}
	var out bytes.Buffer
	if err := writeProfiles(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"generic ", "ifdump ", "drop ", "nft ", "mine     What I look at. (/"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the list:\n%s", want, out.String())
		}
	}
}
