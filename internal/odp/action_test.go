package odp

import (
	"encoding/binary"
	"strings"
	"testing"
)

// attr is an attribute of the bytes that parts hold, padded.
func attr(kind uint16, parts ...[]byte) []byte {
	var data []byte
	for _, p := range parts {
		data = append(data, p...)
	}
	n := binary.NativeEndian
	b := n.AppendUint16(n.AppendUint16(nil, uint16(4+len(data))), kind)
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// conntrackInfo is struct ovs_conntrack_info.
func conntrackInfo(set func(b []byte)) []byte {
	b := make([]byte, 160)
	set(b)
	return b
}

// masked is a key of n bytes with its mask, of which set makes something.
func masked(kind uint16, n int, set func(value, mask []byte)) []byte {
	b := make([]byte, 2*n)
	set(b[:n], b[n:])
	return attr(kind, b)
}

// TestAction: each action as ovs-dpctl(8) writes it, from the bytes that the kernel has.
func TestAction(t *testing.T) {
	n := binary.NativeEndian
	cookie := func(kind uint16, slow uint32) []byte {
		b := make([]byte, 48)
		n.PutUint16(b, kind)
		n.PutUint32(b[28:], slow)
		return b
	}
	ones := func(b []byte) {
		for i := range b {
			b[i] = 0xff
		}
	}
	ttl := masked(7, 12, func(v, m []byte) { v[10], m[10] = 63, 0xff; copy(v[4:], []byte{10, 0, 0, 9}); ones(m[4:8]) })
	eth := masked(4, 12, func(v, m []byte) { copy(v[6:], []byte{2, 0, 0, 0, 0, 9}); ones(m[6:]) })
	for _, c := range []struct {
		bytes      []byte
		name, args string
	}{
		{attr(output, u32(2)), "output", "2"},
		{attr(recirc, u32(0x1f)), "recirc", "0x1f"},
		{attr(meter, u32(3)), "meter", "3"},
		{attr(trunc, u32(100)), "trunc", "100"},
		{attr(drop, u32(0)), "drop", "0"},
		{attr(popVLAN), "pop_vlan", ""},
		{attr(popEth), "pop_eth", ""},
		{attr(ctClear), "ct_clear", ""},
		{attr(popNSH), "pop_nsh", ""},
		{attr(hash, u32(0), u32(7)), "hash", "l4(7)"},
		{attr(hash, u32(1), u32(0)), "hash", "sym_l4(0)"},
		{attr(pushVLAN, []byte{0x81, 0, 0x30, 5}), "push_vlan", "vid=5,pcp=1"},
		{attr(pushVLAN, []byte{0x88, 0xa8, 0x10, 5}), "push_vlan", "tpid=0x88a8,vid=5,pcp=0"},
		{attr(pushMPLS, []byte{0, 0x06, 0x41, 64, 0x88, 0x47, 0, 0}), "push_mpls", "label=100,tc=0,ttl=64,bos=1,eth_type=0x8847"},
		{attr(addMPLS, []byte{0, 0x06, 0x41, 64, 0x88, 0x47, 1, 0}), "add_mpls", "label=100,tc=0,ttl=64,bos=1,eth_type=0x8847"},
		{attr(popMPLS, []byte{8, 0}), "pop_mpls", "eth_type=0x800"},
		{attr(pushEth, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}), "push_eth", "src=02:00:00:00:00:01,dst=02:00:00:00:00:02"},
		{attr(pushNSH, attr(1, []byte{0, 63, 1, 3, 0, 0, 5, 255})), "push_nsh", "nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x5,si=255)"},
		{attr(userspace, attr(1, u32(77))), "userspace", "pid=77"},
		{attr(userspace, attr(1, u32(77)), attr(2, cookie(2, 1<<1|1<<5))), "userspace", "pid=77,slow_path(bfd,action)"},
		{attr(userspace, attr(1, u32(77)), attr(2, cookie(5, 0)), attr(4)), "userspace", "pid=77,controller,actions"},
		{attr(userspace, attr(1, u32(77)), attr(2, []byte{1, 2})), "userspace", "pid=77,userdata(0102)"},
		{attr(setMasked, ttl), "set_masked", "ipv4(dst=10.0.0.9,ttl=63)"},
		{attr(setMasked, eth), "set_masked", "eth(dst=02:00:00:00:00:09)"},
		// SET_TO_MASKED of 5.10 and 6.1, of 6.7, and of 6.12.
		{attr(24, ttl), "set", "ipv4(dst=10.0.0.9,ttl=63)"},
		{attr(25, ttl), "set", "ipv4(dst=10.0.0.9,ttl=63)"},
		{attr(26, eth), "set", "eth(dst=02:00:00:00:00:09)"},
		{attr(setMasked, masked(15, 4, func(v, m []byte) { n.PutUint32(v, 8); n.PutUint32(m, 0xff) })), "set_masked", "skb_mark(0x8/0xff)"},
		{attr(setMasked, masked(9, 4, func(v, m []byte) { v[2], v[3], m[2], m[3] = 0x1f, 0x90, 0xff, 0xff })), "set_masked", "tcp(dst=8080)"},
		{attr(setMasked, masked(99, 2, func(v, m []byte) { v[0], m[0] = 1, 0xff })), "set_masked", "key99=0100/ff00"},
		{join(attr(set, attr(31, make([]byte, 8))), []byte{0, 0, 0, 0, 0, 0, 0, 7}, []byte{10, 1, 0, 1, 10, 1, 0, 2}, make([]byte, 24)), "set", "tunnel(tun_id=0x7,src=10.1.0.1,dst=10.1.0.2)"},
		{attr(set, attr(29, make([]byte, 8))), "set", "tunnel"},
		{attr(psample, attr(1, u32(9)), attr(2, []byte{0xab, 0xcd})), "psample", "group=9,cookie=0xabcd"},
		{attr(ct, conntrackInfo(func(b []byte) {})), "ct", ""},
		{attr(ct, conntrackInfo(func(b []byte) { n.PutUint16(b[8:], 7); b[24] = 1<<1 | 1 })), "ct", "commit,zone=7,nat"},
		{attr(ct, conntrackInfo(func(b []byte) {
			n.PutUint16(b[8:], 7)
			b[24] = 1 | 3<<1 | 1<<4
			n.PutUint16(b[26:], 2)
			n.PutUint32(b[32:], 5)
			n.PutUint32(b[36:], 0xff)
			b[40], b[56] = 0x12, 0xff
			copy(b[72:], "policy")
			n.PutUint32(b[112:], 1|2|8)
			copy(b[116:], []byte{10, 0, 0, 1})
			copy(b[132:], []byte{10, 0, 0, 3})
			copy(b[148:], []byte{0x10, 0, 0x20, 0})
		})), "ct", "force_commit,zone=7,mark=0x5/0xff,label=0x12/0xff,timeout=policy,nat(src=10.0.0.1-10.0.0.3:4096-8192,persistent)"},
		{attr(ct, conntrackInfo(func(b []byte) {
			b[24] = 1 | 5<<1
			n.PutUint16(b[26:], 10)
			n.PutUint32(b[112:], 1)
			b[116], b[132] = 0xfd, 0xfd
		})), "ct", "commit,nat(dst=fd00::)"},
		{attr(sample, attr(4, u32(1), u32(1<<31)), attr(output, u32(1)), attr(userspace, attr(1, u32(7)))), "sample", "sample=50.0%,actions(1,userspace(pid=7))"},
		{attr(clone, attr(1, u32(1)), attr(ctClear), attr(output, u32(3))), "clone", "ct_clear,3"},
		{attr(checkPktLen, attr(5, []byte{0xdc, 5, 1, 1}), attr(3, attr(output, u32(1))), attr(2, attr(drop, u32(0)))), "check_pkt_len", "size=1500,le(1),gt(drop(0))"},
		{attr(decTTL, attr(1, attr(userspace, attr(1, u32(7))))), "dec_ttl", "le_1(userspace(pid=7))"},
		{attr(60, []byte{1, 2}), "action60", "0102"},
		{nil, "", ""},
		{[]byte{1, 0, 1, 0}, "", ""},
	} {
		if name, args := Action(c.bytes); name != c.name || args != c.args {
			t.Errorf("%x is %s(%s), want %s(%s)", c.bytes, name, args, c.name, c.args)
		}
	}
}

