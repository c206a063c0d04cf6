package format

import (
	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// HeldBack counts events that were not written, though nothing was lost: the kernel counted them in their place.
type HeldBack struct {
	TS    uint64 // ns, when they were counted
	Since uint64 // ns, when the count before began: they came later
	Count uint64 // exactly
	Cause string // limit, count-drops
	Probe string // "": of several probes

	// Of drops.
	Drop     Drop   // not Present: not known
	Dev      string // "": not known
	Ifindex  uint32
	Netns    uint32 // inum; 0: not known
	Protocol uint16 // EtherType
}

var heldSection = Section{"held", []Key{
	{Name: "type", Form: FormStr, What: "`held`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "when they had been counted, ns: they came before"},
	{Name: "since", Form: FormUint, Unit: UnitNS, What: "when the count before began, ns: they came later"},
	{Name: "count", Form: FormUint, What: "how many events, exactly"},
	{Name: "cause", Form: FormStr,
		What: "`limit`: the probe gave more events than `--limit` allows; `count-drops`: no events were asked for"},
	{Name: "probe", Form: FormStr, What: "as in an event", Absent: "they are of several probes"},
	{Name: "drop", Form: FormMap, Of: &dropSection, What: "as in an event",
		Absent: "they are no drops, or there were too many different ones to count them apart"},
	{Name: "dev", Form: FormMap, Of: &heldDevSection, What: "the device", Absent: "as in an event, or as `drop`"},
	{Name: "netns", Form: FormMap, Of: &netnsSection, What: "the network namespace, without `cookie`",
		Absent: "as in an event, or as `drop`"},
	{Name: "skb", Form: FormMap, Of: &heldSkbSection, What: "what the sk_buffs have in common", Absent: "as `drop`"},
}}

var heldDevSection = Section{"held_dev", []Key{
	{Name: "name", Form: FormStr, What: "its name"},
	{Name: "ifindex", Form: FormUint, What: "its index in its network namespace"},
}}

var heldSkbSection = Section{"held_skb", []Key{
	{Name: "protocol", Form: FormUint, What: "`skb->protocol`, an EtherType"},
}}

// AppendMsgpack appends the record.
func (h *HeldBack) AppendMsgpack(dst []byte) []byte {
	drop := h.Drop.Present()
	n := 5
	for _, has := range [...]bool{h.Probe != "", drop, h.Dev != "", h.Netns != 0, drop} {
		if has {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa4type"...), string(TypeHeld))
	dst = wire.AppendUint(append(dst, "\xa2ts"...), h.TS)
	dst = wire.AppendUint(append(dst, "\xa5since"...), h.Since)
	dst = wire.AppendUint(append(dst, "\xa5count"...), h.Count)
	dst = wire.AppendStr(append(dst, "\xa5cause"...), h.Cause)
	if h.Probe != "" {
		dst = wire.AppendStr(append(dst, "\xa5probe"...), h.Probe)
	}
	if drop {
		dst = h.Drop.append(append(dst, "\xa4drop"...))
	}
	if h.Dev != "" {
		dst = wire.AppendStr(append(dst, "\xa3dev\x82\xa4name"...), h.Dev)
		dst = wire.AppendUint(append(dst, "\xa7ifindex"...), uint64(h.Ifindex))
	}
	if h.Netns != 0 {
		netns := Netns{Inum: h.Netns}
		dst = netns.append(append(dst, "\xa5netns"...))
	}
	if drop {
		dst = wire.AppendUint(append(dst, "\xa3skb\x81\xa8protocol"...), uint64(h.Protocol))
	}
	return dst
}

// EncodeMsgpack writes the record.
func (h *HeldBack) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, h) }

// Decode reads r, which must be a held record.
func (h *HeldBack) Decode(r Raw) error {
	if r.Type() != TypeHeld {
		return errType(r, TypeHeld)
	}
	*h = HeldBack{}
	h.TS, _ = r.Time()
	h.Since, _ = r.Get("since").Uint()
	h.Count, _ = r.Get("count").Uint()
	setString(&h.Cause, r.Cause())
	setString(&h.Probe, r.Get("probe"))
	if err := r.Get("drop").Each(func(key []byte, v wire.Value) bool {
		h.Drop.decode(key, v)
		return true
	}); err != nil {
		h.Drop = Drop{}
	}
	setString(&h.Dev, r.Get("dev", "name"))
	u, _ := r.Get("dev", "ifindex").Uint()
	h.Ifindex = uint32(u)
	u, _ = r.Get("netns", "inum").Uint()
	h.Netns = uint32(u)
	u, _ = r.Get("skb", "protocol").Uint()
	h.Protocol = uint16(u)
	return nil
}
