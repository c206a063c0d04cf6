//go:build kernel && cgo

package kerneltest

import (
	"io"

	"github.com/gopacket/gopacket/pcap"
)

// passed are the packets of a capture that libpcap passes by an expression: tcpdump -r has it do no
// more. An error: the expression can't be compiled for the file's link type.
func passed(file, expr string) ([]captured, error) {
	h, err := pcap.OpenOffline(file)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	if err := h.SetBPFFilter(expr); err != nil {
		return nil, err
	}
	var out []captured
	for {
		data, ci, err := h.ReadPacketData()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, captured{ci.Timestamp, ci.Length, data})
	}
}
