//go:build linux && (amd64 || arm64)

package kernel

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// sample are types as a kernel has them, of each kind that the walk looks at.
func sample(t *testing.T) []byte {
	t.Helper()
	integer := &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}
	skb := &btf.Struct{Name: "sk_buff", Size: 4, Members: []btf.Member{{Name: "len", Type: integer}}}
	other := &btf.Pointer{Target: &btf.Struct{Name: "sock", Size: 4, Members: []btf.Member{{Name: "x", Type: integer}}}}
	pointer := &btf.Pointer{Target: skb}
	constant := &btf.Typedef{Name: "skb_t", Type: &btf.Const{Type: &btf.Pointer{Target: &btf.Const{Type: skb}}}}
	forward := &btf.Pointer{Target: &btf.Fwd{Name: "sk_buff"}}
	union := &btf.Pointer{Target: &btf.Fwd{Name: "sk_buff", Kind: btf.FwdUnion}}
	data := &btf.Pointer{Target: &btf.Void{}}
	function := func(name string, params ...btf.Type) btf.Type {
		proto := &btf.FuncProto{Return: integer}
		for _, p := range params {
			proto.Params = append(proto.Params, btf.FuncParam{Name: "p", Type: p})
		}
		if strings.HasPrefix(name, "btf_trace_") {
			return &btf.Typedef{Name: name, Type: &btf.Pointer{Target: proto}}
		}
		return &btf.Func{Name: name, Type: proto}
	}
	enum := func(name, value string) btf.Type {
		return &btf.Enum{Name: name, Size: 4, Values: []btf.EnumValue{{Name: value, Value: 1}}}
	}
	b, err := btf.NewBuilder([]btf.Type{
		function("first", pointer, integer), function("third", other, integer, constant), function("none", other), function("nothing"),
		function("pair", pointer, pointer), function("by_forward", forward), function("no_struct", union),
		function("pointer_to_pointer", &btf.Pointer{Target: pointer}), function("itself", skb),
		function("btf_trace_a", data, pointer), function("btf_trace_b", data, other, pointer), function("btf_trace_c", data, other),
		&btf.Array{Type: integer, Index: integer, Nelems: 3}, &btf.Volatile{Type: integer}, &btf.Float{Name: "f", Size: 4},
		enum("skb_drop_reason", "SKB_NOT_DROPPED_YET"), enum("", "SKB_GSO_TCPV4"), enum("x", "SKB_GSO_UDP"),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestScan: the walk over raw types finds what the library's own walk does.
func TestScan(t *testing.T) {
	blobs := map[string][]byte{"sample": sample(t)}
	files, _ := filepath.Glob("../filter/testdata/types-*.btf")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blobs[file] = b
	}
	for file, b := range blobs {
		spec, err := btf.LoadSpecFromReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := indexTypes(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := raw.scan()
		gotFunctions := raw.functions(nil)
		var functions []takesSkb
		var tracepoints []string
		var reasons []*btf.Enum
		types := 0
		for typ, err := range spec.All() {
			if err != nil {
				t.Fatal(err)
			}
			types++
			id, _ := spec.TypeID(typ)
			switch typ := typ.(type) {
			case *btf.Func:
				if arg := skbParam(typ.Type.(*btf.FuncProto).Params); arg >= 0 {
					functions = append(functions, takesSkb{typ.Name, id, arg})
				}
			case *btf.Typedef:
				name, ok := strings.CutPrefix(typ.Name, "btf_trace_")
				if !ok {
					continue
				}
				proto := typ.Type.(*btf.Pointer).Target.(*btf.FuncProto)
				if arg := skbParam(proto.Params[1:]); arg >= 0 {
					tracepoints = append(tracepoints, fmt.Sprint(name, " ", arg, " ", argumentsOf(proto.Params[1:])))
				}
			case *btf.Enum:
				if strings.HasSuffix(typ.Name, "_drop_reason") {
					reasons = append(reasons, typ)
				}
			}
		}
		if n := len(raw.at) + 1; n != types { // void is one, too
			t.Errorf("%s: %d types, the library has %d", file, n, types)
		}
		var gotTracepoints []string
		for _, p := range got.tracepoints {
			gotTracepoints = append(gotTracepoints, fmt.Sprint(p.name, " ", p.arg, " ", p.args))
		}
		if !slices.Equal(gotFunctions, functions) || !slices.Equal(gotTracepoints, tracepoints) || !reflect.DeepEqual(got.reasons, reasons) {
			t.Errorf("%s: got %d functions, %d tracepoints, %d enums of reasons; want %d, %d, %d", file,
				len(gotFunctions), len(got.tracepoints), len(got.reasons), len(functions), len(tracepoints), len(reasons))
		}
		if file != "sample" {
			continue
		}
		var names []string
		for _, f := range gotFunctions {
			names = append(names, fmt.Sprint(f.name, " ", f.arg))
		}
		for _, f := range got.tracepoints {
			names = append(names, fmt.Sprint(f.name, " ", f.arg))
		}
		slices.Sort(names)
		if want := []string{"a 0", "b 1", "by_forward 0", "first 0", "pair 0", "third 2"}; !slices.Equal(names, want) {
			t.Errorf("%q, want %q", names, want)
		}
		if len(got.reasons) != 1 || got.gso == nil || len(got.gso.Values) != 1 {
			t.Errorf("reasons %v, GSO types %v", got.reasons, got.gso)
		}
	}
}

func skbParam(params []btf.FuncParam) int {
	return slices.IndexFunc(params, func(p btf.FuncParam) bool { return pointsTo(p.Type, "sk_buff") })
}

// Every beginning of good types, and types with any byte wrong, is read or refused.
func TestScanCut(t *testing.T) {
	b := sample(t)
	for n := range b {
		if _, err := indexTypes(b[:n], nil); err == nil {
			t.Errorf("%d of %d bytes are types", n, len(b))
		}
	}
	bad := make([]byte, len(b))
	for i := range b {
		copy(bad, b)
		bad[i] ^= 0xff
		if raw, err := indexTypes(bad, nil); err == nil {
			raw.scan()
			raw.functions(nil)
			raw.only(newNameSet("sk_buff", "sock", "skb_t"))
		}
	}
}

// argumentsOf is rawTypes.arguments by the library's types.
func argumentsOf(params []btf.FuncParam) (args []argument) {
	for _, p := range params {
		a := argOther
		switch u := btf.UnderlyingType(p.Type).(type) {
		case *btf.Enum:
			a = argEnum
		case *btf.Int:
			a = argUnsigned
			if u.Encoding == btf.Signed {
				a = argSigned
			}
		case *btf.Pointer:
			if _, ok := u.Target.(*btf.Void); ok {
				a = argAddress
			} else if pointsTo(p.Type, "sock") {
				a = argSock
			} else if pointsTo(p.Type, "net_device") {
				a = argDevice
			} else if pointsTo(p.Type, "netdev_queue") {
				a = argQueue
			}
		}
		args = append(args, a)
	}
	return args
}

// TestOnly: of the types that are kept all is as it was, and their numbers are told.
func TestOnly(t *testing.T) {
	names := map[string]bool{"sk_buff": true, "skb_t": true, "skb_shared_info": true, "net_device": true, "sock": true, "nf_conn": true, "skb_drop_reason": true}
	blobs := map[string][]byte{"sample": sample(t)}
	files, _ := filepath.Glob("../filter/testdata/types-*.btf")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blobs[file] = b
	}
	for file, b := range blobs {
		all, err := btf.LoadSpecFromReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := indexTypes(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		only, numbers := raw.only(newNameSet(slices.Collect(maps.Keys(names))...))
		few, err := btf.LoadSpecFromReader(bytes.NewReader(only))
		if err != nil {
			t.Fatal(err)
		}
		for typ := range all.All() {
			if !names[typ.TypeName()] {
				continue
			}
			if _, ok := typ.(*btf.Func); ok {
				continue
			}
			if _, ok := typ.(*btf.Fwd); ok {
				continue
			}
			id, _ := all.TypeID(typ)
			got, err := few.TypeByID(btf.TypeID(max(0, slices.Index(numbers, uint32(id)))))
			if err != nil || outline(got) != outline(typ) {
				t.Errorf("%s: type %d\n%s\nshould be\n%s", file, id, outline(got), outline(typ))
			}
		}
		if _, err := few.AnyTypesByName("int"); err == nil && file == "sample" {
			var s *btf.Struct
			if few.TypeByName("sk_buff", &s) != nil {
				t.Errorf("%s: no sk_buff", file)
			}
		}
		types := 0
		for range few.All() {
			types++
		}
		if len(numbers) != types {
			t.Errorf("%s: %d types with %d numbers", file, types, len(numbers))
		}
	}
}

// outline is a type with all that lies within it, but not what pointers point to.
func outline(typ btf.Type) string {
	var b strings.Builder
	var write func(typ btf.Type, depth int)
	members := func(kind, name string, size uint32, members []btf.Member, depth int) {
		fmt.Fprintf(&b, "%s %s %d {", kind, name, size)
		for _, m := range members {
			fmt.Fprintf(&b, "%s %d:%d ", m.Name, m.Offset, m.BitfieldSize)
			write(m.Type, depth+1)
			b.WriteString("; ")
		}
		b.WriteString("}")
	}
	write = func(typ btf.Type, depth int) {
		switch typ := typ.(type) {
		case *btf.Struct:
			members("struct", typ.Name, typ.Size, typ.Members, depth)
		case *btf.Union:
			members("union", typ.Name, typ.Size, typ.Members, depth)
		case *btf.Pointer:
			b.WriteString("pointer")
		case *btf.Array:
			fmt.Fprintf(&b, "[%d]", typ.Nelems)
			write(typ.Type, depth+1)
		case *btf.Typedef:
			b.WriteString("typedef " + typ.Name + " ")
			write(typ.Type, depth+1)
		case *btf.Const:
			write(typ.Type, depth+1)
		case *btf.Volatile:
			write(typ.Type, depth+1)
		case *btf.Enum:
			fmt.Fprintf(&b, "enum %s %d %v", typ.Name, typ.Size, typ.Values)
		default:
			fmt.Fprintf(&b, "%v", typ)
		}
	}
	write(typ, 0)
	return b.String()
}
