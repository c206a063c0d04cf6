package pipe

// Detail are the flags that say how much text has of each packet, by the letters of tcpdump.
type Detail struct {
	Verbose int `short:"v" type:"counter" group:"output" help:"Text also has the records that are no packets: start, link, free and end. skb-collect also reports which probes were left out, and why."`
}
