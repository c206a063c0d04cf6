package pipe

import "runtime/debug"

// Version is that of all commands, set by the build, or else what Go knows of their module.
var Version = ""

func init() {
	if Version == "" {
		info, ok := debug.ReadBuildInfo()
		Version = moduleVersion(info, ok)
	}
}

// moduleVersion is the version of the module that was built: v1.2.3 of `go install MODULE@v1.2.3`, one that names
// the commit where git has told it to Go, dev where neither is known.
func moduleVersion(info *debug.BuildInfo, ok bool) string {
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}
