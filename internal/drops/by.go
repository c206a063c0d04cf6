package drops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/spell"
)

// eventKeys are the paths into an event, by section, as format/FORMAT.md has them. Others
// may be asked for, as those of a section that another program has written, but not what
// is most likely a misspelling of one of these.
var eventKeys = map[string]string{
	"":        "type ts cpu probe caller stack",
	"process": "pid tgid comm",
	"skb": "addr head id len data_len mac_len protocol pkt_type ip_summed mark priority hash queue vlan_tci vlan_proto " +
		"napi_id tstamp users dataref cloned nr_frags mac_header network_header transport_header",
	"dev":    "name ifindex rx_ifindex type",
	"netns":  "inum cookie",
	"packet": "len at",
	"drop":   "reason name location rx_sk",
	"gso":    "size segs",
	"csum":   "summed sum start offset",
	"ret":    "value skb",
	"sock": "addr family state cookie src sport dst dport ifindex type protocol uid inode cgroup rmem rcvbuf wmem " +
		"sndbuf filter backlog max_backlog",
	"ct":    "state dir addr proto_state zone mark helper",
	"nft":   "type verdict family table chain jump handle",
	"track": "packet branch hop since total by uncertain inferred resent",
}

// parseBy reads the fields after --by.
func parseBy(names []string) ([]*field, error) {
	if len(names) == 0 {
		names = []string{"reason", "location"}
	}
	var fields []*field
	for _, name := range names {
		f, err := parseField(name)
		if err == nil && f.id == fieldPath && isSection(name) {
			err = fmt.Errorf("%s has several values: choose one of them, as %s", name, strings.Join(valuesOf(name), ", "))
		}
		if err == nil && f.id == fieldPath && !isEventKey(name) {
			if near := nearest(name); near != "" {
				err = fmt.Errorf("%q is no field; the nearest is %s", name, near)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("--by: %w", err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// isSection reports whether name is that of a section, which has no value to group by.
func isSection(name string) bool { return name != "" && eventKeys[name] != "" }

// valuesOf are the paths into a section, at most four.
func valuesOf(section string) (paths []string) {
	for key := range strings.FieldsSeq(eventKeys[section]) {
		if len(paths) < 4 {
			paths = append(paths, section+"."+key)
		}
	}
	return paths
}

func isEventKey(name string) bool {
	section, key, deep := strings.Cut(name, ".")
	if !deep {
		section, key = "", name
	}
	return slices.Contains(strings.Fields(eventKeys[section]), key)
}

// nearest gives the field that a name was most likely meant to be; "" if none is like it.
func nearest(name string) string {
	var all []string
	for known := range fieldNames {
		all = append(all, known)
	}
	for section, keys := range eventKeys {
		for key := range strings.FieldsSeq(keys) {
			if section != "" {
				key = section + "." + key
			}
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return spell.Nearest(name, all)
}
