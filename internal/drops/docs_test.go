package drops

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The table of reasons in docs/drops.md is what --explain says.
func TestDocs(t *testing.T) {
	const path = "../../docs/drops.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), "-update -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatal("the place of the table is gone")
	}
	var b strings.Builder
	b.WriteString("| reason | severity | meaning |\n|---|---|---|\n")
	for _, r := range Reasons() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.Name, r.Severity, r.Meaning)
	}
	want := before + "-update -->\n" + b.String() + "<!-- end -->" + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(page) {
		t.Error("docs/drops.md does not have the reasons as they are now (-update writes them)")
	}
}
