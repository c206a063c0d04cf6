package format_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// This prints which packets were dropped, for which reason, and where.
func Example_reading() {
	in, err := os.Open("../testdata/traffic-6.12.skb") // or os.Stdin
	if err != nil {
		log.Fatal(err)
	}
	var whole format.Checker
	for d := format.NewDecoder(in); ; {
		at := d.Offset()
		r, err := d.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			log.Fatal(err) // says at which byte
		}
		if err := whole.Take(r, at); err != nil {
			log.Fatal(err)
		}
		if drop := r.Get("drop"); drop != nil && r.Type() == format.TypeEvent {
			reason, _ := drop.Get("name").Str()
			location, _ := drop.Get("location").Str()
			fmt.Printf("%s in %s\n", reason, location)
		}
	}
	if err := whole.Err(); err != nil {
		log.Fatal(err) // the stream was cut off: there may have been more
	}
	// Output:
	// NOT_SPECIFIED in unix_stream_connect+0x289
	// NOT_SPECIFIED in unix_stream_connect+0x289
	// NO_SOCKET in icmp_rcv+0x1e6
	// NOT_SPECIFIED in skb_release_data+0x170
	// NO_SOCKET in icmp_rcv+0x1e6
	// NOT_SPECIFIED in skb_release_data+0x170
	// NO_SOCKET in icmpv6_rcv+0x290
	// NO_SOCKET in icmp_rcv+0x1e6
	// NO_SOCKET in __udp4_lib_rcv+0x235
}

// This writes a stream of one event, which its end counts.
func Example_writing() {
	event := format.Event{TS: 5_000_000_123, CPU: 1, Probe: "ip_rcv",
		Dev:    format.Dev{Name: "eth0", Ifindex: 2, Type: 1},
		Packet: format.Packet{Len: 84, At: "network", Data: []byte{0x45, 0, 0, 0x54}}}
	event.Skb.Set(format.SkbAddr, 0xffff888003a1c200)
	event.Skb.Set(format.SkbHead, 0xffff888003a1c800)

	var stream bytes.Buffer // or os.Stdout
	out := format.NewEncoder(&stream)
	for _, record := range []format.Appender{
		&format.Start{TS: 5_000_000_000, Host: "router", Kernel: "6.12.0", Arch: "amd64", Tool: "mine 1.0"},
		&event,
		&format.End{TS: 6_000_000_000, Events: 1, Cause: "count"},
	} {
		if err := out.Write(record); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}

	printJSON(&stream)
	// Output:
	// {"type":"start","ts":5000000000,"version":1,"clock_offset":0,"host":"router","kernel":"6.12.0","arch":"amd64","tool":"mine 1.0","boot_id":"","cmdline":[],"cpus":0,"snaplen":0,"probes":0,"drop_reasons":{},"sysctl":{}}
	// {"type":"event","ts":5000000123,"cpu":1,"probe":"ip_rcv","skb":{"addr":"18446612682130964992","head":"18446612682130966528"},"dev":{"name":"eth0","ifindex":2,"type":1},"packet":{"len":84,"at":"network","data":"RQAAVA=="}}
	// {"type":"end","ts":6000000000,"events":1,"links":0,"frees":0,"lost":0,"cause":"count"}
}

// printJSON prints a stream, one record a line.
func printJSON(stream io.Reader) {
	for d := format.NewDecoder(stream); ; {
		r, err := d.Next()
		if err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		line, err := format.AppendJSON(nil, r)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", line)
	}
}

