// walk is the floor under the filters: it reads frames from stdin and steps over each
// one's msgpack, which is checked, and does nothing else.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/skb-tools/skb-tools/format"
)

func main() {
	d := format.NewDecoder(os.Stdin)
	for {
		r, err := d.Next()
		if err == nil {
			err = format.Valid(r)
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "walk:", err)
			os.Exit(1)
		}
	}
}
