package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLicenseOf: a module with no licence is told of, and one with a licence that is not allowed alone.
func TestLicenseOf(t *testing.T) {
	mit := "Permission is hereby granted, free of\n  charge, to any person obtaining a copy of this software"
	for _, c := range []struct {
		files map[string]string
		want  string // part of what is wrong
	}{
		{nil, "has no licence"},
		{map[string]string{"README": mit}, "has no licence"},
		{map[string]string{"LICENSE": mit}, ""},
		{map[string]string{"Licence.md": mit}, ""},
		{map[string]string{"COPYING": "GNU GENERAL PUBLIC LICENSE Version 3"}, "(COPYING)"},
		{map[string]string{"COPYING": "GNU GENERAL PUBLIC LICENSE Version 3", "LICENSE": mit}, ""},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if wrong := licenseOf(dir); !strings.Contains(wrong, c.want) || c.want == "" && wrong != "" {
			t.Errorf("%v: %q, want %q", c.files, wrong, c.want)
		}
	}
}
