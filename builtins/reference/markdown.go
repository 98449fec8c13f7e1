package reference

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Pages are the reference's files, by name.
func (r *Reference) Pages() map[string][]byte {
	pages := map[string][]byte{}
	page := func(name string, write func(w io.Writer)) {
		var b bytes.Buffer
		write(&b)
		pages[name] = b.Bytes()
	}
	page("README.md", r.index)
	for _, f := range r.families {
		page(f.Name+".md", func(w io.Writer) { r.family(w, f) })
	}
	for _, p := range r.providers {
		page(providerPage(p), func(w io.Writer) { provider(w, p) })
	}
	page("cloudlark.pyi", r.Stubs)
	return pages
}

func providerPage(p *drivers.Provider) string {
	return "driver-" + p.Name + "-" + p.Family.Name + ".md"
}

// Markdown writes operations, each a section.
func (r *Reference) Markdown(w io.Writer, ops []*op.Op) {
	for _, o := range ops {
		r.section(w, o)
	}
}

func (r *Reference) index(w io.Writer) {
	fmt.Fprint(w, "# Reference\n\nMade from the operation table: `go generate ./...` writes these pages anew.\n\n")
	for _, f := range r.families {
		fmt.Fprintf(w, "- [%s](%s.md): %s\n", f.Title, f.Name, f.Doc)
	}
	fmt.Fprint(w, "\nEditors that know Python stubs can use [cloudlark.pyi](cloudlark.pyi).\n\n## Drivers\n\n")
	for _, p := range r.providers {
		fmt.Fprintf(w, "- [%s](%s), %s: %s\n", p.Name, providerPage(p), p.Family.Name, p.Title)
	}
	fmt.Fprint(w, "\n## What each can do\n")
	for _, f := range r.families {
		var of []*drivers.Provider
		for _, p := range r.providers {
			if p.Family == f {
				of = append(of, p)
			}
		}
		fmt.Fprintf(w, "\n| %s |", f.Name)
		for _, p := range of {
			fmt.Fprintf(w, " %s |", p.Name)
		}
		fmt.Fprint(w, "\n| --- |"+strings.Repeat(" --- |", len(of))+"\n")
		for _, o := range f.Ops {
			fmt.Fprintf(w, "| [%s](%s.md#%s) |", o.Name, f.Name, o.Name)
			for _, p := range of {
				mark := "no"
				if p.Offers(o) {
					mark = "yes"
				}
				fmt.Fprintf(w, " %s |", mark)
			}
			fmt.Fprintln(w)
		}
	}
}

func (r *Reference) family(w io.Writer, f *op.Family) {
	fmt.Fprintf(w, "# %s\n\n%s In a script: `cloud = %s.driver(\"…\")`, and then `cloud.%s(…)`.\n\n", f.Title, f.Doc, f.Name, f.Ops[0].Name)
	fmt.Fprint(w, "## Operations\n\n")
	r.Markdown(w, f.Ops)
	fmt.Fprint(w, "## Values\n\n")
	for _, t := range values(f) {
		fmt.Fprintf(w, "### %s\n\n", t.Name)
		if m := f.Methods(t.Name); len(m) > 0 {
			var links []string
			for _, name := range slices.Sorted(maps.Keys(m)) {
				links = append(links, fmt.Sprintf("[%s](#%s)", name, m[name].Name))
			}
			if t.Field("state") != nil && m["refresh"] != nil {
				links = append(links, "wait("+strings.Join(append(t.Waitable(), "timeout"), ", ")+")")
			}
			fmt.Fprintf(w, "Methods: %s.\n\n", strings.Join(links, ", "))
		}
		fields(w, t)
	}
}

func (r *Reference) section(w io.Writer, o *op.Op) {
	fmt.Fprintf(w, "### %s\n\n%s\n\n", o.Name, o.Doc)
	fmt.Fprintf(w, "Answers with %s. It %s.", result(o), effect(o))
	if o.Receiver != "" {
		fmt.Fprintf(w, " Also `%s.%s(…)`.", o.Receiver, o.Method)
	}
	fmt.Fprintf(w, " Drivers: %s.\n\n", strings.Join(r.having(o), ", "))
	if len(o.In().Fields) > 0 {
		fields(w, o.In())
	}
}

func fields(w io.Writer, t *op.Type) {
	fmt.Fprint(w, "| name | type | meaning | called |\n| --- | --- | --- | --- |\n")
	for i := range t.Fields {
		f := &t.Fields[i]
		help := f.Help
		if n := notes(f); n != "" {
			help += " *" + n + "*"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", f.Name, f.TypeName(), cell(help), cell(f.Source))
	}
	fmt.Fprintln(w)
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func provider(w io.Writer, p *drivers.Provider) {
	fmt.Fprintf(w, "# %s\n\n`%s.driver(\"%s\")`", p.Title, p.Family.Name, p.Name)
	if p.Website != "" {
		fmt.Fprintf(w, ", %s", p.Website)
	}
	fmt.Fprint(w, "\n\n")
	if p.Doc != "" {
		fmt.Fprintf(w, "%s\n\n", strings.TrimSpace(p.Doc))
	}
	fmt.Fprint(w, "## Configuration\n\n")
	fields(w, p.Config)
	if len(p.Extras) > 0 {
		fmt.Fprint(w, "## What extra takes\n\n")
		for _, name := range slices.Sorted(maps.Keys(p.Extras)) {
			fmt.Fprintf(w, "### %s\n\n", name)
			fields(w, op.TypeOf(reflect.TypeOf(p.Extras[name])))
		}
	}
	var lacks []string
	for _, o := range p.Family.Ops {
		if !p.Offers(o) {
			reason := p.Missing[o.Name]
			if reason != "" {
				reason = ": " + reason
			}
			lacks = append(lacks, fmt.Sprintf("- %s%s\n", o.Name, reason))
		}
	}
	if len(lacks) == 0 {
		fmt.Fprintf(w, "It has every operation of %s.\n", p.Family.Name)
		return
	}
	fmt.Fprintf(w, "## What it lacks\n\n%s", strings.Join(lacks, ""))
}
