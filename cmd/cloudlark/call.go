package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host"
)

// call is `cloudlark call DRIVER OPERATION [name=value]…`.
func (a *app) call() *cobra.Command {
	var family, out string
	var reveal bool
	c := &cobra.Command{
		Use:   "call DRIVER OPERATION [NAME=VALUE]…",
		Short: "Call one operation",
		Long: `Call one operation of a driver or a connection:

  cloudlark call sim list_nodes state=running
  cloudlark call sim create_node name=web size=sim.small image=debian-12 tags=a=b,c=d
  cloudlark call sim put_object bucket=www name=index.html body=@index.html
  cloudlark call sim read_object bucket=www name=index.html --out index.html

A value is read as the argument's type: 20 and 20GiB, true and false, a,b for lists,
a=b,c=d for dicts, JSON for what is more. body=@FILE sends a file, body=@- standard
input. Secrets are shown with --reveal. With -o json a list is one object a line, as
they come from the provider; what else there is, is one document.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("call: which driver, and which operation? As in: cloudlark call sim list_nodes")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			h, err := a.host(".")
			if err != nil {
				return err
			}
			defer h.Close()
			o, err := operation(h, family, args[0], args[1])
			if err != nil {
				return err
			}
			var files files
			defer files.close()
			named, err := a.arguments(o, args[2:], &files)
			if err != nil {
				return err
			}
			in, err := o.In().Decode(named, nil)
			if err != nil {
				return usage("%s: %s%s", o.Name, op.AsError(err).Message, seeOps(o))
			}
			conn, err := h.Open(c.Context(), o.Family.Name, args[0], nil)
			if err != nil {
				return err
			}
			return a.answer(c.Context(), conn, o, in, out, reveal)
		},
	}
	c.Flags().StringVar(&family, "family", "", "the family, where the driver has the operation in several: compute, storage, lb, container")
	c.Flags().StringVar(&out, "out", "", "the file to write a body to; standard output if not given")
	c.Flags().BoolVar(&reveal, "reveal", false, "show secrets")
	return c
}

func seeOps(o *op.Op) string { return fmt.Sprintf(" (see: cloudlark ops %s)", o) }

// operation finds the row of that name in the families that the driver or connection has.
func operation(h *host.Host, family, driver, name string) (*op.Op, error) {
	var found []*op.Op
	var names []string
	for _, f := range families(h.Providers()) {
		if family != "" && f.Name != family {
			continue
		}
		names = append(names, f.Ops.Names()...)
		if o, err := f.Lookup(name); err == nil {
			found = append(found, o)
		}
	}
	if len(found) > 1 {
		// A driver's name tells the family where only one of them has that driver.
		has := slices.DeleteFunc(slices.Clone(found), func(o *op.Op) bool {
			return !slices.ContainsFunc(h.Providers(), func(p *drivers.Provider) bool { return p.Name == driver && p.Family == o.Family })
		})
		if len(has) > 0 {
			found = has
		}
	}
	switch len(found) {
	case 0:
		return nil, usage("there is no operation %q%s", name, op.DidYouMean(name, names))
	case 1:
		return found[0], nil
	}
	var of []string
	for _, o := range found {
		of = append(of, o.Family.Name)
	}
	return nil, usage("%s is an operation of %s: say which with --family", name, strings.Join(of, " and "))
}

// families lists the families that providers are of, in their order.
func families(providers []*drivers.Provider) []*op.Family {
	var fs []*op.Family
	for _, p := range providers {
		if !slices.Contains(fs, p.Family) {
			fs = append(fs, p.Family)
		}
	}
	return fs
}

// files are those that are open to be sent.
type files []io.Closer

func (fs *files) close() {
	for _, f := range *fs {
		f.Close()
	}
}

// arguments reads name=value.
func (a *app) arguments(o *op.Op, args []string, opened *files) (map[string]any, error) {
	named := map[string]any{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usage("%s: what is %q? An argument is given as name=value%s", o.Name, arg, seeOps(o))
		}
		f := o.In().Field(name)
		if f == nil && o.In().Rest() != nil {
			named[name] = jsonOr(value)
			continue
		}
		if f == nil {
			return nil, usage("%s: there is no argument %q%s%s", o.Name, name, op.DidYouMean(name, o.In().Names()), seeOps(o))
		}
		if file, isFile := strings.CutPrefix(value, "@"); isFile && f.IsStream() {
			if file == "-" {
				named[name] = a.in
				continue
			}
			body, err := os.Open(file)
			if err != nil {
				return nil, usageError{err}
			}
			*opened = append(*opened, body)
			named[name] = body
			continue
		}
		v, err := f.Parse(value)
		if err != nil {
			return nil, usage("%s: %s: %s%s", o.Name, name, op.AsError(err).Message, seeOps(o))
		}
		named[name] = v
	}
	return named, nil
}

// jsonOr is the value that text is as JSON, or the text itself.
func jsonOr(text string) any {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil || d.More() {
		return text
	}
	return v
}

// answer calls the operation and prints what it answers with.
func (a *app) answer(ctx context.Context, conn *drivers.Conn, o *op.Op, in any, out string, reveal bool) error {
	switch o.Shape {
	case op.ShapeList, op.ShapeStream:
		return a.list(ctx, conn, o, in, reveal)
	case op.ShapeDo:
		_, err := conn.Do(ctx, o, in)
		return err
	}
	v, err := conn.Do(ctx, o, in)
	if err != nil {
		return err
	}
	rv := reflect.ValueOf(v)
	if body := bodyOf(rv); body != nil {
		defer body.Close()
		return a.save(body, out)
	}
	if whole := o.Out().Whole(); whole != nil {
		return a.json(a.out, shown(rv.FieldByIndex(whole.Index), reveal))
	}
	if a.flags.output == "json" {
		return a.json(a.out, shown(rv, reveal))
	}
	if rv.Kind() == reflect.Slice {
		return a.rows(o, rv)
	}
	var rows [][]string
	for _, f := range o.Out().Fields {
		fv := rv.FieldByIndex(f.Index)
		if fv.IsZero() {
			continue
		}
		text := cell(fv)
		if reveal && f.IsSecret() {
			text = fv.Interface().(drivers.Secret).Reveal()
		}
		if text != "" {
			rows = append(rows, []string{f.Name, text})
		}
	}
	for _, r := range rows {
		fmt.Fprintf(a.out, "%-16s %s\n", r[0], visible(r[1]))
	}
	return nil
}

// list prints items: a table, or with -o json one item a line as they come.
func (a *app) list(ctx context.Context, conn *drivers.Conn, o *op.Op, in any, reveal bool) error {
	var rows [][]string
	var err error
	fields := columns(o.Out())
	for item, failed := range conn.Items(ctx, o, in) {
		if err = failed; err != nil {
			break
		}
		v := reflect.ValueOf(item).Elem()
		switch {
		case o.Out().Whole() != nil:
			if err := json.NewEncoder(a.out).Encode(shown(v.FieldByIndex(o.Out().Whole().Index), reveal)); err != nil {
				return err
			}
		case a.flags.output == "json":
			if err := json.NewEncoder(a.out).Encode(shown(v, reveal)); err != nil {
				return err
			}
		case o.Shape == op.ShapeStream:
			fmt.Fprintln(a.out, cell(v.FieldByIndex(fields[len(fields)-1].Index)))
		default:
			rows = append(rows, row(fields, v))
		}
	}
	// What came before an error or an interrupt is shown as well.
	if a.flags.output != "json" && o.Shape == op.ShapeList && o.Out().Whole() == nil && (err == nil || len(rows) > 0) {
		a.table(heads(fields), rows)
	}
	return err
}

func (a *app) rows(o *op.Op, slice reflect.Value) error {
	fields := columns(o.Out())
	var rows [][]string
	for i := range slice.Len() {
		rows = append(rows, row(fields, slice.Index(i)))
	}
	a.table(heads(fields), rows)
	return nil
}

func row(fields []*op.Field, v reflect.Value) []string {
	r := make([]string, len(fields))
	for i, f := range fields {
		r[i] = cell(v.FieldByIndex(f.Index))
	}
	return r
}

func heads(fields []*op.Field) []string {
	h := make([]string, len(fields))
	for i, f := range fields {
		h[i] = strings.ToUpper(f.Name)
	}
	return h
}

// bodyOf is the open body in an answer, or nil.
func bodyOf(v reflect.Value) io.ReadCloser {
	if v.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range op.TypeOf(v.Type()).Fields {
		if f.IsStream() {
			body, _ := v.FieldByIndex(f.Index).Interface().(io.ReadCloser)
			return body
		}
	}
	return nil
}

// save writes a body to a file, whole or not at all, or to standard output.
func (a *app) save(body io.Reader, out string) error {
	if out == "" {
		_, err := io.Copy(a.out, body)
		return err
	}
	part := out + ".part"
	f, err := os.Create(part)
	if err != nil {
		return usageError{err}
	}
	_, err = io.Copy(f, body)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, out)
	}
	if err != nil {
		os.Remove(part)
	}
	return err
}

// shown is a value as JSON shows it: with its secrets only if they are revealed.
func shown(v reflect.Value, reveal bool) any {
	switch {
	case !reveal:
		return v.Interface()
	case v.Kind() == reflect.Slice:
		all := make([]any, v.Len())
		for i := range all {
			all[i] = shown(v.Index(i), reveal)
		}
		return all
	case v.Kind() != reflect.Struct:
		return v.Interface()
	}
	m := map[string]any{}
	for _, f := range op.TypeOf(v.Type()).Fields {
		fv := v.FieldByIndex(f.Index)
		if f.IsSecret() {
			m[f.Name] = fv.Interface().(drivers.Secret).Reveal()
			continue
		}
		m[f.Name] = fv.Interface()
	}
	return m
}
