package drops

import (
	"slices"
	"testing"
)

// TestOpenFlow: the command to trace has the packet's own port and headers.
func TestOpenFlow(t *testing.T) {
	const mac = "drop.name=OVS_DROP_EXPLICIT drop.location=do_execute_actions+0x1 dev.type=1 mac=02:00:00:00:00:02 "
	const trace = `ovs-appctl ofproto/trace "$(ovs-vsctl port-to-br p0 || echo p0)" in_port=p0,dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,`
	for _, c := range []struct{ drop, look string }{
		{mac + "dev.name=p0 skb.protocol=2048 packet=udp,10.0.0.1:4000,10.0.0.2:53", trace + "udp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=4000,udp_dst=53"},
		{mac + "dev.name=p0 skb.protocol=2048 skb.vlan_tci=24581 packet=tcp,10.0.0.1:4000,10.0.0.2:53,S",
			trace + "dl_vlan=5,dl_vlan_pcp=3,tcp,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tcp_src=4000,tcp_dst=53"},
		{mac + "dev.name=p0 skb.protocol=34525 packet=udp,[fd00::1]:4000,[fd00::2]:53", trace + "udp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=64,udp_src=4000,udp_dst=53"},
		{mac + "dev.name=p0 skb.protocol=2048 packet=47,10.0.0.1,10.0.0.2", trace + "ip,nw_proto=47,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64"},
		{mac + "dev.name=p,0 skb.protocol=2048 packet=47,10.0.0.1,10.0.0.2", "ovs-dpctl dump-flows"},
		{"dev.name=p0 skb.protocol=2048 drop.name=OVS_DROP_EXPLICIT drop.location=do_execute_actions+0x1 packet=47,10.0.0.1,10.0.0.2", "ovs-dpctl dump-flows"},
	} {
		look := explained(t, stream(t, c.drop)...)[0].Look
		if slices.Index(look, c.look) != 0 {
			t.Errorf("%s\n%q, want first\n%s", c.drop, look, c.look)
		}
	}
}
