//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
)

// CtLayout is where this kernel keeps what is shown of a connection, in the raw copy of
// struct nf_conn that the BPF programs send.
type CtLayout struct {
	Status, Mark, ZoneID Field
	Orig, Reply          TupleLayout // Reply and Orig in the copy of struct nf_conn
	Parent               TupleLayout // in that of the master's tuplehash
	TCPState, SCTPState  Field
	// TCPStates and SCTPStates are the names of the states, as the kernel's enums have them
	// without the prefix.
	TCPStates, SCTPStates map[uint32]string
}

// A TupleLayout is where the parts of a struct nf_conntrack_tuple are. Addresses are 16
// bytes, of which IPv4 uses the first 4.
type TupleLayout struct {
	SrcAddr, DstAddr   uint32 // bytes from the start of the copy
	L3, Proto          Field
	SrcPort, DstPort   Field // of protocols with ports, host order
	ICMPType, ICMPCode Field
	ICMPID             Field
}

var errNoConntrack = errors.New("this kernel was built without connection tracking (CONFIG_NF_CONNTRACK)")

// CtLayout finds the members by BTF.
func (k *Kernel) CtLayout() (*CtLayout, error) {
	conn, err := k.structure("nf_conn")
	if err != nil || !k.HasMember("sk_buff", "_nfct") {
		return nil, errNoConntrack
	}
	in := func(path string) Field { return fieldAt(conn, path, bpf.CtConnSize) }
	l := &CtLayout{
		Status: in("status"), Mark: in("mark"), ZoneID: in("zone.id"),
		TCPState: in("proto.tcp.state"), SCTPState: in("proto.sctp.state"),
		TCPStates:  k.enumNames("tcp_conntrack", "TCP_CONNTRACK_"),
		SCTPStates: k.enumNames("sctp_conntrack", "SCTP_CONNTRACK_"),
	}
	hash, ok := memberPath(conn, "tuplehash")
	if !ok {
		return nil, errNoConntrack
	}
	array, ok := hash.typ.(*btf.Array)
	if !ok {
		return nil, errNoConntrack
	}
	element, ok := btf.UnderlyingType(array.Type).(*btf.Struct)
	if !ok {
		return nil, errNoConntrack
	}
	l.Orig = tupleLayout(element, hash.bitOffset/8, bpf.CtConnSize)
	l.Reply = tupleLayout(element, hash.bitOffset/8+element.Size, bpf.CtConnSize)
	l.Parent = tupleLayout(element, 0, bpf.CtTuplesSize)
	return l, nil
}

// tupleLayout is that of the tuple in a struct nf_conntrack_tuple_hash at byte base of a
// copy of size bytes.
func tupleLayout(hash *btf.Struct, base, size uint32) TupleLayout {
	in := func(path string) Field {
		f := fieldAt(hash, "tuple."+path, ^uint32(0))
		if f.off += base; f.off+uint32(f.size) > size {
			return Field{}
		}
		return f
	}
	addr := func(path string) uint32 {
		m, _ := memberPath(hash, "tuple."+path)
		return base + m.bitOffset/8
	}
	l := TupleLayout{
		SrcAddr: addr("src.u3"), DstAddr: addr("dst.u3"),
		L3: in("src.l3num"), Proto: in("dst.protonum"),
		SrcPort: in("src.u.all"), DstPort: in("dst.u.all"),
		ICMPType: in("dst.u.icmp.type"), ICMPCode: in("dst.u.icmp.code"), ICMPID: in("src.u.icmp.id"),
	}
	l.SrcPort.big, l.DstPort.big, l.ICMPID.big = true, true, true
	return l
}

// ctVariables sets what the BPF side needs to know of connection tracking.
func (k *Kernel) ctVariables(vars map[string]any) {
	for number, name := range k.enumNames("nf_ct_ext_id", "NF_CT_EXT_") {
		switch name {
		case "HELPER":
			vars["ct_helper_id"] = uint8(number)
		case "LABELS":
			vars["ct_labels_id"] = uint8(number)
		}
	}
	// struct hlist_node hnode; char name[16]; (since 2005)
	vars["ct_helper_name_at"] = uint32(16)
	if helper, err := k.anyStructure("nf_conntrack_helper"); err == nil {
		if m, ok := findMember(helper.Members, "name", 0); ok {
			vars["ct_helper_name_at"] = m.bitOffset / 8
		}
	}
}

// enumNames are the values of a kernel's enum, without the prefix of their names.
func (k *Kernel) enumNames(enum, prefix string) map[uint32]string {
	names := map[uint32]string{}
	for _, spec := range k.specs() {
		var e *btf.Enum
		if spec.TypeByName(enum, &e) == nil {
			for _, v := range e.Values {
				if name, ok := strings.CutPrefix(v.Name, prefix); ok {
					if _, known := names[uint32(v.Value)]; !known {
						names[uint32(v.Value)] = name
					}
				}
			}
			return names
		}
	}
	return names
}
