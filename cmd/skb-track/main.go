// skb-track tells which events of a stream are of one packet, and how its journey ended.
package main

import "github.com/skb-tools/skb-tools/internal/track"

func main() { track.Main() }
