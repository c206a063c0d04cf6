// skb-sort puts the records of streams in the order of their times.
package main

import "github.com/skb-tools/skb-tools/internal/sort"

func main() { sort.Main() }
