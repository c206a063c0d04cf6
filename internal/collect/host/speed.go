//go:build linux && (amd64 || arm64)

package host

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// speeds are those of the devices of this network namespace in Mbit/s; nil if none tells.
// A device that is down, and most that are virtual, have none.
func speeds() map[string]uint64 {
	devices, err := net.Interfaces()
	if err != nil {
		return nil
	}
	return speedsIn("/sys/class/net", devices)
}

func speedsIn(sys string, devices []net.Interface) map[string]uint64 {
	all := map[string]uint64{}
	for _, d := range devices {
		// /sys may be that of another namespace, with other devices of the same names.
		index, err := readNumber(filepath.Join(sys, d.Name, "ifindex"))
		if err != nil || index != int64(d.Index) {
			continue
		}
		if speed, err := readNumber(filepath.Join(sys, d.Name, "speed")); err == nil && speed > 0 {
			all[d.Name] = uint64(speed)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func readNumber(file string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}
