package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// rustFiles are the Rust sources that follow from the contracts, by path: a
// module for each family, and the one that lists them.
func rustFiles(families []*op.Family) map[string]string {
	const dir = "wasm-drivers/sdk/rust/src/contracts"
	const mark = "// Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.\n\n"
	files := map[string]string{}
	var all strings.Builder
	all.WriteString(mark + "//! The contracts: what the operations of each family take and answer with.\n\n")
	for _, f := range families {
		w := &rustWriter{named: map[string]bool{}}
		w.family(f)
		files[dir+"/"+f.Name+".rs"] = mark + w.b.String()
		fmt.Fprintf(&all, "pub mod %s;\n", f.Name)
	}
	files[dir+".rs"] = all.String()
	return files
}

// rustWriter writes one family's module.
type rustWriter struct {
	b       strings.Builder
	pending []reflect.Type
	named   map[string]bool
}

func (w *rustWriter) family(f *op.Family) {
	fmt.Fprintf(&w.b, "//! %s: %s\n\n", f.Title, f.Doc)
	w.b.WriteString("use std::collections::BTreeMap;\n\nuse serde::{Deserialize, Serialize};\nuse serde_json::{Map, Value};\n\nuse crate::wire;\nuse crate::{Operation, Page, Shape, Stream};\n")
	for _, o := range f.Ops {
		in := w.use(o.In().Go)
		out, shape := "()", "Do"
		if o.Out() != nil {
			out, shape = w.use(o.Out().Go), "Call"
		}
		switch {
		case o.Shape == op.ShapeList || o.Shape == op.ShapeStream:
			out, shape = "Page<"+out+">", "List"
		case o.Many():
			out = "Vec<" + out + ">"
		}
		fmt.Fprintf(&w.b, "\nimpl Operation for %s {\n    const FAMILY: &'static str = %q;\n    const NAME: &'static str = %q;\n    const SHAPE: Shape = Shape::%s;\n    type Output = %s;\n}\n",
			in, f.Name, o.Name, shape, out)
	}
	for len(w.pending) > 0 {
		t := w.pending[0]
		w.pending = w.pending[1:]
		if t.Kind() == reflect.String {
			w.words(t)
		} else {
			w.record(t, f)
		}
	}
	// Not every family uses all of them.
	text := w.b.String()
	for use, sign := range map[string]string{"use std::collections::BTreeMap;\n\n": "BTreeMap<", "use serde_json::{Map, Value};\n": "Map<"} {
		if strings.Count(text, sign) == 0 {
			text = strings.Replace(text, use, "", 1)
		}
	}
	if !strings.Contains(text, "Option<Stream>") {
		text = strings.Replace(text, "Shape, Stream}", "Shape}", 1)
	}
	w.b.Reset()
	w.b.WriteString(text)
}

// use returns a type's name, and has it declared.
func (w *rustWriter) use(t reflect.Type) string {
	if !w.named[t.Name()] {
		w.named[t.Name()] = true
		w.pending = append(w.pending, t)
	}
	return t.Name()
}

// words declares an enumeration.
func (w *rustWriter) words(t reflect.Type) {
	fmt.Fprintf(&w.b, "\n#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]\npub enum %s {\n", t.Name())
	for _, word := range reflect.Zero(t).Interface().(interface{ Values() []string }).Values() {
		fmt.Fprintf(&w.b, "    #[serde(rename = %q)]\n    %s,\n", word, rustVariant(word))
	}
	w.b.WriteString("}\n")
}

func (w *rustWriter) record(t reflect.Type, f *op.Family) {
	fmt.Fprintf(&w.b, "\n%s#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]\n#[serde(default)]\npub struct %s {\n", rustDoc("", rustPurpose(t, f)), t.Name())
	for _, x := range op.TypeOf(t).Fields {
		help := x.Help
		if x.Unit != "" {
			help += " In " + x.Unit + "."
		}
		w.b.WriteString(rustDoc("    ", help))
		of, attribute := w.field(x)
		if attribute != "" {
			fmt.Fprintf(&w.b, "    #[serde(%s)]\n", attribute)
		}
		fmt.Fprintf(&w.b, "    pub %s: %s,\n", rustName(x.Name), of)
	}
	w.b.WriteString("}\n")
}

// rustPurpose says what a struct is for: an operation's input says which.
func rustPurpose(t reflect.Type, f *op.Family) string {
	for _, o := range f.Ops {
		if o.In().Go == t {
			return "Takes " + o.Name + ". " + o.Doc
		}
	}
	return ""
}

// field is a field's type, and how serde is to treat it.
func (w *rustWriter) field(x op.Field) (of, attribute string) {
	const (
		optional = `skip_serializing_if = "Option::is_none"`
		orEmpty  = `deserialize_with = "wire::or_default"`
	)
	switch {
	case x.IsStream():
		return "Option<Stream>", optional
	case x.Enum != nil && x.Go.Kind() == reflect.String:
		return "Option<" + w.rustType(x.Go) + ">", optional + `, deserialize_with = "wire::word"`
	case x.Go.String() == "time.Time":
		return "Option<String>", optional
	}
	of = w.rustType(x.Go)
	switch {
	case strings.HasPrefix(of, "Option<"):
		return of, optional
	case of == "String" || of == "i64" || of == "f64" || of == "bool":
		return of, ""
	}
	return of, orEmpty
}

func (w *rustWriter) rustType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return "Option<" + w.rustType(t.Elem()) + ">"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "String" // base64
		}
		return "Vec<" + w.rustType(t.Elem()) + ">"
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return "Map<String, Value>"
		}
		return "BTreeMap<String, " + w.rustType(t.Elem()) + ">"
	case reflect.Struct:
		return w.use(t)
	case reflect.Bool:
		return "bool"
	case reflect.Float64, reflect.Float32:
		return "f64"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "i64"
	case reflect.Interface:
		return "Value"
	case reflect.String:
		if _, ok := reflect.Zero(t).Interface().(interface{ Values() []string }); ok {
			if t.PkgPath() == reflect.TypeFor[op.Kind]().PkgPath() {
				return "crate::Kind"
			}
			return w.use(t)
		}
	}
	return "String"
}

func rustDoc(indent, text string) string {
	if text == "" {
		return ""
	}
	return indent + "/// " + strings.ReplaceAll(text, "\n", "\n"+indent+"/// ") + "\n"
}

func rustName(name string) string {
	if slices.Contains([]string{"type", "ref", "match", "move", "self", "use", "where", "in", "loop"}, name) {
		return "r#" + name
	}
	return name
}

// rustVariant is a word as the name of a variant: round_robin is RoundRobin.
func rustVariant(word string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(word, func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	if s := b.String(); s != "" && (s[0] < '0' || s[0] > '9') {
		return s
	}
	return "Word" + b.String()
}
