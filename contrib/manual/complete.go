//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// The functions that find values on the machine: bash and zsh run the same ones, and fish too, by sh. Each prints
// words, one a line.
//
// The names of 50,000 probes are kept in $XDG_CACHE_HOME for a day, by kernel, since to list them takes a second, and
// privileges: so a name that a root shell has found is not known to others. They are kept only in a folder that nobody
// but the shell's user can exchange: with sudo, $HOME can be another user's, who may have put a link there.
const finders = `
__skb_probes() {
	local dir="${XDG_CACHE_HOME:-$HOME/.cache}/skb-tools" own="${XDG_CACHE_HOME:-$HOME}" file new
	file=$dir/probes-$(uname -r)
	[ -d "$own" ] || own=${own%/*}
	if ! { [ -O "$own" ] && mkdir -p "$dir" 2>/dev/null && [ -O "$dir" ] && [ ! -L "$dir" ]; }; then
		skb-collect --list 2>/dev/null
	elif [ -n "$(find "$file" -mtime -1 -size +0 2>/dev/null)" ]; then
		cat "$file" 2>/dev/null
	elif new=$(mktemp "$dir/new-XXXXXX" 2>/dev/null); then
		trap 'rm -f "$new"; exit 1' HUP INT TERM
		skb-collect --list >"$new" 2>/dev/null && mv -f "$new" "$file" 2>/dev/null
		rm -f "$new"
		cat "$file" 2>/dev/null
	else
		skb-collect --list 2>/dev/null
	fi | case $1 in
	ret:*) sed -n '/:/!s/^/ret:/p' ;;
	*) cat ;;
	esac
}
__skb_words() { while [ $# -gt 1 ]; do echo "$1"; shift; done; }
__skb_devices() { ls /sys/class/net 2>/dev/null; }
__skb_namespaces() { ls /run/netns 2>/dev/null; }
__skb_profiles() { skb-collect --profile list 2>/dev/null | cut -d' ' -f1; }
__skb_sections() { skb-collect --with list 2>/dev/null | sed -n '/(always)/d;s/^\([a-z]\{1,\}\) .*/\1/p'; echo all; }
__skb_modules() { cut -d' ' -f1 /proc/modules 2>/dev/null; }
`

// found are the flags whose values a finder knows, by name.
var found = map[string]string{"probe": "__skb_probes", "try": "__skb_probes", "ifname": "__skb_devices",
	"netns":   "__skb_namespaces",
	"profile": "__skb_profiles", "with": "__skb_sections", "modules": "__skb_modules"}

// words are what a flag's value may be, where only these are.
func words(f *kong.Flag) []string {
	if f.Enum != "" {
		return strings.Split(f.Enum, ",")
	}
	if f.Name == "fail-if" {
		return []string{"normal", "suspect", "fault"}
	}
	return nil
}

// kind says what completes a flag's value: = and words, the name of a finder, "file", "dir", "any", or "" for a
// flag without one.
func kind(f *kong.Flag) string {
	switch {
	case pipe.ValueOf(f) == "":
		return ""
	case words(f) != nil && f.IsSlice():
		return "__skb_words " + strings.Join(words(f), " ")
	case words(f) != nil:
		return "=" + strings.Join(words(f), " ")
	case found[f.Name] != "":
		return found[f.Name]
	case f.Name == "temp-dir":
		return "dir"
	case strings.HasPrefix(pipe.ValueOf(f), "FILE"):
		return "file"
	}
	return "any"
}

func (p *program) flags() (flags []*kong.Flag) {
	for _, g := range pipe.Groups {
		flags = append(flags, pipe.FlagsOf(p.app, g.Key)...)
	}
	return flags
}

// bash is its completion: a function that knows the flags, and one for all programs that does the rest.
func (p *program) bash() string {
	var names, cases []string
	for _, f := range p.flags() {
		k := kind(f)
		equals := ""
		if k != "" {
			equals = "="
		}
		names = append(names, "--"+f.Name+equals)
		pattern := "--" + f.Name
		if f.Short != 0 {
			names = append(names, fmt.Sprintf("-%c", f.Short))
			pattern += fmt.Sprintf("|-%c", f.Short)
		}
		if k != "" {
			cases = append(cases, fmt.Sprintf("\t%s) echo '%s' ;;", pattern, k))
		}
	}
	rest := "file"
	if p.name == "skb-collect" {
		rest = "any"
	}
	function := "_" + strings.ReplaceAll(p.name, "-", "_")
	return "# Completion of " + p.name + " in bash. Made by contrib/manual.\n" + finders + `
# The word before the cursor as it was typed: bash parts words at = and :, and replaces the last part.
__skb_complete() {
	local line=${COMP_LINE:0:COMP_POINT} cur=${COMP_WORDS[COMP_CWORD]} rest=$3 i
	local word=${line##*[[:space:]]} before flag='' value kind prefix='' list='' w
	case $cur in =|:) cur= ;; esac
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i]}" = -- ]; then # a command
			compopt -o filenames 2>/dev/null # that is, quote them
			mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
			return
		fi
	done
	before=${line%"$word"}
	before=${before%"${before##*[![:space:]]}"}
	before=${before##*[[:space:]]}
	value=$word
	case $word in
	--*=*) flag=${word%%=*} value=${word#*=} ;;
	-*)
		mapfile -t COMPREPLY < <(compgen -W "$2" -- "$word")
		[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} = *= ]] && compopt -o nospace 2>/dev/null
		return
		;;
	*) case $before in -*) flag=$before ;; esac ;;
	esac
	kind=$("$1" "$flag")
	[ -n "$kind" ] || kind=$rest
	case $kind in
	any) return ;;
	file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$value"); return ;;
	dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$value"); return ;;
	=*) list=${kind#=} list=${list// /$'\n'} ;;
	esac
	case $value in *,*) prefix=${value%,*}, value=${value##*,} ;; esac
	if [ -z "$list" ]; then
		list=$($kind "$value")
	fi
	# Not compgen -W, which runs what looks like a command: a device may be called $(reboot).
	while IFS= read -r w; do
		[[ -n $w && $w = "$value"* ]] || continue
		printf -v w %q "$w"
		COMPREPLY+=("$prefix$w")
	done <<<"$list"
	local typed=$prefix$value
	typed=${typed%"$cur"}
	COMPREPLY=("${COMPREPLY[@]#"$typed"}")
}
` + function + `_kind() {
	case $1 in
` + strings.Join(cases, "\n") + `
	esac
}
` + function + `() { __skb_complete ` + function + `_kind '` + strings.Join(names, " ") + `' ` + rest + `; }
complete -F ` + function + ` ` + p.name + "\n"
}

