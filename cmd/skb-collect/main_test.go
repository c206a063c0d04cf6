//go:build linux && (amd64 || arm64)

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"skb-collect": main}) }

// TestScripts is of what skb-collect says before it looks at the kernel; the rest is in test/kernel.
func TestScripts(t *testing.T) { testscript.Run(t, testscript.Params{Dir: "testdata/script"}) }
