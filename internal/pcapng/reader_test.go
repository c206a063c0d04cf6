package pcapng

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"
)

// blockOf makes a block of a file in the given byte order.
func blockOf(o binary.AppendByteOrder, kind uint32, body []byte) []byte {
	n := uint32(len(body) + 12)
	b := o.AppendUint32(o.AppendUint32(nil, kind), n)
	return o.AppendUint32(append(b, body...), n)
}

// foreign is a file in either byte order with what we do not write: an interface in
// units of 2^-20 s after an offset, one in microseconds, and packets of the other kinds.
func foreign(o binary.AppendByteOrder) []byte {
	section := o.AppendUint64(o.AppendUint16(o.AppendUint16(o.AppendUint32(nil, byteOrderMagic), 1), 0), 1<<64-1)
	file := blockOf(o, blockSection, section)
	iface := func(options ...byte) []byte {
		return append(o.AppendUint32(o.AppendUint16(o.AppendUint16(nil, LinkTypeEthernet), 0), 100), options...)
	}
	offset := o.AppendUint64(o.AppendUint16(o.AppendUint16(nil, optIfTsoffset), 8), 1000)
	resol := append(o.AppendUint16(o.AppendUint16(nil, optIfTsresol), 1), 0x80|20, 0, 0, 0)
	file = append(file, blockOf(o, blockInterface, iface(append(offset, resol...)...))...)
	file = append(file, blockOf(o, blockInterface, iface())...)
	file = append(file, blockOf(o, 0xbad, []byte("1234"))...) // a kind that nobody knows
	packet := func(iface uint32, ts uint64) []byte {
		b := o.AppendUint32(o.AppendUint32(o.AppendUint32(nil, iface), uint32(ts>>32)), uint32(ts))
		b = append(o.AppendUint32(o.AppendUint32(b, 3), 60), "abc\x00"...)
		b = o.AppendUint32(o.AppendUint16(o.AppendUint16(b, optFlags), 4), Inbound|Multicast)
		return o.AppendUint64(o.AppendUint16(o.AppendUint16(b, optPacketID), 8), 1<<33) // no end of options
	}
	file = append(file, blockOf(o, blockEnhanced, packet(0, 3<<19))...)
	file = append(file, blockOf(o, blockEnhanced, packet(1, 1732000000123456))...)
	return append(file, blockOf(o, blockSimple, append(o.AppendUint32(nil, 200), make([]byte, 100)...))...)
}

func TestForeign(t *testing.T) {
	for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		r := NewReader(bufio.NewReader(bytes.NewReader(foreign(o))))
		var p Captured
		for i, ns := range []uint64{1001_500_000_000, 1732000000123456000} {
			if err := r.Next(&p); err != nil {
				t.Fatal(err)
			}
			if p.Time != ns || string(p.Data) != "abc" || p.Original != 60 || p.Flags != Inbound|Multicast || p.ID != 1<<33 || p.HasQueue {
				t.Errorf("%v: packet %d: %+v", o, i, p)
			}
		}
		if err := r.Next(&p); err != nil || p.Time != 0 || len(p.Data) != 100 || p.Original != 200 || p.HasFlags {
			t.Errorf("%v: simple packet: %+v, %v", o, p, err)
		}
		if err := r.Next(&p); err != io.EOF {
			t.Error(err)
		}
	}
}

// What other programs write reads as those programs mean it.
func TestEditcap(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, sample(), 0o644); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command("editcap", "-a", "1:said by editcap", in, out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := NewReader(bufio.NewReader(f))
	var p Captured
	if err := r.Next(&p); err != nil {
		t.Fatal(err)
	}
	if len(p.Section.Comments) != 2 || p.Interface.Comments[0] != "host=other" || p.Interface.OS != "Linux" || p.Interface.Name != "ip_rcv" {
		t.Errorf("%+v, %+v", p.Section, p.Interface)
	}
	last := p.Comments[len(p.Comments)-1]
	if p.Time != 1732173811123456789 || string(last) != "said by editcap" || p.ID != 12 || p.Queue != 7 || p.DropCount != 9 {
		t.Errorf("%+v, comment %q", p, last)
	}
}

// sample is a file with one of everything that we write.
func sample() []byte {
	b := (&Section{Comments: []string{"host=h", "cmdline=x"}, Hardware: "amd64", OS: "Linux", Application: "skb-pcap 1"}).Append(nil)
	b = (&Interface{Name: "ip_rcv", Comments: []string{"host=other"}, OS: "Linux"}).Append(b)
	b, p := BeginPacket(b, 0, 1732173811123456789, 16, 99)
	b = append(b, "0123456789abcdef"...)
	b = AppendQueue(AppendPacketID(AppendDropCount(AppendFlags(b, Inbound), 9), 12), 7)
	b = p.End(AppendOption(AppendOption(b, OptComment, "probe=ip_rcv"), OptComment, ""))
	return (&Statistics{Start: 1, End: 2, Received: 1}).Append(b, 0)
}

// A damaged file is an error with an offset, or reads as gopacket's reader has it.
func FuzzReader(f *testing.F) {
	f.Add(sample())
	f.Add(foreign(binary.LittleEndian))
	f.Add(foreign(binary.BigEndian))
	f.Add(append(sample(), foreign(binary.BigEndian)...))
	f.Add(sample()[:100])
	f.Fuzz(func(t *testing.T, file []byte) {
		r := NewReader(bufio.NewReader(bytes.NewReader(file)))
		other, otherErr := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.NgReaderOptions{WantMixedLinkType: true})
		var p Captured
		for {
			err := r.Next(&p)
			if err != nil {
				var syntax *SyntaxError
				if err != io.EOF && !errors.As(err, &syntax) {
					t.Fatalf("an error without an offset: %v", err)
				}
				return
			}
			if otherErr != nil {
				return
			}
			data, ci, _, err := other.ReadPacketDataWithOptions()
			if err != nil { // it is stricter about options
				return
			}
			if !bytes.Equal(data, p.Data) || uint32(ci.Length) != p.Original {
				t.Fatalf("%d of %d bytes, gopacket has %d of %d", len(p.Data), p.Original, len(data), ci.Length)
			}
		}
	})
}
