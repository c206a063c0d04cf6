package format

import (
	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// An OVSFlow says what a flow of Open vSwitch's datapath is, as ovs-vswitchd tells it. Events name it by `ovs.ufid`.
type OVSFlow struct {
	TS      uint64 // of the event for which ovs-vswitchd was asked
	Seen    uint64 // when it had answered
	UFID    string
	Match   string // as `ovs-appctl dpctl/get-flow` writes it; "": the flow was gone
	Actions string // the same
	By      string // how the rules are known: detrace, trace; "": they are not
	Rules   []OVSRule
	Error   string // why something of this is not known; "": all is
}

// An OVSRule is an OpenFlow rule that was used to make a flow.
type OVSRule struct {
	Bridge string // "": not said
	Table  uint32
	Cookie uint64
	Rule   string // priority and match, and actions if they are known
}

var ovsFlowSection = Section{"flow", []Key{
	{Name: "type", Form: FormStr, What: "`flow`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "time of the event for which ovs-vswitchd was asked, ns"},
	{Name: "seen", Form: FormUint, Unit: UnitNS, What: "when it had answered, ns"},
	{Name: "ufid", Form: FormStr, What: "the flow, as in `ovs.ufid` of events"},
	{Name: "match", Form: FormStr,
		What:   "which packets it takes, as ovs-dpctl(8) writes it, ports as numbers of the datapath",
		Absent: "ovs-vswitchd did not tell"},
	{Name: "actions", Form: FormStr,
		What: "what it does with them, in the same form", Absent: "ovs-vswitchd did not tell"},
	{Name: "by", Form: FormStr,
		What: "how the rules are known. `detrace`: these made the flow. `trace`: a packet of this flow met these when " +
			"ovs-vswitchd was asked (Open vSwitch before 3.4, or the flow was so new that it kept no list)",
		Absent: "they are not known"},
	{Name: "rules", Form: FormMaps, Of: &ovsRuleSection, What: "the OpenFlow rules, in the order in which they were met",
		Absent: "they are not known"},
	{Name: "error", Form: FormStr, What: "why not all of this is known, as ovs-vswitchd says it", Absent: "it is"},
}}

var ovsRuleSection = Section{"ovs_rule", []Key{
	{Name: "bridge", Form: FormStr, What: "its bridge", Absent: "not said (`detrace` before 4.0)"},
	{Name: "table", Form: FormUint, What: "its table"},
	{Name: "cookie", Form: FormUint, Unit: UnitMark, What: "its cookie"},
	{Name: "rule", Form: FormStr, What: "its priority and match; with `detrace` also its actions"},
}}

// AppendMsgpack appends the record.
func (f *OVSFlow) AppendMsgpack(dst []byte) []byte { return appendEncoded(dst, f.encode) }

// EncodeMsgpack writes the record.
func (f *OVSFlow) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, f) }

func (f *OVSFlow) encode(e *msgpack.Encoder) error {
	return encodeMap(e, []entry{
		{"type", true, TypeFlow}, {"ts", true, f.TS}, {"seen", true, f.Seen}, {"ufid", true, f.UFID},
		{"match", f.Match != "", f.Match}, {"actions", f.Actions != "", f.Actions}, {"by", f.By != "", f.By},
		{"rules", len(f.Rules) > 0, f.Rules}, {"error", f.Error != "", f.Error},
	})
}

func (r *OVSRule) encode(e *msgpack.Encoder) error {
	return encodeMap(e, []entry{
		{"bridge", r.Bridge != "", r.Bridge}, {"table", true, r.Table}, {"cookie", true, r.Cookie}, {"rule", true, r.Rule},
	})
}

// Decode reads r, which must be a flow.
func (f *OVSFlow) Decode(r Raw) error {
	if r.Type() != TypeFlow {
		return errType(r, TypeFlow)
	}
	*f = OVSFlow{}
	f.TS, _ = r.Time()
	f.Seen, _ = r.Get("seen").Uint()
	setString(&f.UFID, r.Get("ufid"))
	setString(&f.Match, r.Get("match"))
	setString(&f.Actions, r.Get("actions"))
	setString(&f.By, r.Get("by"))
	setString(&f.Error, r.Get("error"))
	_ = r.Get("rules").Elems(func(v wire.Value) bool {
		var rule OVSRule
		setString(&rule.Bridge, v.Get("bridge"))
		table, _ := v.Get("table").Uint()
		rule.Table = uint32(table)
		rule.Cookie, _ = v.Get("cookie").Uint()
		setString(&rule.Rule, v.Get("rule"))
		f.Rules = append(f.Rules, rule)
		return true
	})
	return nil
}
