// skb-collect sees packets inside the kernel, at any function or tracepoint, and writes
// what it sees as a stream.
package main

import "github.com/skb-tools/skb-tools/internal/collect"

func main() { collect.Main() }
