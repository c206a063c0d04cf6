package format

// pcapngSection is what skb-pcap --read adds to an event: what a capture has that has no other place.
var pcapngSection = Section{"pcapng", []Key{
	{Name: "flags", Form: FormUint,
		What: "the packet's flags", Absent: "they follow from the probe and `skb.pkt_type`"},
	{Name: "linktype", Form: FormUint, What: "of `header`", Absent: "there is none"},
	{Name: "header", Form: FormBin,
		What:   "a link layer's header that was taken off, so that `packet.data` begins behind it",
		Absent: "it can be made again"},
	{Name: "comments", Form: FormStrs,
		What: "the packet's comments, without those that docs/pcapng.md specifies", Absent: "there are none"},
}}