// TestActions: a list, and one that was cut off.
func TestActions(t *testing.T) {
	list := join(attr(ct, conntrackInfo(func(b []byte) { b[8] = 9 })), attr(setMasked, masked(15, 4, func(v, m []byte) { v[0] = 1; copy(m, "\xff\xff\xff\xff") })),
		attr(popVLAN), attr(output, u32(2)), attr(recirc, u32(5)))
	if got, want := Actions(list), "ct(zone=9),set(skb_mark(0x1)),pop_vlan,2,recirc(0x5)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := Actions(list[:len(list)-6]), "ct(zone=9),set(skb_mark(0x1)),pop_vlan,2,..."; got != want {
		t.Errorf("cut off: %s, want %s", got, want)
	}
	if got := Actions(list[:20]); !strings.HasSuffix(got, "...)") {
		t.Errorf("cut off: %s", got)
	}
	if Port(attr(output, u32(7))) != 7 {
		t.Error("the port is another")
	}
}

// TestReason: what an upcall's data say.
func TestReason(t *testing.T) {
	for kind, want := range []string{"", "sflow", "slow_path", "flow_sample", "ipfix", "controller", ""} {
		data := make([]byte, 40)
		data[0] = byte(kind)
		if got := Reason(attr(2, data)); got != want {
			t.Errorf("%d is %q, want %q", kind, got, want)
		}
	}
	if Reason(attr(2, []byte{1})) != "" || Reason(nil) != "" {
		t.Error("what is too short says something")
	}
}

// FuzzActions: no bytes make it panic, or write without bound.
func FuzzActions(f *testing.F) {
	f.Add(join(attr(ct, conntrackInfo(func(b []byte) { b[24] = 0xff })), attr(set, attr(31, make([]byte, 8)))))
	f.Add(attr(sample, attr(4, u32(1), u32(9)), attr(clone, attr(1, u32(1)), attr(checkPktLen, attr(5, []byte{1, 1, 1, 1}), attr(2, attr(output, u32(1)))))))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), 4096)]
		if s := Actions(b); len(s) > 64*len(b)+64 {
			t.Errorf("%d bytes make %d of text", len(b), len(s))
		}
		Action(b)
		Reason(b)
	})
}
