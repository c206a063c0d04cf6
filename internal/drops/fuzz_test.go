package drops

import (
	"bytes"
	"io"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Whatever the input: no panic, and what comes out is a stream again.
func FuzzRun(f *testing.F) {
	f.Add([]byte(`{"type":"start","sysctl":{"net.ipv4.conf.all.rp_filter":"1"},"drop_reasons":{"2":"X"}}` + "\n" + `{"type":"event","ts":1,"drop":{"reason":2,"location":"ip_rcv_finish_core+1"}}`))
	for _, words := range []string{
		"drop.location=nf_hook_slow+0xa3 stack=nf_hook_slow,ip_forward nft.verdict=drop nft.chain=c",
		"drop.location=kfree_skb_list+0x1 stack=kfree_skb_list,__dev_queue_xmit dev.name=eth0",
		"drop.location=ip_rcv_finish_core+0x1 packet=udp,10.9.9.9:4000,10.0.0.2:53 before=ret:fib_validate_source,ret=-18",
		"drop.name=NO_SOCKET packet=tcp,[fd00::1]:1,[fd00::2]:2,S",
	} {
		var b bytes.Buffer
		e := format.NewEncoder(&b)
		for _, r := range stream(f, words) {
			_ = e.WriteRaw(r)
		}
		_ = e.Flush()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		_ = Run(t.Context(), Options{Input: pipe.Input{Part: true}, Options: pipe.Options{Output: "stream"}, Frees: true}, bytes.NewReader(in), &out, io.Discard)
		d := format.NewDecoder(&out)
		for {
			r, err := d.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.Type() == format.TypeEvent && r.Get("drop") != nil && r.Get("why", "severity") == nil {
				t.Fatalf("a drop without why: %q", r)
			}
		}
		_ = Run(t.Context(), Options{Input: pipe.Input{Part: true}, Summary: true, Normal: true, By: []string{"flow", "dev.name", "sock.state", "reason"}}, bytes.NewReader(in), io.Discard, io.Discard)
	})
}

func FuzzPacket(f *testing.F) {
	for _, words := range []string{"udp,10.0.0.1:1,10.0.0.2:2", "tcp,[fd00::1]:1,[fd00::2]:2,SA", "icmp,10.0.0.1,10.0.0.2,8"} {
		t, data := buildPacket(f, words)
		f.Add(data, 0, uint16(t))
		f.Add(append(make([]byte, 14), data...), 14, uint16(t))
	}
	// IPv6 with a hop-by-hop and a fragment header, and a VLAN tag in the frame.
	f.Add(append([]byte{0x60, 0, 0, 0, 0, 24, 0, 64}, make([]byte, 56)...), 0, uint16(dissect.EtherIPv6))
	f.Add(append([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0, 0, 1, 8, 0}, make([]byte, 20)...), 14, uint16(0x8100))
	f.Fuzz(func(t *testing.T, data []byte, l2 int, etherType uint16) {
		var p packet
		p.parse(data, max(l2, 0), etherType)
		if p.version == 0 && (p.hasProto || p.src.IsValid()) {
			t.Fatalf("%+v", p)
		}
	})
}
