package pipe

import "github.com/skb-tools/skb-tools/internal/text"

// Detail are the flags that say how much text has of each packet, by the letters of tcpdump.
type Detail struct {
	Verbose  int  `short:"v" type:"counter" group:"output" help:"Text has more of each packet: TTL, id, options, checksums; and the records that are no packets: start, link, free, end. Nothing is left out on a narrow terminal. -vv: also right checksums of UDP over IPv4. skb-collect also reports which probes were left out, and why; and every 10 s how many events a second it writes, and how much of a CPU it takes."`
	Quiet    bool `short:"q" group:"output" help:"Text has less of each packet: addresses, ports and lengths. skb-collect also prints only errors on stderr."`
	Link     bool `short:"e" name:"link-level" group:"output" help:"Text has the link-level header of each packet: addresses and EtherType."`
	Hex      int  `short:"x" type:"counter" group:"output" help:"Text has the bytes of each packet, in hexadecimal, from the network header on. -xx: from the link-level header on."`
	HexASCII int  `short:"X" name:"hex-ascii" type:"counter" group:"output" help:"As -x (-XX: as -xx), also in ASCII."`
}

// ofText is what text takes of it.
func (d *Detail) ofText() text.Detail { return text.Detail(*d) }

// OnlyText is an error if flags ask for what only text shows, and the output is of another form.
func (d *Detail) OnlyText(form string) error {
	if flag := d.bytes(); flag != "" {
		return Usagef("%s changes text, and the output is %s: add -o text", flag, form)
	}
	return nil
}

// NoPackets is an error if flags ask for what only the text of packets shows, and the output has none of them.
func (d *Detail) NoPackets() error {
	if flag := d.bytes(); flag != "" {
		return Usagef("%s is for the text of packets, and a summary has none: leave out %s", flag, flag)
	}
	return nil
}

// bytes is a flag that asks for what is in a packet's bytes; "": none does.
func (d *Detail) bytes() string {
	switch {
	case d.Link:
		return "-e"
	case d.Hex > 0:
		return "-x"
	case d.HexASCII > 0:
		return "-X"
	}
	return ""
}
