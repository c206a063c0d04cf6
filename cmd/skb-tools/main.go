// skb-tools is all five programs in one file. It acts as the one whose name it is called by, through a link to it
// or a copy, or whose name without skb- is its first argument: `skb-tools collect -p ip_rcv`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/skb-tools/skb-tools/internal/collect"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
)

const usage = `Usage: skb-tools PROGRAM [ARGUMENT ...]

Five programs in one file:

  collect  See packets inside the kernel, at any function or tracepoint.
  track    Group events into packets, hop by hop, and show how each journey ended.
  sort     Sort the records of streams by time or by journey, and merge several streams.
  drops    Find the drops in a stream of packet events and explain each, or count them.
  pcap     Turn a stream of packet events into pcapng, for tcpdump and Wireshark.

skb-tools PROGRAM --help says more. A link to this file that is called skb-collect, skb-track, skb-sort, skb-drops
or skb-pcap is that program.
`

func main() {
	programs := map[string]func(){"skb-collect": collect.Main, "skb-track": track.Main, "skb-sort": sort.Main,
		"skb-drops": drops.Main, "skb-pcap": pcap.Main}
	if run := programs[strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")]; run != nil {
		run()
		return
	}
	if len(os.Args) < 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	word := os.Args[1]
	if run := programs["skb-"+strings.TrimPrefix(word, "skb-")]; run != nil {
		os.Args = append([]string{"skb-" + strings.TrimPrefix(word, "skb-")}, os.Args[2:]...)
		run()
		return
	}
	switch word {
	case "--help", "-h", "help":
		fmt.Print(usage)
	case "--version":
		fmt.Println("skb-tools", pipe.Version)
	default:
		pipe.Say(os.Stderr, "skb-tools", fmt.Sprintf("no program is called %s: there are collect, track, sort, drops and "+
			"pcap", word))
		os.Exit(2)
	}
}
