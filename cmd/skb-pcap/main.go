// skb-pcap turns a stream of packet events into pcapng, for tcpdump and Wireshark.
package main

import "github.com/skb-tools/skb-tools/internal/pcap"

func main() { pcap.Main() }
