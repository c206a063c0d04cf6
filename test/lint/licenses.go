package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// allowed are the licences of what may be linked into the programs, each with a sentence by which it is known, white
// space apart. All of it can be given away under Apache-2.0 with these texts beside it.
var allowed = map[string]string{
	"Apache-2.0": "Apache License Version 2.0, January 2004",
	"BSD":        "Redistribution and use in source and binary forms",
	"CC0":        "Creative Commons CC0 1.0 Universal",
	"ISC":        "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee",
	"MIT":        "Permission is hereby granted, free of charge, to any person obtaining a copy of this software",
}

// checkLicenses prints which modules that are linked into the programs have no licence, or one that is not allowed, and
// tells whether there are any.
func checkLicenses() (bad bool, err error) {
	cmd := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return false, fmt.Errorf("listing what the programs are made of: %w", err)
	}
	seen := map[string]bool{}
	for list := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := list.Decode(&p); err == io.EOF {
			return bad, nil
		} else if err != nil {
			return false, err
		}
		if p.Module == nil || p.Module.Main || seen[p.Module.Path] {
			continue
		}
		seen[p.Module.Path] = true
		if wrong := licenseOf(p.Module.Dir); wrong != "" {
			bad = true
			fmt.Printf("go.mod: %s %s\n", p.Module.Path, wrong)
		}
	}
}

// licenseOf says what is wrong with a module's licence, "": nothing. One of several is enough: a module may be under
// one or the other, at the user's choice.
func licenseOf(dir string) string {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	there := ""
	for _, file := range files {
		name := strings.ToUpper(file.Name())
		if file.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return err.Error()
		}
		words := strings.Join(strings.Fields(string(text)), " ")
		for _, sentence := range allowed {
			if strings.Contains(words, sentence) {
				return ""
			}
		}
		there = file.Name()
	}
	if there == "" {
		return "has no licence"
	}
	return fmt.Sprintf("has a licence (%s) that is not among those of test/lint/licenses.go", there)
}
