package drops

import (
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
		{"netns", ``},
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

// Of a section those keys may be asked for that have one value.
func TestEventKeys(t *testing.T) {
	for section, want := range map[string]string{
		"":       "type ts cpu probe caller stack held",
		"packet": "len at", // data are bytes
		"gso":    "size segs",
		"ct":     "state dir addr proto_state zone mark helper",
		"track":  "packet branch hop since total by uncertain inferred resent",
		"args":   "", "why": "", "pcapng": "",
	} {
		if got := strings.Join(eventKeys[section], " "); got != want {
			t.Errorf("%q has %q, want %q", section, got, want)
		}
	}
}
