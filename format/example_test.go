package format_test

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/skb-tools/skb-tools/format"
)

// Which packets were dropped, for which reason, and where.
func Example() {
	f, err := os.Open("../testdata/traffic-6.12.skb") // or os.Stdin
	if err != nil {
		log.Fatal(err)
	}
	for d := format.NewDecoder(f); ; {
		r, err := d.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			log.Fatal(err) // says at which byte
		}
		if drop := r.Get("drop"); drop != nil && r.Type() == format.TypeEvent {
			reason, _ := drop.Get("name").Str()
			location, _ := drop.Get("location").Str()
			fmt.Printf("%s in %s\n", reason, location)
		}
	}
	// Output:
	// NOT_SPECIFIED in unix_stream_connect+0x289
	// NOT_SPECIFIED in unix_stream_connect+0x289
	// NO_SOCKET in icmp_rcv+0x1e6
	// NOT_SPECIFIED in skb_release_data+0x170
	// NO_SOCKET in icmp_rcv+0x1e6
	// NOT_SPECIFIED in skb_release_data+0x170
	// NO_SOCKET in icmpv6_rcv+0x290
	// NO_SOCKET in icmp_rcv+0x1e6
	// NO_SOCKET in __udp4_lib_rcv+0x235
}
