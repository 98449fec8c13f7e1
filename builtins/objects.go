package builtins

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
)

// What moves objects is not one request, so it is no row of the table:
//
//	storage.copy(source, target, …)      storage.sync(source, target, …)
//	bucket.upload(path, prefix = "", …)  bucket.download(path, prefix = "", …)
//	bucket.sync(source, prefix = "", …)  bucket.copy_to(target, prefix = "", …)
//	object.download(path)                object.copy_to(target)    object.lines()
//
// A place is a path, a URL ("s3://docs/2026/"), a bucket or an object. Paths are as
// far as they are granted.

// moveOptions is what all of them take beside the places.
type moveOptions struct {
	Include      []string          `json:"include,omitzero" help:"Only names that match one of these patterns."`
	Exclude      []string          `json:"exclude,omitzero" help:"No names that match one of these patterns."`
	Compare      transfer.Compare  `json:"compare,omitzero" help:"Which of those that are there already are moved."`
	Delete       bool              `json:"delete,omitzero" help:"Delete at the target what is not at the source."`
	DryRun       bool              `json:"dry_run,omitzero" help:"Only say what would be done."`
	IfAbsent     bool              `json:"if_absent,omitzero" help:"An object that is there already is an error."`
	Concurrency  int               `json:"concurrency,omitzero" help:"Requests at once at most."`
	PartSize     int64             `json:"part_size,omitzero" unit:"bytes" help:"The size of parts of large objects."`
	ContentType  string            `json:"content_type,omitzero" help:"The MIME type of what is written."`
	Metadata     map[string]string `json:"metadata,omitzero" help:"The metadata of what is written."`
	StorageClass string            `json:"storage_class,omitzero" help:"The storage class of what is written."`
}

// movers are the methods that move objects, by the type that has them.
var movers = map[string][]string{
	"bucket": {"copy_to", "download", "sync", "upload"},
	"object": {"copy_to", "download", "lines"},
	"":       {"copy", "sync"}, // the family's own
}

// moves reports whether records have methods that move objects.
func (r *record) moves(name string) bool {
	return r.conn != nil && r.conn.conn.Provider.Family == storage.Family && slices.Contains(movers[r.typ.Name], name)
}

// A place is one end of a move.
type place struct {
	transfer.Location
	local, tree bool
	base        string // what a file or an object is called
	close       func()
}

// place opens what v says. name goes behind a bucket or its URL.
func (s *scope) place(builtin string, v starlark.Value, name string, write bool) (place, error) {
	if r, ok := v.(*record); ok && r.conn != nil {
		switch held := r.Held().(type) {
		case *storage.Bucket:
			return place{Location: transfer.Objects(r.conn.conn, held.Name, name), tree: true, close: func() {}}, nil
		case *storage.Object:
			return place{Location: transfer.Objects(r.conn.conn, held.Bucket, held.Name), base: path.Base(held.Name), close: func() {}}, nil
		}
	}
	text, ok := starlark.AsString(v)
	if !ok {
		return place{}, op.Errorf(op.InvalidArgument, "%s: want a path, a URL, a bucket or an object, got %s", builtin, v.Type())
	}
	if u, ok := transfer.ParseURL(text); ok {
		if err := u.NeedBucket(); err != nil {
			return place{}, err
		}
		conn, err := s.Open(s.ctx, storage.Family, u.Connection, nil)
		if err != nil {
			return place{}, err
		}
		p := place{Location: transfer.Objects(conn, u.Bucket, u.Name), tree: u.Name == "" || strings.HasSuffix(u.Name, "/"), base: u.Base(), close: func() {}}
		return p, nil
	}
	open := s.Grants.Reading
	if write {
		open = s.Grants.Writing
	}
	root, rel, err := open(builtin, text)
	if err != nil {
		return place{}, err
	}
	info, err := root.Stat(rel)
	isDir := err == nil && info.IsDir()
	if err != nil && (!write || !errors.Is(err, os.ErrNotExist)) {
		root.Close()
		return place{}, op.Errorf(op.NotFound, "%s: %s: %w", builtin, text, err)
	}
	tree := isDir || strings.HasSuffix(text, "/") || strings.HasSuffix(text, string(filepath.Separator))
	return place{Location: transfer.Files(root, filepath.ToSlash(rel)), local: true, tree: tree, base: filepath.Base(text), close: func() { root.Close() }}, nil
}

