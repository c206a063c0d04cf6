package pcapng

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// Every block is read back by another implementation as it was appended.
func TestReadBack(t *testing.T) {
	long := strings.Repeat("x", 70000)
	section := Section{Comments: []string{"host=h", "second"}, Hardware: "x86_64", OS: "Linux 6.12", Application: "skb-pcap"}
	file := section.Append(nil)
	file = (&Interface{Name: "ip_rcv", Description: "function entry"}).Append(file)
	file = (&Interface{Name: "net:netif_receive_skb"}).Append(file)

	packets := []struct {
		iface    uint32
		ns       uint64
		data     string
		original uint32
		comments []string
	}{
		{0, 1, "a", 1, nil},
		{1, 1732173811123456789, "abcd", 70000, []string{"probe=x", "why=nobody listens"}},
		{0, 1<<63 - 1, strings.Repeat("y", 70001), 70001, []string{""}},
		{1, 5, "", 60, []string{long}},
	}
	for i, p := range packets {
		var b Packet
		file, b = BeginPacket(file, p.iface, p.ns, uint32(len(p.data)), p.original)
		file = Pad(append(file, p.data...))
		file = AppendFlags(file, Outbound)
		file = AppendDropCount(file, 1<<40+uint64(i))
		file = AppendPacketID(file, 1<<50)
		file = AppendQueue(file, 7)
		for _, c := range p.comments {
			file = AppendOption(file, OptComment, c)
		}
		file = b.End(file)
	}
	file = (&Statistics{Comment: "c", Start: 1, End: 1732173811123456789, Received: 2}).Append(file, 1)

	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.SectionInfo(); s.Hardware != "x86_64" || s.OS != "Linux 6.12" || s.Application != "skb-pcap" {
		t.Errorf("section %+v", s)
	}
	for i, p := range packets {
		data, ci, opts, err := r.ReadPacketDataWithOptions()
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if string(data) != p.data || ci.InterfaceIndex != int(p.iface) || ci.Length != int(p.original) ||
			!ci.Timestamp.Equal(time.Unix(0, int64(p.ns))) {
			t.Errorf("packet %d: %d bytes, %+v", i, len(data), ci)
		}
		if opts.Flags.Direction != pcapgo.NgEpbFlagDirectionOutbound || *opts.DropCount != 1<<40+uint64(i) ||
			*opts.PacketID != 1<<50 || *opts.Queue != 7 {
			t.Errorf("packet %d: options %+v", i, opts)
		}
		want := append([]string(nil), p.comments...)
		for i, c := range want {
			want[i] = c[:min(len(c), 65535)]
		}
		if fmt.Sprint(opts.Comments) != fmt.Sprint(want) {
			t.Errorf("packet %d: comments differ", i)
		}
	}
	if _, _, err := r.ReadPacketData(); err == nil {
		t.Error("one packet too many")
	}
	for i, name := range []string{"ip_rcv", "net:netif_receive_skb"} {
		n, err := r.Interface(i)
		if err != nil || n.Name != name || n.LinkType != layers.LinkTypeEthernet || n.SnapLength != SnapLen || n.TimestampResolution != 9 {
			t.Errorf("interface %d: %+v, %v", i, n, err)
		}
	}
	if n, _ := r.Interface(1); n.Statistics.PacketsReceived != 2 ||
		n.Statistics.Comment != "c" || n.Statistics.StartTime.UnixNano() != 1 || n.Statistics.EndTime.UnixNano() != 1732173811123456789 {
		t.Errorf("statistics %+v", n.Statistics)
	}
}
