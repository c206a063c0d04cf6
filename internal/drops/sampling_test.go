package drops

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// TestSampling: where one packet in so many was looked at, each drop stands for so many, and counts have an error.
func TestSampling(t *testing.T) {
	const (
		end  = `{"type":"end","ts":2000,"events":2,"links":0,"frees":0,"lost":0,"cause":"signal"}` + "\n"
		held = `{"type":"held","ts":500,"since":200,"count":7,"cause":"limit","probe":"skb:kfree_skb"}` + "\n"
		told = `{"type":"event","ts":300,"cpu":0,"probe":"xdp:xdp_devmap_xmit","process":{"pid":1,"tgid":1,"comm":"x"},` +
			`"drop":{"reason":0,"name":"XDP","location":"xdp"},"bpf":{"kind":"xdp","dropped":3}}` + "\n"
	)
	drop := dropAt(150, "NO_SOCKET", "__udp4_lib_rcv", "udp,10.0.0.1:4000,10.0.0.2:53")
	sampled := strings.Replace(quietHost, `"probes":1,`, `"probes":1,"sample":100,"sample_by":"packet",`, 1)
	byFlow := strings.Replace(sampled, `"packet"`, `"flow"`, 1)
	for name, c := range map[string]struct {
		in   string
		json bool
		want []string // and behind a minus, what is not there
	}{
		// 2 of 1/100: the variance of each is 100*100 - 100.
		"by packet": {sampled + drop + drop + end, false, []string{"about 200 ±141 drops in ", " 200 ±141 ",
			"one packet in 100 was looked at (skb-collect --sample): counts are estimates, ± their standard error\n"}},
		"in JSON":             {sampled + drop + drop + end, true, []string{`"count":200,"error":141,`, `"sample":100,`, "-by_flow"}},
		"by flow":             {byFlow + drop + drop + end, false, []string{"± their standard error, at least: "}},
		"by flow in JSON":     {byFlow + drop + drop + end, true, []string{`"sample":100,"by_flow":true,`}},
		"all packets":         {quietHost + drop + drop + end, false, []string{"2 drops in ", "-about", "-±", "-looked at"}},
		"counted and unknown": {sampled + drop + held + end, false, []string{"about 800 ±282 drops in ", "; 700 of them counted"}},
		"told of several":     {sampled + drop + told + end, false, []string{"about 103 ±100 drops in "}},
		"two hosts": {sampled + drop + end + quietHost + drop + end, false,
			[]string{"about 101 ±100 drops in ", "one packet in 100 or fewer was looked at"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Summary: true, Normal: true}
			o.Part = true
			o.Output = "text"
			if c.json {
				o.Output = "json"
			}
			var out bytes.Buffer
			if err := Run(context.Background(), o, strings.NewReader(c.in), &out, io.Discard); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if not, is := strings.CutPrefix(want, "-"); strings.Contains(out.String(), not) == is {
					t.Errorf("%q in:\n%s", want, out.String())
				}
			}
		})
	}
}
