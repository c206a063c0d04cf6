//go:build linux && (amd64 || arm64)

package collect

import (
	"embed"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/skb-tools/skb-tools/internal/spell"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

//go:embed profiles
var shipped embed.FS

// A profile is a file of flags, one a line as they are typed, with the value as it stands
// after the first blank; # begins a comment, and the first one says what it is for.
type profile struct {
	name, about string
	path        string // "" for one that is shipped
	args        []string
}

// profileDirs are where users keep profiles of their own, as the XDG base directory
// specification has it: theirs, then the machine's.
func profileDirs() []string {
	var dirs []string
	if home, err := os.UserConfigDir(); err == nil {
		dirs = append(dirs, home)
	}
	system := os.Getenv("XDG_CONFIG_DIRS")
	if system == "" {
		system = "/etc/xdg"
	}
	dirs = append(dirs, filepath.SplitList(system)...)
	for i := range dirs {
		dirs[i] = filepath.Join(dirs[i], "skb-tools", "profiles")
	}
	return dirs
}

// profiles returns all there are, by name. A user's own comes before one that is shipped.
func profiles() (map[string]profile, error) {
	found := map[string]profile{}
	add := func(from fs.FS, dir string) error {
		entries, err := fs.ReadDir(from, ".")
		if err != nil {
			return nil // there need not be such a folder
		}
		for _, e := range entries {
			name := e.Name()
			if _, known := found[name]; known || e.IsDir() || strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
				continue
			}
			b, err := fs.ReadFile(from, name)
			if err != nil {
				return fmt.Errorf("reading profile %s: %w", filepath.Join(dir, name), err)
			}
			p := profile{name: name}
			if dir != "" {
				p.path = filepath.Join(dir, name)
			}
			p.parse(string(b))
			found[name] = p
		}
		return nil
	}
	for _, dir := range profileDirs() {
		if err := add(os.DirFS(dir), dir); err != nil {
			return nil, err
		}
	}
	ours, err := fs.Sub(shipped, "profiles")
	if err != nil {
		return nil, err
	}
	return found, add(ours, "")
}

func (p *profile) parse(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			if p.about == "" && len(p.args) == 0 {
				p.about = strings.TrimSpace(comment)
			}
			continue
		}
		flag, value, hasValue := strings.Cut(line, " ")
		if flag == "" {
			continue
		}
		p.args = append(p.args, flag)
		if hasValue {
			p.args = append(p.args, strings.TrimSpace(value))
		}
	}
}

// check reports what in a profile is no flag of skb-collect's.
func (p *profile) check() error {
	where := "profile " + p.name
	if p.path != "" {
		where = p.path
	}
	var o Options
	parser, err := kong.New(&o, kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(p.args); err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	if len(o.Profile) > 0 || len(o.Command) > 0 {
		return fmt.Errorf("%s: only flags can be in a profile, and not --profile", where)
	}
	return nil
}

// listProfiles is what --profile takes for the wish to see all.
const listProfiles = "list"

// WithProfiles returns a command line, os.Args, in which the flags of the profiles named by
// --profile stand in front: so what is typed besides adds to them, or overrides.
func WithProfiles(args []string) ([]string, error) {
	names := profileNames(args[1:])
	if len(names) == 0 || slices.Contains(names, listProfiles) {
		return args, nil
	}
	all, err := profiles()
	if err != nil {
		return nil, err
	}
	out := args[:1:1]
	for _, name := range names {
		p, ok := all[name]
		if !ok {
			known := slices.Sorted(maps.Keys(all))
			return nil, fmt.Errorf("--profile %s: there is no such profile%s (--profile list shows all)", name,
				spell.DidYouMean(name, known))
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		out = append(out, p.args...)
	}
	return append(out, args[1:]...), nil
}

// profileNames finds the values of --profile.
func profileNames(args []string) (names []string) {
	for i, a := range args {
		if a == "--" {
			break
		}
		value, ok := strings.CutPrefix(a, "--profile=")
		if a == "--profile" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if ok {
			names = append(names, strings.Split(value, ",")...)
		}
	}
	return names
}

// writeProfiles lists all profiles.
func writeProfiles(w io.Writer) error {
	all, err := profiles()
	if err != nil {
		return err
	}
	t := terminal.NewTable("", "")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		p := all[name]
		about := p.about
		if p.path != "" {
			about += " (" + p.path + ")"
		}
		t.Row(name, about)
	}
	return t.Write(w, 0)
}
