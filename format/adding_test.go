package format

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAddingNamesFiles: docs/adding.md sends nobody to a file that is not there any more.
func TestAddingNamesFiles(t *testing.T) {
	text, err := os.ReadFile("../docs/adding.md")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, m := range regexp.MustCompile("`([\\w.-]+(?:/[\\w.-]+)+)`").FindAllStringSubmatch(string(text), -1) {
		file := m[1]
		if strings.Contains(file, "NAME") || strings.Contains(file, "SUBSYSTEM") || strings.HasSuffix(file, "_X.go") {
			continue
		}
		files++
		if _, err := os.Stat("../" + file); err != nil {
			t.Errorf("docs/adding.md: %v", err)
		}
	}
	if files < 30 {
		t.Errorf("docs/adding.md names only %d files", files)
	}
}
