// skb-drops finds the drops in a stream of packet events and says why they happened.
package main

import "github.com/skb-tools/skb-tools/internal/drops"

func main() { drops.Main() }
