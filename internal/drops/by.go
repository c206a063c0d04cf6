package drops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// eventKeys are the paths into an event whose values are one each, by section. Others may be asked for, as those of a
// section that another program has written, but not what is most likely a misspelling of one of these.
var eventKeys = func() map[string][]string {
	all := map[string][]string{}
	add := func(section string, of *format.Section) {
		for _, k := range of.Keys {
			if k.Form.Scalar() {
				all[section] = append(all[section], k.Name)
			}
		}
	}
	event := format.SectionOf("event")
	add("", event)
	for _, k := range event.Keys {
		switch k.Name {
		case "why", "pcapng": // what this program says itself, and what no kernel said
		default:
			if k.Form == format.FormMap {
				add(k.Name, k.Of)
			}
		}
	}
	return all
}()

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
			return nil, pipe.Usagef("--by: %v", err)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// isSection reports whether name is that of a section, which has no value to group by.
func isSection(name string) bool { return name != "" && eventKeys[name] != nil }

// valuesOf are the paths into a section, at most four.
func valuesOf(section string) (paths []string) {
	for _, key := range eventKeys[section] {
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
	return slices.Contains(eventKeys[section], key)
}

// nearest gives the field that a name was most likely meant to be; "" if none is like it.
func nearest(name string) string {
	var all []string
	for known := range fieldNames {
		all = append(all, known)
	}
	for section, keys := range eventKeys {
		for _, key := range keys {
			if section != "" {
				key = section + "." + key
			}
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return spell.Nearest(name, all)
}