// zsh is its completion.
func (p *program) zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n# Completion of %s in zsh. Made by contrib/manual.\n%s\n", p.name, p.name, finders)
	b.WriteString("__skb_found() {\n\tlocal -a all\n\tcompset -P '*,'\n" +
		"\tall=(${(f)\"$(\"$@\" \"$PREFIX\")\"})\n\tcompadd -S '' -a all\n}\n")
	b.WriteString("_arguments -s -S \\\n")
	quote := strings.NewReplacer(`'`, `'\''`, `[`, `\[`, `]`, `\]`, `:`, `\:`)
	for _, f := range p.flags() {
		action := ""
		switch k := kind(f); {
		case k == "":
		case k == "file":
			action = ":" + f.Name + ":_files"
		case k == "dir":
			action = ":" + f.Name + ":_files -/"
		case k == "any":
			action = ":" + f.Name + ": "
		case k[0] == '=':
			action = ":" + f.Name + ":(" + k[1:] + ")"
		default:
			action = ":" + f.Name + ": __skb_found " + k // the blank: with no arguments but these
		}
		equals, plus := "", ""
		if action != "" {
			equals, plus = "=", "+"
		}
		help := quote.Replace(first(f.Help))
		if f.Short != 0 {
			fmt.Fprintf(&b, "\t'*-%c%s[%s]%s' \\\n", f.Short, plus, help, action)
		}
		fmt.Fprintf(&b, "\t'*--%s%s[%s]%s' \\\n", f.Name, equals, help, action)
	}
	if p.name == "skb-collect" {
		b.WriteString("\t'*::command:_normal'\n")
	} else {
		b.WriteString("\t'*:file:_files'\n")
	}
	return b.String()
}

// fish is its completion.
func (p *program) fish() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Completion of %s in fish. Made by contrib/manual.\n", p.name)
	fmt.Fprintf(&b, "set -g __skb_finders '%s'\n", strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(finders))
	// In a list, what stands before the last comma stays.
	b.WriteString(`function __skb_found
	set -l word (commandline -ct | string replace -r '^--[a-z-]*=' '')
	set -l before (string match -r '.*,' -- $word; or echo)
	for found in (sh -c "$__skb_finders"\n"$argv \"\$1\"" sh (string replace -r '.*,' '' -- $word))
		echo $before$found
	end
end
`)
	if p.name == "skb-collect" {
		fmt.Fprintf(&b, "complete -c %s -f\n", p.name)
		fmt.Fprintf(&b, "complete -c %s -n 'contains -- -- (commandline -opc)' -xa '(__fish_complete_subcommand)'\n", p.name)
	}
	for _, f := range p.flags() {
		fmt.Fprintf(&b, "complete -c %s", p.name)
		if f.Short != 0 {
			fmt.Fprintf(&b, " -s %c", f.Short)
		}
		fmt.Fprintf(&b, " -l %s", f.Name)
		switch k := kind(f); {
		case k == "":
		case k == "file":
			b.WriteString(" -rF")
		case k == "dir":
			b.WriteString(" -xa '(__fish_complete_directories)'")
		case k == "any":
			b.WriteString(" -x")
		case k[0] == '=':
			fmt.Fprintf(&b, " -xa '%s'", k[1:])
		default:
			fmt.Fprintf(&b, " -xa '(__skb_found %s)'", k)
		}
		fmt.Fprintf(&b, " -d '%s'\n", strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(first(f.Help)))
	}
	return b.String()
}

// first is the first sentence of a help, or what is before the first colon.
func first(help string) string {
	help, _, _ = strings.Cut(help, ". ")
	help, _, _ = strings.Cut(help, ": ")
	return strings.TrimSuffix(help, ".")
}
