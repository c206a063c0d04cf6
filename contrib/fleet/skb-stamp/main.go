// skb-stamp writes a stream as lines for Kafka: each has its host as the key, and a number that no other has.
package main

import "github.com/skb-tools/skb-tools/internal/stamp"

func main() { stamp.Main() }
