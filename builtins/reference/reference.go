// Package reference writes down the operation table for readers: as text, as
// Markdown pages, as JSON Schema, and as stubs for editors. All of it follows
// from the families and the providers, so none of it can be out of date.
package reference

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Reference is about some families and the providers that serve them.
type Reference struct {
	families  []*op.Family
	providers []*drivers.Provider
}

// New returns the reference of the providers' families.
func New(providers []*drivers.Provider) *Reference {
	r := &Reference{providers: providers}
	for _, p := range providers {
		if !slices.Contains(r.families, p.Family) {
			r.families = append(r.families, p.Family)
		}
	}
	return r
}

// Select finds what a name means: a family, "family.operation", an operation
// of any family, or everything for "".
func (r *Reference) Select(name string) ([]*op.Op, error) {
	var all, found []*op.Op
	names := []string{}
	for _, f := range r.families {
		names = append(names, f.Name)
		for _, o := range f.Ops {
			all = append(all, o)
			names = append(names, o.Name, o.String())
			if name == f.Name || name == o.Name || name == o.String() {
				found = append(found, o)
			}
		}
	}
	if name == "" {
		return all, nil
	}
	if found == nil {
		return nil, op.Errorf(op.InvalidArgument, "there is no operation or family %q%s", name, op.DidYouMean(name, names))
	}
	return found, nil
}

// having lists the names of the providers that have the operation.
func (r *Reference) having(o *op.Op) []string {
	var names []string
	for _, p := range r.providers {
		if p.Offers(o) {
			names = append(names, p.Name)
		}
	}
	return names
}

// values lists the types of value that a family's operations answer with, each
// once, with the structs in them behind.
func values(f *op.Family) []*op.Type {
	var types []*op.Type
	var add func(t *op.Type)
	add = func(t *op.Type) {
		if t == nil || slices.Contains(types, t) {
			return
		}
		types = append(types, t)
		for i := range t.Fields {
			add(inner(&t.Fields[i]))
		}
	}
	for _, o := range f.Ops {
		add(o.Out())
	}
	return types
}

// inner is the struct in a field, or nil.
func inner(f *op.Field) *op.Type {
	t := f.Go
	for t.Kind().String() == "slice" || t.Kind().String() == "ptr" {
		t = t.Elem()
	}
	if f.TypeName() == "time" {
		return nil
	}
	return op.TypeOf(t)
}

// result says what an operation answers with.
func result(o *op.Op) string {
	switch {
	case o.Out() == nil:
		return "nothing"
	case o.Shape == op.ShapeList:
		return "a lazy list of " + o.Out().Name
	case o.Shape == op.ShapeStream:
		return "a stream of " + o.Out().Name
	case o.Many():
		return "a list of " + o.Out().Name
	}
	return o.Out().Name
}

// notes are what there is to know of a field beside its type and meaning.
func notes(f *op.Field) string {
	var parts []string
	if f.Required {
		parts = append(parts, "required")
	}
	if f.Default != "" {
		parts = append(parts, "default "+f.Default)
	}
	if len(f.Enum) > 0 {
		parts = append(parts, "one of "+strings.Join(f.Enum, ", "))
	}
	return strings.Join(parts, "; ")
}

// Text writes one line for each operation, or, of a single one, everything.
func (r *Reference) Text(w io.Writer, ops []*op.Op) {
	if len(ops) == 1 {
		r.operation(w, ops[0])
		return
	}
	var family *op.Family
	for _, o := range ops {
		if o.Family != family {
			if family != nil {
				fmt.Fprintln(w)
			}
			family = o.Family
			fmt.Fprintf(w, "%s: %s\n", family.Name, family.Doc)
		}
		fmt.Fprintf(w, "  %-30s %s\n", o.Name, o.Summary())
	}
}

func (r *Reference) operation(w io.Writer, o *op.Op) {
	fmt.Fprintf(w, "%s\n\n%s\n\n", o, o.Doc)
	fmt.Fprintf(w, "Answers with %s. It %s.\n", result(o), effect(o))
	if o.Receiver != "" {
		fmt.Fprintf(w, "Also a method: %s.%s(…)\n", o.Receiver, o.Method)
	}
	fmt.Fprintf(w, "Drivers: %s\n", strings.Join(r.having(o), ", "))
	if len(o.In().Fields) > 0 {
		fmt.Fprintln(w, "\nArguments:")
		for i := range o.In().Fields {
			field(w, &o.In().Fields[i])
		}
	}
	if o.Out() != nil {
		fmt.Fprintf(w, "\n%s:\n", strings.ToUpper(o.Out().Name[:1])+o.Out().Name[1:])
		for i := range o.Out().Fields {
			field(w, &o.Out().Fields[i])
		}
	}
}

func field(w io.Writer, f *op.Field) {
	fmt.Fprintf(w, "  %s: %s\n", f.Name, f.TypeName())
	fmt.Fprintf(w, "      %s\n", f.Help)
	if n := notes(f); n != "" {
		fmt.Fprintf(w, "      %s\n", n)
	}
	if f.Source != "" {
		fmt.Fprintf(w, "      called: %s\n", f.Source)
	}
}

func effect(o *op.Op) string {
	if o.IsJudged() && o.Effect != op.Reads {
		return "does what the call does"
	}
	s := map[op.Effect]string{op.Reads: "changes nothing", op.Creates: "creates something", op.Changes: "changes something", op.Deletes: "deletes something"}[o.Effect]
	if o.Idempotent && o.Effect != op.Reads {
		s += ", and may be repeated"
	}
	return s
}

// Schema is the JSON Schema of operations: of each the input and the output.
func (r *Reference) Schema(ops []*op.Op) any {
	all := map[string]any{}
	for _, o := range ops {
		entry := map[string]any{"description": o.Doc, "effect": o.Effect, "shape": o.Shape, "input": o.In().Schema()}
		if o.Out() != nil {
			entry["output"] = o.Out().Schema()
		}
		all[o.String()] = entry
	}
	return map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "operations": all}
}
