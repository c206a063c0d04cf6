//go:build linux

package nsnames

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/format"
)

// leastID is how many digits of a container's id are enough to name it.
const leastID = 6

// Resolve finds the network namespace that goes by a name: one of those that text shows, a container's id or its first
// 6 digits or more, a pod's uid, or the host name in a container. found is false if there is none. It is an error if
// there are several. What there is, is found with the first name: a start asks several times for one, and it is the
// same namespace each time.
func Resolve(name string) (inum uint32, found bool, err error) { return resolve(name, foundOnce()) }

var foundOnce = sync.OnceValue(Find)

func resolve(name string, all map[uint32]format.Namespace) (inum uint32, found bool, err error) {
	var fit []uint32
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if ns := all[n]; goesBy(n, &ns, name) {
			fit = append(fit, n)
		}
	}
	switch len(fit) {
	case 0:
		return 0, false, nil
	case 1:
		return fit[0], true, nil
	}
	a, b := all[fit[0]].Name, all[fit[1]].Name
	return 0, false, fmt.Errorf("%d network namespaces go by that, such as %s (%d), %s (%d): give the number of one",
		len(fit), a, fit[0], b, fit[1])
}

func goesBy(inum uint32, n *format.Namespace, name string) bool {
	if name == "" {
		return false
	}
	id := strings.TrimPrefix(name, n.By+":")
	return name == n.Name || name == strings.TrimSuffix(n.Name, numbered(inum)) || name == n.Pod || name == n.Host ||
		n.Container != "" && (id == n.Container || len(id) >= leastID && isHex(id) && strings.HasPrefix(n.Container, id))
}
