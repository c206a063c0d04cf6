package pcap

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcap/write"
)

// A stream of as many probes as it has events does not make as many interfaces.
func TestManyInterfaces(t *testing.T) {
	var records []format.Appender
	for n := range 2 * write.MaxInterfaces {
		e := someEvent(uint64(n))
		e.Probe = fmt.Sprint("f", n)
		records = append(records, e)
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(run(t, Options{}, stream(t, records...))), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	packets := 0
	for ; err == nil; packets++ {
		_, _, err = r.ReadPacketData()
	}
	if n := r.NInterfaces(); n > write.MaxInterfaces+2 || packets-1 != len(records) {
		t.Errorf("%d interfaces, %d packets", n, packets-1)
	}
}
