package main

// A function of a C file.
type function struct {
	name   string
	file   string
	line   int
	static bool
	inline bool
	void   bool // it gives nothing back
	body   *statement
	tokens []token // of the body, for who calls whom
}

// functions finds those defined in a file: a name and parentheses before a brace at the
// outermost level.
func functions(file string, ts []token) []*function {
	var all []*function
	start := 0
	for i := 0; i < len(ts); i++ {
		switch ts[i].text {
		case ";":
			start = i + 1
		case "(", "[":
			i = closing(ts, i)
		case "{":
			end := closing(ts, i)
			if f := header(ts[start:i]); f != nil {
				f.file, f.line = file, ts[i].line
				f.tokens = ts[i+1 : max(end, i+1)]
				p := parser{ts: f.tokens}
				f.body = &statement{kind: block, line: f.line, list: p.list()}
				all = append(all, f)
			}
			i = end
			start = i + 1
		}
	}
	return all
}

// Words before a function's name that look like a call.
var attributes = map[string]bool{
	"__attribute__": true, "__printf": true, "__acquires": true, "__releases": true, "__must_hold": true,
	"__aligned": true, "__section": true, "__counted_by": true, "__no_sanitize": true, "context_lock_struct": true,
}

// Macros that define a function named by their first argument.
var defining = map[string]bool{
	"SYSCALL_DEFINE0": true, "SYSCALL_DEFINE1": true, "SYSCALL_DEFINE2": true, "SYSCALL_DEFINE3": true,
	"SYSCALL_DEFINE4": true, "SYSCALL_DEFINE5": true, "SYSCALL_DEFINE6": true,
	"BPF_CALL_0": true, "BPF_CALL_1": true, "BPF_CALL_2": true, "BPF_CALL_3": true, "BPF_CALL_4": true, "BPF_CALL_5": true,
}

func header(ts []token) *function {
	f := &function{}
	for i, t := range ts {
		switch t.text {
		case "=", "struct", "enum", "union":
			if t.text == "=" || i+2 >= len(ts) {
				return nil
			}
		case "static":
			f.static = true
		case "inline", "__always_inline", "INDIRECT_CALLABLE_SCOPE", "TC_INDIRECT_SCOPE":
			f.inline = f.inline || t.text != "INDIRECT_CALLABLE_SCOPE" && t.text != "TC_INDIRECT_SCOPE"
		case "void":
			f.void = f.void || f.name == "" && i+1 < len(ts) && ts[i+1].text != "*"
		case "(":
			if i == 0 || !ts[i-1].isName() || attributes[ts[i-1].text] {
				continue
			}
			f.name = ts[i-1].text
			if defining[f.name] && i+1 < len(ts) {
				f.name = ts[i+1].text
			}
			return f
		}
	}
	return nil
}
