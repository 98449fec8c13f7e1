package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host"
)

// json writes v, indented.
func (a *app) json(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// plain has columns and nothing else: it can be cut and searched.
var plain = table.Style{
	Box:     table.BoxStyle{PaddingRight: "  "},
	Format:  table.FormatOptions{Header: text.FormatDefault},
	Options: table.OptionsNoBordersAndSeparators,
}

// table prints rows under a header, in colour on a terminal.
func (a *app) table(header []string, rows [][]string) {
	t := table.NewWriter()
	style := plain
	if a.colour(a.out) {
		style.Color.Header = text.Colors{text.Bold}
	}
	t.SetStyle(style)
	row := func(cells []string) table.Row {
		r := make(table.Row, len(cells))
		for i, c := range cells {
			r[i] = visible(c)
		}
		return r
	}
	t.AppendHeader(row(header))
	for _, r := range rows {
		t.AppendRow(row(r))
	}
	for line := range strings.Lines(t.Render() + "\n") {
		fmt.Fprintln(a.out, strings.TrimRight(line, " \n"))
	}
}

// colour reports whether w is to have it.
func (a *app) colour(w io.Writer) bool {
	return terminal(w) && !a.flags.noColor && os.Getenv("NO_COLOR") == ""
}

// visible quotes text with characters that move the cursor or command the
// terminal: names and tags are whoever's who made the thing.
func visible(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return strconv.Quote(s)
	}
	return s
}

// columns are the fields of a type that a table shows: what people look for first.
func columns(t *op.Type) []*op.Field {
	first := []string{"id", "name", "state", "size", "location", "public_ips", "private_ips", "vcpus", "ram", "price", "cidr", "ip", "port",
		"protocol", "algorithm", "node", "volume", "image", "content_type", "last_modified", "created_at", "text"}
	var fs []*op.Field
	for _, name := range first {
		if f := t.Field(name); f != nil && len(fs) < 7 {
			fs = append(fs, f)
		}
	}
	if len(fs) == 0 {
		for i := range t.Fields {
			fs = append(fs, &t.Fields[i])
		}
	}
	return fs
}

// cell is a field's value in a table.
func cell(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Time:
		if x.IsZero() {
			return ""
		}
		return x.Format(time.RFC3339)
	case fmt.Stringer:
		return x.String()
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return cell(v.Elem())
	case reflect.Slice:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, cell(v.Index(i)))
		}
		return strings.Join(parts, " ")
	case reflect.Map:
		var parts []string
		for _, k := range v.MapKeys() {
			parts = append(parts, fmt.Sprintf("%v=%s", k, cell(v.MapIndex(k))))
		}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	case reflect.Interface:
		if v.IsNil() {
			return ""
		}
		return cell(v.Elem())
	case reflect.Struct:
		return details(v, " ")
	}
	return fmt.Sprint(v)
}

// details is a struct's fields, those that are set.
func details(v reflect.Value, sep string) string {
	var parts []string
	for _, f := range op.TypeOf(v.Type()).Fields {
		if fv := v.FieldByIndex(f.Index); !fv.IsZero() && !f.IsStream() {
			parts = append(parts, f.Name+"="+cell(fv))
		}
	}
	return strings.Join(parts, sep)
}

// status shows what is being waited for, in one line of the terminal.
type status struct {
	mu    sync.Mutex
	w     io.Writer
	drawn bool
}

const clearLine = "\r\x1b[K"

// progress returns where to show progress, nil where nobody watches.
func (a *app) progress() *status {
	if !terminal(a.err) || a.flags.output == "json" {
		return nil
	}
	return &status{w: a.err}
}

// above is out, whose text takes the status line's place on the same terminal.
func (s *status) above(out io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clear()
		return out.Write(p)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (s *status) clear() {
	if s.drawn {
		io.WriteString(s.w, clearLine)
		s.drawn = false
	}
}

// line shows something else.
func (s *status) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	io.WriteString(s.w, clearLine+visible(text))
	s.drawn = true
}

func (s *status) event(e host.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Done {
		s.clear()
		return
	}
	line := fmt.Sprintf("waiting for %s: %s, %s", e.What, e.State, e.Elapsed.Round(time.Second))
	if e.Kind == "transfer" {
		line = fmt.Sprintf("%s: %d of %d bytes, %s", e.What, e.Bytes, e.Total, e.Elapsed.Round(time.Second))
	}
	io.WriteString(s.w, clearLine+visible(line))
	s.drawn = true
}
