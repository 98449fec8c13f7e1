package lib

import (
	"io"
	"strings"
	"time"

	prettytable "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"

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
		n := 0
		for row := range starlark.Elements(rows) {
			if names == nil {
				names = columnsOf(row)
			}
			cells := make(prettytable.Row, len(names))
			for i, name := range names {
				v, err := cell(row, i, name)
				if err != nil {
					return nil, err
				}
				cells[i] = show(v)
			}
			t.AppendRow(cells)
			n++
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
		var names []string
		for _, item := range row.Items() {
			s, _ := starlark.AsString(item[0])
			names = append(names, s)
		}
		return names
	case interface{ Columns() []string }:
		return row.Columns()
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
	return nil, op.Errorf(op.InvalidArgument, "table: a row is a record, a struct, a dict or a list, not %s", row.Type())
}

// show is a value in a table's cell: lists without brackets, nothing for None.
func show(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.NoneType:
		return ""
	case starlark.String:
		return string(v)
	case startime.Time:
		return time.Time(v).UTC().Format(time.RFC3339)
	case *starlark.Dict:
		var parts []string
		for _, item := range v.Items() {
			parts = append(parts, show(item[0])+"="+show(item[1]))
		}
		return strings.Join(parts, " ")
	case starlark.Iterable:
		var parts []string
		for e := range starlark.Elements(v) {
			parts = append(parts, show(e))
		}
		return strings.Join(parts, " ")
	}
	return v.String()
}
