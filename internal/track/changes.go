package track

import (
	"regexp"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// changeNames are what --changed takes, besides names with outer. in front and ip-proto-N:
// groups, keys of track.changed, and tunnels, as FORMAT.md has them.
var changeNames = append(strings.Fields("nat encap decap dev netns cpu mark buffer eth.src eth.dst vlan src dst "+
	"sport dport ttl tos label "+
	"vxlan geneve gre ipip esp ah l2tp wireguard mpls macsec pppoe gtp udp tcp"), idNames[:]...)

// beforeChange is what may stand in front of one of them.
var beforeChange = regexp.MustCompile(`^outer[0-9]*\.`)

// ipProto is a protocol of IP by its number, as track.changed names a tunnel that its bytes don't name.
var ipProto = regexp.MustCompile(`^ip-proto-(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$`)

// checkChange refuses what never is in track.changed: it would select nothing in silence.
func checkChange(name string) error {
	inner := name[len(beforeChange.FindString(name)):]
	if slices.Contains(changeNames, inner) || ipProto.MatchString(name) {
		return nil
	}
	if near := spell.Nearest(inner, changeNames); near != "" {
		return pipe.Usagef("--changed %s: nothing of that name changes; the nearest is %s", escape.String(name),
			strings.TrimSuffix(name, inner)+near)
	}
	return pipe.Usagef("--changed %s: nothing of that name changes; what does is %s", escape.String(name),
		strings.Join(changeNames, ", "))
}
