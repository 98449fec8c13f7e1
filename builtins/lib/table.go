package lib

import (
	"io"
	"strings"
	"time"

	prettytable "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins/guard"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// table(rows, columns=["name", "state"]) prints rows, aligned, under the columns'
// names. A row is a record, a struct, a dict, or a list in the columns' order.
func table(w io.Writer) function {
	return func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var rows, columns starlark.Iterable
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "rows", &rows, "columns?", &columns); err != nil {
			return nil, err
		}
		var names []string
		if columns != nil {
			for c := range starlark.Elements(columns) {
				s, ok := starlark.AsString(c)
				if !ok {
					return nil, op.Errorf(op.InvalidArgument, "table: columns are strings, not %s", c.Type())
				}
				names = append(names, s)
			}
		}
		t := prettytable.NewWriter()
		t.SetStyle(plain)
		n, size := 0, 0
		for row := range starlark.Elements(rows) {
			if names == nil {
				if names = columnsOf(row); names == nil {
					return nil, noRow(row)
				}
			}
			cells := make(prettytable.Row, len(names))
			for i, name := range names {
				v, err := cell(row, i, name)
				if err != nil {
					return nil, err
				}
				if err := guard.Printable(v); err != nil {
					return nil, err
				}
				text := show(v)
				cells[i] = text
				if size += len(text) + 2; size > maxText {
					return nil, op.Errorf(op.InvalidArgument, "table: the table would have more than %d bytes", maxText)
				}
			}
			t.AppendRow(cells)
			if n++; n > guard.Default.Items {
				return nil, op.Errorf(op.InvalidArgument, "table: there are more than %d rows", guard.Default.Items)
			}
		}
		if n == 0 && names == nil {
			return starlark.None, nil
		}
		header := make(prettytable.Row, len(names))
		for i, name := range names {
			header[i] = strings.ToUpper(name)
		}
		t.AppendHeader(header)
		for line := range strings.Lines(t.Render() + "\n") {
			if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
				return nil, err
			}
		}
		return starlark.None, nil
	}
}

// plain has columns and nothing else: it can be cut and searched.
var plain = prettytable.Style{
	Box:     prettytable.BoxStyle{PaddingRight: "  "},
	Format:  prettytable.FormatOptions{Header: text.FormatDefault},
	Options: prettytable.OptionsNoBordersAndSeparators,
}

// columnsOf is what a table shows of rows when it is not told.
func columnsOf(row starlark.Value) []string {
	switch row := row.(type) {
	case starlark.IterableMapping:
		names := []string{}
		for _, item := range row.Items() {
			s, _ := starlark.AsString(item[0])
			names = append(names, s)
		}
		return names
	case interface{ Columns() []string }:
		return row.Columns()
	case starlark.Indexable:
		return nil // a list has attributes, but they are no columns
	case starlark.HasAttrs:
		return row.AttrNames()
	}
	return nil
}

func cell(row starlark.Value, i int, name string) (starlark.Value, error) {
	switch row := row.(type) {
	case starlark.IterableMapping:
		v, ok, err := row.Get(starlark.String(name))
		if !ok || err != nil {
			return starlark.None, err
		}
		return v, nil
	case starlark.Indexable:
		if i < row.Len() {
			return row.Index(i), nil
		}
		return starlark.None, nil
	case starlark.HasAttrs:
		v, err := row.Attr(name)
		if v == nil && err == nil {
			err = op.Errorf(op.InvalidArgument, "table: %s has no attribute %q", row.Type(), name)
		}
		return v, err
	}
	return nil, noRow(row)
}

func noRow(v starlark.Value) error {
	return op.Errorf(op.InvalidArgument, "table: a row is a record, a struct or a dict, or a list where columns are given, not %s", v.Type())
}

// show is a value in a table's cell: lists without brackets, nothing for None.
// What is in a list is written as print writes it, since it may hold the list.
func show(v starlark.Value) string {
	var parts []string
	switch v := v.(type) {
	case *starlark.List:
		for e := range v.Elements() {
			parts = append(parts, inner(e))
		}
	case starlark.Tuple:
		for _, e := range v {
			parts = append(parts, inner(e))
		}
	case *starlark.Set:
		for e := range v.Elements() {
			parts = append(parts, inner(e))
		}
	case *starlark.Dict:
		for k, e := range v.Entries() {
			parts = append(parts, inner(k)+"="+inner(e))
		}
	default:
		return inner(v)
	}
	return strings.Join(parts, " ")
}

func inner(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.NoneType:
		return ""
	case starlark.String:
		return string(v)
	case startime.Time:
		return time.Time(v).UTC().Format(time.RFC3339)
	}
	return v.String()
}
