package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// zigFiles are the Zig sources that follow from the contracts, by path: a file
// for each family, and the one that lists them.
func zigFiles(families []*op.Family) map[string]string {
	const dir = "wasm-drivers/sdk/zig/src/contracts"
	files := map[string]string{}
	var all strings.Builder
	all.WriteString(zigMark + "//! The contracts: what the operations of each family take and answer with.\n\n")
	for _, f := range families {
		files[dir+"/"+f.Name+".zig"] = zigFamily(f)
		fmt.Fprintf(&all, "pub const %s = @import(\"contracts/%[1]s.zig\");\n", f.Name)
	}
	files[dir+".zig"] = all.String()
	return files
}

const zigMark = "//! Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.\n//!\n"

// zigWriter writes one family's file.
type zigWriter struct {
	b       strings.Builder
	family  *op.Family
	pending []reflect.Type          // to be declared
	named   map[string]reflect.Type // declared, or pending
}

func zigFamily(f *op.Family) string {
	w := &zigWriter{family: f, named: map[string]reflect.Type{}}
	fmt.Fprintf(&w.b, "%s//! %s: %s\n\n", zigMark, f.Title, f.Doc)
	w.b.WriteString("const types = @import(\"../types.zig\");\n\n")
	fmt.Fprintf(&w.b, "/// The family's name in descriptions and calls.\npub const family = %q;\n", f.Name)

	w.b.WriteString("\n/// The family's operations.\npub const Op = enum {\n")
	for _, o := range f.Ops {
		w.doc("    ", o.Doc)
		fmt.Fprintf(&w.b, "    %s,\n", zigName(o.Name))
	}
	w.b.WriteString("};\n\n/// What each operation takes, and what it answers with.\npub const operations = [_]types.Operation{\n")
	for _, o := range f.Ops {
		out := "void"
		if o.Out() != nil {
			out = w.use(o.Out().Go)
		}
		shape := string(o.Shape)
		if o.Shape == op.ShapeCall && o.Many() {
			shape = "many"
		}
		fmt.Fprintf(&w.b, "    .{ .name = %q, .shape = .%s, .In = %s, .Out = %s },\n", o.Name, shape, w.use(o.In().Go), out)
	}
	w.b.WriteString("};\n")

	for len(w.pending) > 0 {
		t := w.pending[0]
		w.pending = w.pending[1:]
		w.declare(t)
	}
	return w.b.String()
}

// use returns the name of a type of the contract, which is declared later.
func (w *zigWriter) use(t reflect.Type) string {
	name := t.Name()
	switch known, ok := w.named[name]; {
	case !ok:
		w.named[name] = t
		w.pending = append(w.pending, t)
	case known != t:
		panic(fmt.Sprintf("gen: %s: two types are called %s: %s and %s", w.family.Name, name, known, t))
	}
	return name
}

func (w *zigWriter) declare(t reflect.Type) {
	w.b.WriteByte('\n')
	if words := wordsOf(t); words != nil {
		fmt.Fprintf(&w.b, "pub const %s = enum {\n", t.Name())
		for _, word := range words {
			fmt.Fprintf(&w.b, "    %s,\n", zigName(word))
		}
		w.b.WriteString("};\n")
		return
	}
	of := op.TypeOf(t)
	if i := slices.IndexFunc(w.family.Ops, func(o *op.Op) bool { return o.In() == of }); i >= 0 {
		w.doc("", "What "+w.family.Ops[i].Name+" takes.")
	}
	if len(of.Fields) == 0 {
		fmt.Fprintf(&w.b, "pub const %s = struct {};\n", t.Name())
		return
	}
	fmt.Fprintf(&w.b, "pub const %s = struct {\n", t.Name())
	for _, f := range of.Fields {
		help := f.Help
		if f.Unit != "" {
			help += " In " + f.Unit + "."
		}
		w.doc("    ", help)
		zig, empty := w.field(f)
		fmt.Fprintf(&w.b, "    %s: %s%s,\n", zigName(f.Name), zig, empty)
	}
	w.b.WriteString("};\n")
}

// field returns a field's type and its default. What a value cannot be without
// has none: an id, a required argument.
func (w *zigWriter) field(f op.Field) (zig, empty string) {
	zig, empty = w.typeOf(f.Go)
	switch {
	case f.Required || f.ID || f.Go.Kind() == reflect.Struct && empty == "":
		return strings.TrimPrefix(zig, "?"), ""
	case f.Default == "":
		return zig, " = " + empty
	case f.Enum != nil:
		return strings.TrimPrefix(zig, "?"), " = ." + zigName(f.Default)
	case zig == "[]const u8":
		return zig, " = " + strconv.Quote(f.Default)
	}
	return strings.TrimPrefix(zig, "?"), " = " + f.Default
}

func (w *zigWriter) typeOf(t reflect.Type) (zig, empty string) {
	switch probe := (&op.Field{Go: t}); {
	case probe.IsStream():
		return "?types.Body", "null"
	case probe.IsSecret():
		return "[]const u8", `""`
	case probe.TypeName() == "time":
		return "?types.Time", "null"
	case t == reflect.TypeFor[op.Kind]():
		return "?types.Kind", "null"
	case wordsOf(t) != nil:
		return "?" + w.use(t), "null"
	}
	switch t.Kind() {
	case reflect.Pointer:
		zig, _ = w.typeOf(t.Elem())
		return "?" + strings.TrimPrefix(zig, "?"), "null"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "types.Bytes", ".{}"
		}
		zig, _ = w.typeOf(t.Elem())
		return "[]const " + strings.TrimPrefix(zig, "?"), "&.{}"
	case reflect.Map:
		zig, _ = w.typeOf(t.Elem())
		return "types.Map(" + zig + ")", ".{}"
	case reflect.Interface:
		return "types.Any", ".{}"
	case reflect.Struct:
		if slices.ContainsFunc(op.TypeOf(t).Fields, func(f op.Field) bool { return f.Required || f.ID }) {
			return w.use(t), ""
		}
		return w.use(t), ".{}"
	case reflect.String:
		return "[]const u8", `""`
	case reflect.Bool:
		return "bool", "false"
	case reflect.Float32, reflect.Float64:
		return "f64", "0"
	case reflect.Int, reflect.Int64, reflect.Int32:
		return "i64", "0"
	}
	panic(fmt.Sprintf("gen: %s: no Zig type for %s", w.family.Name, t))
}

func (w *zigWriter) doc(indent, text string) {
	if text != "" {
		fmt.Fprintf(&w.b, "%s/// %s\n", indent, text)
	}
}

// wordsOf are the words of an enumeration; nil if t is none.
func wordsOf(t reflect.Type) []string {
	if t.Kind() != reflect.String {
		return nil
	}
	if e, ok := reflect.Zero(t).Interface().(interface{ Values() []string }); ok {
		return e.Values()
	}
	return nil
}

var zigKeywords = strings.Fields(`addrspace align allowzero and anyframe anytype asm break callconv catch comptime const continue defer
	else enum errdefer error export extern fn for if inline noalias noinline nosuspend opaque or orelse packed pub resume return
	linksection struct suspend switch test threadlocal try union unreachable usingnamespace var volatile while`)

// zigName is a name as Zig writes it.
func zigName(name string) string {
	plain := !slices.Contains(zigKeywords, name)
	for i, c := range name {
		plain = plain && (c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9')
	}
	if plain {
		return name
	}
	return `@"` + name + `"`
}