// This filter hands on the events of one device and puts a section of its own into each: how many ns after the
// start it came. What it does not know it passes on as it is.
func Example_filtering() {
	in, err := os.Open("../testdata/traffic-6.12.skb") // or os.Stdin
	if err != nil {
		log.Fatal(err)
	}
	var stream bytes.Buffer // or os.Stdout
	out := format.NewEncoder(&stream)
	var kept format.Kept // so that the ends count what is left
	var began, all, left uint64
	for d := format.NewDecoder(in); ; {
		r, err := d.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		kept.Took(r)
		switch r.Type() {
		case format.TypeStart:
			began, _ = r.Time()
		case format.TypeEvent:
			all++
			if name, _ := r.Get("dev", "name").Str(); string(name) != "vlan-a" {
				continue
			}
			left++
			ts, _ := r.Time()
			section := wire.AppendMap(nil, 1)
			section = wire.AppendUint(wire.AppendStr(section, "after"), ts-began)
			r = wire.Splice(nil, r, "mine", section)
		}
		if err := out.WriteRaw(kept.Gives(r)); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}

	var whole format.Checker
	for d := format.NewDecoder(&stream); ; {
		r, err := d.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		if err := whole.Take(r, d.Offset()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%d of %d events are left\n", left, all)
	if err := whole.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 5 of 145 events are left
}

// Splice changes one key of a record and leaves all other bytes as they are.
func ExampleSplice() {
	r, err := format.FromJSON(nil, []byte(`{"type":"event","ts":5,"cpu":1,"probe":"ip_rcv","weather":{"rain":true}}`))
	if err != nil {
		log.Fatal(err)
	}
	r = wire.Splice(nil, r, "cpu", wire.AppendUint(nil, 3))     // in its place
	r = wire.Splice(nil, r, "caller", wire.AppendStr(nil, "x")) // at the end
	r = wire.Remove(nil, r, "weather")
	line, _ := format.AppendJSON(nil, r)
	fmt.Printf("%s\n", line)
	// Output:
	// {"type":"event","ts":5,"cpu":3,"probe":"ip_rcv","caller":"x"}
}

// A Finder looks for the same paths in record after record.
func ExampleFinder() {
	in, err := os.Open("../testdata/traffic-6.12.skb")
	if err != nil {
		log.Fatal(err)
	}
	const device, length = 0, 1
	f := format.NewFinder("dev.name", "skb.len")
	d := format.NewDecoder(in)
	d.Valid = f.Find // finds and checks in one step
	bytes := map[string]uint64{}
	for {
		_, err := d.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			log.Fatal(err)
		}
		name, ok := f.Str(device)
		n, known := f.Uint(length)
		if ok && known {
			bytes[string(name)] += n
		}
	}
	fmt.Println(bytes)
	// Output:
	// map[veth-a:15626 veth-b:19611 vlan-a:352 vlan-b:288]
}

// A line of JSON becomes the record that it was made of. Integers that a double can't hold are strings there.
func ExampleAppendJSON() {
	event := format.Event{TS: 1, Probe: "ip_rcv"}
	event.Skb.Set(format.SkbAddr, 0xffff888003a1c200)
	record := event.AppendMsgpack(nil)
	line, err := format.AppendJSON(nil, record)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", line)
	back, err := format.FromJSON(nil, line)
	fmt.Println(bytes.Equal(back, record), err)
	// Output:
	// {"type":"event","ts":1,"cpu":0,"probe":"ip_rcv","skb":{"addr":"18446612682130964992"}}
	// true <nil>
}

// What FORMAT.md says of a key is data.
func ExampleEventKey() {
	for _, path := range []string{"sock.backlog", "ct.mark", "packet.len", "sock.mood"} {
		k, ok := format.EventKey(path)
		if !ok {
			fmt.Println(path, "is not known")
			continue
		}
		absent := k.Absent
		if absent == "" {
			absent = "never"
		}
		fmt.Printf("%s is %s, absent: %s\n", path, k.What, absent)
	}
	// Output:
	// sock.backlog is connections that wait to be accepted (`sk_ack_backlog`), absent: the state is not `LISTEN`
	// ct.mark is the connection's mark, absent: 0
	// packet.len is bytes of the packet from where `data` begins, kept or not, absent: never
	// sock.mood is not known
}

// A record as values that any program can look into.
func ExampleRaw_Any() {
	event := format.Event{TS: 1, Probe: "ip_rcv", Dev: format.Dev{Name: "eth0", Ifindex: 2, Type: 1}}
	m, err := format.Raw(event.AppendMsgpack(nil)).Any()
	fmt.Println(m["dev"], err)
	// Output:
	// map[ifindex:2 name:eth0 type:1] <nil>
}

// msgpack/v5 writes and reads records, also within something else.
func Example_msgpack() {
	type report struct {
		Seen  string
		Event *format.Event
	}
	b, err := msgpack.Marshal(report{"today", &format.Event{TS: 1, Probe: "ip_rcv"}})
	if err != nil {
		log.Fatal(err)
	}
	var back report
	err = msgpack.Unmarshal(b, &back)
	fmt.Println(back.Seen, back.Event.Probe, err)
	// Output:
	// today ip_rcv <nil>
}
