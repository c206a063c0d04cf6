package drops

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// TestHeld: drops that the kernel counted in the place of their events count like these, in summaries, for --fail-if and
// beside the kernel's own counters.
func TestHeld(t *testing.T) {
	const (
		first   = `{"type":"counters","ts":100,"took":10,"drops":true,"netns":[7]}` + "\n"
		last    = `{"type":"counters","ts":1000,"took":10,"since":100,"before":10,"drops":true,"netns":[7],"grew":[{"name":"UdpNoPorts","source":"snmp","netns":7,"from":5,"to":1006}]}` + "\n"
		drop    = `"drop":{"reason":3,"name":"NO_SOCKET","location":"__udp4_lib_rcv+0x1"},"dev":{"name":"eth0","ifindex":2},"netns":{"inum":7},"skb":{"protocol":2048}}` + "\n"
		counted = `{"type":"held","ts":500,"since":200,"count":1000,"cause":"limit","probe":"skb:kfree_skb",` + drop
		unknown = `{"type":"held","ts":500,"since":200,"count":7,"cause":"limit","probe":"skb:kfree_skb"}` + "\n"
		other   = `{"type":"held","ts":500,"since":200,"count":50,"cause":"limit","probe":"ip_rcv"}` + "\n"
		lookup  = `{"type":"held","ts":500,"since":200,"count":50,"cause":"limit","probe":"ret:ovs_flow_tbl_lookup_stats"}` + "\n"
		upcall  = `{"type":"held","ts":500,"since":200,"count":50,"cause":"limit","probe":"ret:ovs_dp_upcall"}` + "\n"
		meter   = `{"type":"held","ts":500,"since":200,"count":50,"cause":"limit","probe":"ret:ovs_meter_execute"}` + "\n"
		list    = `{"type":"held","ts":500,"since":200,"count":50,"cause":"limit","probe":"do_execute_actions"}` + "\n"
		freed   = `{"type":"free","ts":400,"cpu":0,"how":"dropped","skb":{"id":5},"last":true,"counted":true,` + drop
	)
	const end = `{"type":"end","ts":2000,"events":1,"links":0,"frees":0,"lost":0,"cause":"signal"}` + "\n"
	event := dropAt(150, "NO_SOCKET", "__udp4_lib_rcv", "udp,10.0.0.1:4000,10.0.0.2:53")
	for name, c := range map[string]struct {
		records string
		args    Options
		want    []string // and behind a minus, what is not there
	}{
		"a summary":              {event + counted + other, Options{}, []string{"1001 drops in ", "; 1000 of them counted in the kernel, without an event (skb-collect --limit, --count-drops)"}},
		"by device":              {event + counted, Options{By: []string{"dev.name"}}, []string{" 1000 ", "eth0"}},
		"in JSON":                {event + counted, Options{Options: pipe.Options{Output: "json"}}, []string{`"count":1001,`, `"held":1000,`}},
		"too many different":     {event + unknown, Options{}, []string{"8 drops in ", "7 of them counted", "other"}},
		"beside the counters":    {first + event + counted + last, Options{}, []string{"among the drops above: UdpNoPorts +1001\n", "-besides", "-not counted"}},
		"across a reading":       {first + event + strings.Replace(counted, `"since":200`, `"since":105`, 1) + last, Options{}, []string{"may be among the drops above: UdpNoPorts +1001\n", "-besides"}},
		"unknown ones":           {first + event + unknown + last, Options{}, []string{"-among", "-besides"}},
		"a free of a held event": {event + counted + freed, Options{Frees: true}, []string{"1001 drops"}},
		"other events":           {event + other, Options{}, []string{"1 drop in ", "-counted", "-Open vSwitch"}},
		"lookups":                {event + lookup, Options{}, []string{"1 drop in ", "50 events by which Open vSwitch's drops are known were held back (skb-collect --limit): there may be more drops than this\n"}},
		"lookups in JSON":        {event + lookup, Options{Options: pipe.Options{Output: "json"}}, []string{`"count":1,`, `"held":0,"held_ovs":50}`}},
		"upcalls, meter, lists":  {event + upcall + meter + list, Options{}, []string{"150 events by which"}},
		"upcalls on their way":   {event + strings.Replace(upcall, "ret:", "", 1), Options{}, []string{"-by which"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.args
			o.Summary, o.Normal = true, true
			if o.Output == "" {
				o.Output = "text"
			}
			var out, stderr bytes.Buffer
			in := quietHost + c.records + end
			_ = Run(context.Background(), o, strings.NewReader(strings.Replace(in, `"frees":0`, `"frees":`+strconv.Itoa(strings.Count(in, `"free"`)), 1)), &out, &stderr)
			for _, want := range c.want {
				if unwanted, ok := strings.CutPrefix(want, "-"); ok {
					if strings.Contains(out.String(), unwanted) {
						t.Errorf("has %q:\n%s%s", unwanted, out.String(), stderr.String())
					}
				} else if !strings.Contains(out.String(), want) {
					t.Errorf("has no %q:\n%s%s", want, out.String(), stderr.String())
				}
			}
		})
	}
	// Without a summary they are handed on, and count for --fail-if.
	severity := "normal"
	var out bytes.Buffer
	err := Run(context.Background(), Options{Options: pipe.Options{Output: "json"}, FailIf: &severity}, strings.NewReader(quietHost+event+counted+end), &out, &bytes.Buffer{})
	var seen *SeenError
	if !errors.As(err, &seen) || seen.Count != 1001 || !strings.Contains(out.String(), `"type":"held"`) {
		t.Errorf("%v: %s", err, out.String())
	}
}
