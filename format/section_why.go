package format

// whySection is what skb-drops adds to an event: the reason of its drop explained.
var whySection = Section{"why", []Key{
	{Name: "reason", Form: FormStr,
		What: "name of the drop reason, taken from the place where the kernel gives none"},
	{Name: "meaning", Form: FormStr, What: "the reason in a sentence", Absent: "not known"},
	{Name: "where", Form: FormStr, What: "the place", Absent: "not known"},
	{Name: "cause", Form: FormStr, What: "what in this packet or on this host led to it", Absent: "not known"},
	{Name: "look", Form: FormStrs, What: "commands that show more", Absent: "there are none"},
	{Name: "rules", Form: FormMaps, Of: &ovsRuleSection,
		What:   "if Open vSwitch dropped the packet: the OpenFlow rules of the flow that it found, as in the record `flow`",
		Absent: "another drop, or they are not known"},
	{Name: "rules_by", Form: FormStr, What: "how these are known: `detrace` or `trace`, as `by` of `flow`",
		Absent: "there are none"},
	{Name: "severity", Form: FormStr, What: "how serious it is: `normal`, `suspect` or `fault`"},
	{Name: "confidence", Form: FormStr,
		What: "`kernel`: the kernel said so; `inferred`: it follows from the place and the packet"},
	{Name: "alternatives", Form: FormMaps, Again: true,
		What: "other causes that fit; without `cause`, the drop has one of these", Absent: "there are none"},
	{Name: "more", Form: FormUint, What: "causes that fit besides `alternatives`", Absent: "there are none"},
	{Name: "rare", Form: FormStrs,
		What: "at most 6 more ways to this place that need a shortage of memory, a race, or something that is " +
			"hardly ever seen",
		Absent: "there are none"},
}}
