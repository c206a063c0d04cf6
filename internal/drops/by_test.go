package drops

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestParseBy(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"reason", ""},
		{"dev.name", ""},
		{"netns.inum", ""},
		{"ret.tcp_check_req", ""},
		{"weather.rain", ""}, // of a section that somebody else has written
		{"k8s.pod", ""},
		{"dev", `--by: dev has several values: choose one of them, as dev.name, dev.ifindex, dev.rx_ifindex, dev.type`},
		{"netns", `--by: netns has several values: choose one of them, as netns.inum, netns.cookie`},
		{"stack", ""},
		{"sock.backlog", ""},
		{"sock.backlogg", `--by: "sock.backlogg" is no field; the nearest is sock.backlog`},
		{"dev.\x1b[31m", `--by: "dev.\x1b[31m" is no field: give a path into the event, as dev.name, or one of reason, location, flow, saddr, daddr, sport, dport, proto`},
		{"reasn", `--by: "reasn" is no field; the nearest is reason`},
		{"dev.nmae", `--by: "dev.nmae" is no field; the nearest is dev.name`},
		{"saddrr", `--by: "saddrr" is no field; the nearest is saddr`},
		{"Location", `--by: "Location" is no field; the nearest is location`},
		{"process.com", `--by: "process.com" is no field; the nearest is process.comm`},
		{"a b", `--by: "a b" is no field: give a path into the event, as dev.name, or one of reason, location, flow, saddr, daddr, sport, dport, proto`},
	} {
		got := ""
		if _, err := parseBy([]string{c.name}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Every key is one that FORMAT.md describes.
func TestEventKeys(t *testing.T) {
	spec, err := os.ReadFile("../../format/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)`").FindAllStringSubmatch(string(spec), -1) {
		described = append(described, m[1])
	}
	for section, keys := range eventKeys {
		for key := range strings.FieldsSeq(keys) {
			if !slices.Contains(described, key) {
				t.Errorf("%s.%s is not in FORMAT.md", section, key)
			}
		}
	}
}
