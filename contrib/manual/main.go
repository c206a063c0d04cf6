//go:build linux && (amd64 || arm64)

// Manual writes the man pages of the programs, and what completes their command lines in bash, zsh and fish, from their
// flags and the texts in text/.
//
//	go run ./contrib/manual man DIR
//	go run ./contrib/manual completions DIR
//	go run ./contrib/manual share DIR
//
// It writes DIR/skb-collect.8 and so on, or DIR/bash/skb-collect, DIR/zsh/_skb-collect and DIR/fish/skb-collect.fish.
// With share it writes both, at their places in /usr/share.
package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/skb-tools/skb-tools/internal/collect"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
)

//go:embed text
var texts embed.FS

// A program is one that has a page.
type program struct {
	name    string
	section int // of the manual
	app     *kong.Application
	manual  *pipe.Manual
}

// programs returns all of them.
func programs() []program {
	all := []program{{name: "skb-collect", section: 8}, {name: "skb-track", section: 1}, {name: "skb-sort", section: 1},
		{name: "skb-drops", section: 1}, {name: "skb-pcap", section: 1}}
	options := []any{&collect.Options{}, &track.Options{}, &sort.Options{}, &drops.Options{}, &pcap.Options{}}
	for i, options := range options {
		all[i].app, all[i].manual = pipe.Describe(all[i].name, options)
	}
	return all
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: manual man|completions|share DIR")
	}
	files := map[string]string{}
	man, bash, zsh, fish := "", "bash", "zsh", "fish"
	switch args[0] {
	case "man", "completions":
	case "share":
		bash, zsh, fish = "bash-completion/completions", "zsh/site-functions", "fish/vendor_completions.d"
	default:
		return fmt.Errorf("%s: man, completions or share", args[0])
	}
	for _, p := range programs() {
		if args[0] != "completions" {
			page, err := p.page()
			if err != nil {
				return err
			}
			if args[0] == "share" {
				man = fmt.Sprintf("man/man%d", p.section)
			}
			files[filepath.Join(man, fmt.Sprintf("%s.%d", p.name, p.section))] = page
		}
		if args[0] != "man" {
			files[filepath.Join(bash, p.name)] = p.bash()
			files[filepath.Join(zsh, "_"+p.name)] = p.zsh()
			files[filepath.Join(fish, p.name+".fish")] = p.fish()
		}
	}
	for name, text := range files {
		path := filepath.Join(args[1], name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // for everybody to read
			return err
		}
	}
	return nil
}