// move copies or syncs from one place to another.
func (s *scope) move(builtin string, from, to place, kwargs []starlark.Tuple, sync bool) (starlark.Value, error) {
	s.lasts = true
	named, err := keywords(kwargs)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%s: %w", builtin, err)
	}
	decoded, err := op.TypeOf(reflect.TypeFor[moveOptions]()).Decode(named, nil)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%s: %s", builtin, op.AsError(err).Message)
	}
	o := decoded.(moveOptions)
	if !sync && (o.Delete || o.Compare != "") {
		return nil, op.Errorf(op.InvalidArgument, "%s: delete and compare are for sync", builtin)
	}
	what := from.String() + " to " + to.String()
	e := transfer.New(s.transferOptions(what, o))
	j := transfer.Job{From: from.Location, To: to.Location, Filter: transfer.Filter{Include: o.Include, Exclude: o.Exclude}, Compare: o.Compare, Delete: o.Delete,
		DryRun: o.DryRun, IfAbsent: o.IfAbsent, ContentType: o.ContentType, Metadata: o.Metadata, StorageClass: o.StorageClass}
	tree := from.tree
	if !tree && !from.local {
		// A name may be an object's, or what others begin with, as a folder's.
		if tree, err = e.IsTree(s.ctx, from.Location); err != nil {
			return nil, err
		}
		if tree {
			j.From = j.From.Folder()
		}
	}
	var sum transfer.Summary
	switch {
	case sync && !tree:
		return nil, op.Errorf(op.InvalidArgument, "%s: %s is one object: sync is for what is below a place", builtin, from.Location)
	case sync:
		j.To = j.To.Folder()
		sum, err = e.Sync(s.ctx, j)
	case tree:
		j.To = j.To.Folder()
		sum, err = e.CopyTree(s.ctx, j)
	default:
		if to.tree {
			j.To = j.To.Folder().Join(from.base)
		}
		sum, err = e.Copy(s.ctx, j)
	}
	if err != nil {
		return nil, err
	}
	return value(reflect.ValueOf(sum), nil)
}

func (s *scope) transferOptions(what string, o moveOptions) transfer.Options {
	options := transfer.Options{State: s.Transfers, PartSize: o.PartSize, Concurrency: min(64, s.Limits.Parallel)}
	if o.Concurrency > 0 {
		options.Concurrency = min(o.Concurrency, s.Limits.Parallel)
	}
	if s.Progress != nil {
		options.Progress = func(p transfer.Progress) {
			s.tell(Event{Kind: "transfer", What: what, Bytes: p.Bytes, Total: p.Total, Elapsed: p.Elapsed})
		}
	}
	return options
}

// between is storage.copy and storage.sync.
func between(sync bool) func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		source, target, rest, err := two(b.Name(), args, kwargs, "source", "target")
		if err != nil {
			return nil, err
		}
		s := scopeOf(t)
		from, err := s.place(b.Name(), source, "", false)
		if err != nil {
			return nil, err
		}
		defer from.close()
		to, err := s.place(b.Name(), target, "", true)
		if err != nil {
			return nil, err
		}
		defer to.close()
		defer s.tellEnd(from, to)
		return s.move(b.Name(), from, to, rest, sync)
	}
}

func (s *scope) tellEnd(from, to place) {
	if s.Progress != nil {
		s.tell(Event{Kind: "transfer", What: from.String() + " to " + to.String(), Done: true})
	}
}

// two takes the two arguments that come first, by place or by name.
func two(builtin string, args starlark.Tuple, kwargs []starlark.Tuple, first, second string) (a, b starlark.Value, rest []starlark.Tuple, err error) {
	var own []starlark.Tuple
	for _, kv := range kwargs {
		if name := string(kv[0].(starlark.String)); name == first || name == second {
			own = append(own, kv)
		} else {
			rest = append(rest, kv)
		}
	}
	b = starlark.None
	err = starlark.UnpackArgs(builtin, args, own, first, &a, second+optionalMark(second), &b)
	return a, b, rest, err
}

func optionalMark(name string) string {
	if name == "prefix" {
		return "?"
	}
	return ""
}

// mover is a bucket's or an object's method that moves objects.
func (r *record) mover(name string) starlark.Value {
	return starlark.NewBuiltin(name, func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		s := scopeOf(t)
		if name == "lines" {
			return s.objectLines(r, b, args, kwargs)
		}
		first := map[string]string{"upload": "path", "download": "path", "sync": "source", "copy_to": "target"}[name]
		other, prefix, rest, err := two(b.Name(), args, kwargs, first, "prefix")
		if err != nil {
			return nil, err
		}
		below := ""
		if prefix != starlark.None {
			text, ok := starlark.AsString(prefix)
			if !ok {
				return nil, op.Errorf(op.InvalidArgument, "%s: prefix: want a string, got %s", b.Name(), prefix.Type())
			}
			below = text
		}
		in := name == "upload" || name == "sync"
		far, err := s.place(b.Name(), other, "", !in)
		if err != nil {
			return nil, err
		}
		defer far.close()
		if first == "path" && !far.local {
			return nil, op.Errorf(op.InvalidArgument, "%s: %s is no path of this machine", b.Name(), far.Location)
		}
		near, err := s.place(b.Name(), r, below, in)
		if err != nil {
			return nil, err
		}
		from, to := near, far
		if in {
			from, to = far, near
		}
		defer s.tellEnd(from, to)
		return s.move(b.Name(), from, to, rest, name == "sync")
	})
}

// objectLines yields the lines of an object: a body that breaks off is gone on with.
func (s *scope) objectLines(r *record, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
		return nil, err
	}
	o := r.Held().(*storage.Object)
	body, _, err := transfer.New(s.transferOptions(r.label(), moveOptions{})).Open(s.ctx, transfer.Objects(r.conn.conn, o.Bucket, o.Name))
	if err != nil {
		return nil, err
	}
	return &lines{s.stream(body, "body", r.label()), s}, nil
}
