package read

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// TestPlugin: contrib/wireshark/skb.lua makes a field of each comment, of the type that its value has.
func TestPlugin(t *testing.T) {
	const file = "../../../contrib/wireshark/skb.lua"
	tshark := exec.Command("tshark", "-G", "fields", "-X", "lua_script:"+file)
	tshark.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := tshark.Output()
	if err != nil {
		t.Fatal(err)
	}
	type field struct{ typ, base string }
	fields := map[string]field{}
	for line := range bytes.Lines(out) {
		// F, label, name, type, protocol, base
		if cells := strings.Split(string(line), "\t"); len(cells) > 5 && cells[0] == "F" && cells[4] == "skb" {
			fields[cells[2]] = field{cells[3], cells[5]}
		}
	}
	types := map[format.Form][]string{
		format.FormUint: {"FT_UINT32", "FT_UINT64"}, format.FormUints: {"FT_UINT32", "FT_UINT64"}, format.FormInt: {"FT_INT64"},
		format.FormStr: {"FT_STRING"}, format.FormStrs: {"FT_STRING"}, format.FormBool: {"FT_BOOLEAN"},
	}
	checked := 0
	for path, k := range format.EventPaths() {
		section, _, inside := strings.Cut(path, ".")
		if !inside || k.Form == format.FormMap || !slices.Contains(packet.Sections, section) {
			continue
		}
		checked++
		f, ok := fields["skb."+path]
		if !ok {
			t.Errorf("%s has no field for %s (%s)", file, path, k.What)
			continue
		}
		if !slices.Contains(types[k.Form], f.typ) {
			t.Errorf("skb.%s is %s, and %s is %s", path, f.typ, path, k.Form)
		}
		if (f.base == "BASE_HEX") != k.Unit.Hex() {
			t.Errorf("skb.%s is shown in %s, and its unit is %q", path, f.base, k.Unit)
		}
	}
	if checked < 60 {
		t.Errorf("only %d keys of sections", checked)
	}
	// The other comments have fields of shorter names: the plugin's table has them by their keys.
	plugin, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		key := k.name
		if key = strings.TrimSuffix(key, "."); slices.Contains(packet.Sections, key) {
			continue
		}
		if !bytes.Contains(plugin, []byte("\t"+key+" = {")) && !bytes.Contains(plugin, []byte(`["`+key+`"] =`)) &&
			!bytes.Contains(plugin, []byte(`["`+key+`.`)) {
			t.Errorf("%s has no field for %s=", file, key)
		}
	}
}
