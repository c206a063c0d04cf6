package pipe

import (
	"errors"
	"maps"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/skb-tools/skb-tools/internal/spell"
)

// Habits are flags that users of tcpdump type without a thought. What they ask for is what the programs do anyway.
type Habits struct {
	Numeric        int  `short:"n" type:"counter" group:"other" help:"As with tcpdump, also -nn. Changes nothing: addresses and ports are always printed as numbers."`
	LineBuffered   bool `short:"l" group:"other" help:"As with tcpdump. Changes nothing: each line is printed at once when the input pauses."`
	PacketBuffered bool `short:"U" group:"other" help:"As with tcpdump. Changes nothing: each packet is handed on at once when the input pauses."`
}

// readerHints are those of the programs that read a stream.
var readerHints = map[string]string{
	"r": "a stream is named without a flag, or comes on stdin",
	"w": "the stream goes to stdout: > FILE",
	"i": "a device is chosen when packets are collected: skb-collect -i DEV",
	"f": "packets are chosen when they are collected: skb-collect -f EXPR; or afterwards: " +
		"skb-pcap FILE | tcpdump -nnr - EXPR",
	"c": "| head -n LINES ends a pipeline after so many lines of text",
	"t": "--time chooses the clock of text",
	"s": "how much of a packet is kept is chosen when it is collected: skb-collect -s BYTES",
	"A": "-X shows bytes, also as ASCII",
}

// HintsAnd returns the hints that all programs which read a stream have, and more.
func HintsAnd(more map[string]string) map[string]string {
	all := maps.Clone(readerHints)
	maps.Copy(all, more)
	return all
}

// What kong says. These are compiled when a command line is wrong, and not at every start.
const (
	unknownFlag = `^unknown flag (--?)([^ ,=]+)`
	noValue     = `^(\S+): (expected .* value but got "EOL" \(<EOL>\)|missing value, expecting .*)$`
	noUnit      = `^(\S+): .*time: missing unit in duration "?([^"]*)"?$`
)

// explainUsage says what is wrong with a command line, of which kong says err. Its own guesses are of no use: to it
// every letter is like any other.
func explainUsage(app *kong.Application, m *Manual, err error) error {
	match := func(pattern string) []string { return regexp.MustCompile(pattern).FindStringSubmatch(err.Error()) }
	if of := match(noValue); of != nil {
		return errors.New(of[1] + ": needs a value")
	}
	if of := match(noUnit); of != nil {
		return errors.New(of[1] + ": " + of[2] + " has no unit: " + of[2] + "s, or ms, us, m, h")
	}
	of := match(unknownFlag)
	if of == nil {
		return err
	}
	dashes, name := of[1], of[2]
	says := "unknown flag " + dashes + name
	if hint := m.Hints[name]; dashes == "-" && hint != "" {
		return errors.New(says + ": " + hint)
	}
	if dashes == "--" {
		var known, begun []string
		for _, f := range app.Flags {
			if f.Hidden {
				continue
			}
			known = append(known, "--"+f.Name)
			if strings.HasPrefix(f.Name, name) {
				begun = append(begun, "--"+f.Name)
			}
		}
		if len(begun) == 1 {
			return errors.New(says + " (did you mean " + begun[0] + "?)")
		}
		if near := spell.DidYouMean("--"+name, known); near != "" && len(name) > 2 {
			return errors.New(says + near)
		}
	}
	return errors.New(says + " (--help lists all)")
}

// primitives are what a pcap-filter(7) expression begins with, but for what only other links than Ethernet have.
var primitives = map[string]bool{
	"host": true, "net": true, "port": true, "portrange": true, "src": true, "dst": true, "ip": true,
	"ip6": true, "arp": true, "rarp": true, "tcp": true, "udp": true, "icmp": true, "icmp6": true, "sctp": true,
	"igmp": true, "ether": true, "vlan": true, "mpls": true, "proto": true, "not": true, "less": true,
	"greater": true, "gateway": true, "broadcast": true, "multicast": true, "inbound": true, "outbound": true,
	"pppoed": true, "pppoes": true, "geneve": true, "vxlan": true, "esp": true, "ah": true, "pim": true, "vrrp": true,
	"carp": true, "igrp": true, "protochain": true, "len": true, "link": true, "llc": true, "stp": true, "iso": true,
	"isis": true, "ipx": true, "atalk": true, "aarp": true, "ifindex": true,
}

// LooksLikeFilter reports whether a word of a command line begins a pcap-filter(7) expression.
func LooksLikeFilter(word string) bool {
	word = strings.TrimSpace(word)
	if word == "" {
		return false
	}
	end := strings.IndexAny(word, " \t\n[<>=!&|")
	if end < 0 {
		end = len(word)
	}
	return primitives[word[:end]] || word[0] == '(' || word[0] == '!'
}
