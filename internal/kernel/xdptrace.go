//go:build linux && (amd64 || arm64)

package kernel

// xdpGroup is the group of tracepoints that tell of packets which XDP programs have had.
const xdpGroup = "xdp"

// xdpTold are those of them that can be probed, with what their arguments are: enum xdp_told of bpf/xdptrace.h.
var xdpTold = map[string]uint8{
	"xdp_exception": 1, "xdp_bulk_tx": 2,
	"xdp_redirect": 3, "xdp_redirect_err": 3, "xdp_redirect_map": 3, "xdp_redirect_map_err": 3,
	"xdp_devmap_xmit": 4, "xdp_cpumap_enqueue": 5, "xdp_cpumap_kthread": 6,
}
