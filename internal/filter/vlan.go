//go:build linux && (amd64 || arm64)

package filter

import (
	"fmt"
	"strings"
)

// untag rewrites the first `vlan [N]` of a pcap-filter expression into a test of the
// tag that a network card has taken out of the packet, or will put in (skb->vlan_tci).
// Not ok: there is no such word.
//
// It makes libpcap write what it writes for a live capture on Linux (BPF_SPECIAL_VLAN_HANDLING
// in its gencode.c) when it meets a packet with such a tag: `vlan` is true, `vlan N`
// compares the tag, and what comes after it in the expression looks where it would
// without a tag. A second `vlan` is a tag in the packet. What comes from an offset that
// no packet has is then taken from the tag.
func untag(expr string) (string, bool) {
	words := lexPcap(expr)
	for i, w := range words {
		if w.text != "vlan" {
			continue
		}
		end := w.end
		test := "(len >= 0)"
		if number, after, ok := numberAt(words[i+1:]); ok {
			end = after
			test = fmt.Sprintf("(ether[%d:2] & 0xfff = %s)", tagOffset, number)
		}
		return expr[:w.start] + test + expr[end:], true
	}
	return "", false
}

type word struct {
	text       string
	start, end int
}

// lexPcap cuts an expression into words and single characters. `\vlan`, the escape for
// a name, is a word of its own.
func lexPcap(expr string) []word {
	var words []word
	for i := 0; i < len(expr); {
		if strings.IndexByte(" \t\r\n", expr[i]) >= 0 {
			i++
			continue
		}
		end := i + 1
		if wordByte(expr[i]) {
			for end < len(expr) && wordByte(expr[end]) {
				end++
			}
		}
		words = append(words, word{expr[i:end], i, end})
		i = end
	}
	return words
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte(`\_-.:`, c) >= 0
}

// numberAt returns the number that words begin with, alone or within parentheses, and
// where it ends.
func numberAt(words []word) (number string, end int, ok bool) {
	open := 0
	for open < len(words) && words[open].text == "(" {
		open++
	}
	if len(words) <= 2*open || words[open].text[0] < '0' || words[open].text[0] > '9' {
		return "", 0, false
	}
	for _, w := range words[open+1 : 2*open+1] {
		if w.text != ")" {
			return "", 0, false
		}
	}
	return words[open].text, words[2*open].end, true
}
