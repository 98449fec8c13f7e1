package lib

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/internal/glob"
)

// files are the builtins that reach the file system, each under a granted
// folder. They go through os.Root: no link and no .. leads out of the folder.
//
//	read_file(path)                        the content, as a string
//	write_file(path, data, append=False)   data is a string, bytes or a stream; the file is whole or as it was
//	open_file(path)                        a stream, for what takes one: put_object(body = open_file(…))
//	list_files(path, pattern="**")         what is below a folder: path, size, modified
//	remove_file(path)                      removes a file
//	write_key(path, key)                   a private key, for its owner alone; never over another one
type files struct{ read, write []string }

func (f files) builtins() []*starlark.Builtin {
	return []*starlark.Builtin{
		starlark.NewBuiltin("read_file", f.readFile),
		starlark.NewBuiltin("write_file", f.writeFile),
		starlark.NewBuiltin("open_file", f.openFile),
		starlark.NewBuiltin("list_files", f.listFiles),
		starlark.NewBuiltin("remove_file", f.removeFile),
		starlark.NewBuiltin("write_key", f.writeKey),
	}
}

// root opens the granted folder that a path is in, and says where in it.
func root(builtin, name string, granted []string, flag string) (*os.Root, string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, "", err
	}
	for _, g := range granted {
		folder, err := filepath.Abs(g)
		if err != nil {
			continue
		}
		if info, err := os.Stat(folder); err == nil && !info.IsDir() {
			if folder != abs {
				continue
			}
			folder = filepath.Dir(folder)
		}
		rel, err := filepath.Rel(folder, abs)
		if err != nil || !filepath.IsLocal(rel) {
			continue
		}
		r, err := os.OpenRoot(folder)
		if err != nil {
			return nil, "", failed(builtin, name, err)
		}
		return r, rel, nil
	}
	return nil, "", op.Errorf(op.PermissionDenied, "%s: %s is in no folder that is granted: allow it with --allow-%s %s, or with %s in the [policy] of cloudlark.toml", builtin, name, flag, filepath.Dir(name), flag)
}

// Folder opens the granted folder that a path is in, and says where in it, in the
// form of an fs.FS. Who asked closes it.
func (g Grants) Folder(builtin, name string) (*os.Root, string, error) {
	r, rel, err := root(builtin, name, slices.Concat(g.Read, g.Write), "read")
	return r, filepath.ToSlash(rel), err
}

// Reading opens the folder that a path is in among those that may be read.
func (g Grants) Reading(builtin, name string) (*os.Root, string, error) {
	return root(builtin, name, g.Read, "read")
}

// Writing opens the folder that a path is in among those that may be written to.
func (g Grants) Writing(builtin, name string) (*os.Root, string, error) {
	return root(builtin, name, g.Write, "write")
}

func failed(builtin, name string, err error) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return op.Errorf(e.Kind, "%s: %s: %s", builtin, name, e.Message)
	}
	kind := op.Internal
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = op.NotFound
	case errors.Is(err, fs.ErrPermission):
		kind = op.PermissionDenied
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return op.Errorf(kind, "%s: %s: %w", builtin, name, err)
}

// openRegular opens what is a file and nothing else: to open a pipe may wait for ever.
func openRegular(r *os.Root, name string) (*os.File, fs.FileInfo, error) {
	info, err := r.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, op.Errorf(op.InvalidArgument, "it is no file")
	}
	file, err := r.Open(name)
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

func (f files) readFile(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &name); err != nil {
		return nil, err
	}
	r, rel, err := root(b.Name(), name, f.read, "read")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	file, _, err := openRegular(r, rel)
	if err != nil {
		return nil, failed(b.Name(), name, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxText+1))
	if err != nil {
		return nil, failed(b.Name(), name, err)
	}
	if len(data) > maxText {
		return nil, op.Errorf(op.InvalidArgument, "%s: %s has more than %d MiB: use open_file", b.Name(), name, maxText>>20)
	}
	return starlark.String(data), nil
}

func (f files) writeFile(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var data starlark.Value
	var add bool
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &name, "data", &data, "append?", &add); err != nil {
		return nil, err
	}
	src, err := reader(b.Name(), data)
	if err != nil {
		return nil, err
	}
	r, rel, err := root(b.Name(), name, f.write, "write")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	n, err := write(Context(t), r, rel, src, add)
	if err != nil {
		return nil, failed(b.Name(), name, err)
	}
	return starlark.MakeInt64(n), nil
}

// write writes beside the file and renames, so that the file is whole or as it
// was. To append is to write on.
func write(ctx context.Context, r *os.Root, name string, src io.Reader, add bool) (n int64, err error) {
	if dir := filepath.Dir(name); dir != "." {
		if err := r.MkdirAll(dir, 0o777); err != nil {
			return 0, err
		}
	}
	// A name of its own: two threads may write the same file, and the last one wins.
	flags, to := os.O_CREATE|os.O_EXCL|os.O_WRONLY, filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text()[:8]+".part")
	if add {
		flags, to = os.O_CREATE|os.O_APPEND|os.O_WRONLY, name
	}
	file, err := r.OpenFile(to, flags, 0o666)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(file, &contextReader{ctx, src})
	err = errors.Join(err, file.Close())
	if add {
		return n, err
	}
	if err == nil {
		err = r.Rename(to, name)
	}
	if err != nil {
		err = errors.Join(err, r.Remove(to))
	}
	return n, err
}

// writeKey writes a private key that nobody else may read. A file that holds
// another one stays as it is.
func (f files) writeKey(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var key starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &name, "key", &key); err != nil {
		return nil, err
	}
	if has, ok := key.(starlark.HasAttrs); ok {
		if private, err := has.Attr("private_key"); err == nil && private != nil && private != starlark.None {
			key = private
		}
	}
	text, ok := starlark.AsString(key)
	if revealed, is := key.(interface{ Reveal() string }); is {
		text, ok = revealed.Reveal(), true
	}
	if !ok || !strings.Contains(text, "PRIVATE KEY-----") {
		return nil, op.Errorf(op.InvalidArgument, "%s: key: want a private key in PEM, or what has private_key", b.Name())
	}
	r, rel, err := root(b.Name(), name, f.write, "write")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if dir := filepath.Dir(rel); dir != "." {
		if err := r.MkdirAll(dir, 0o700); err != nil {
			return nil, failed(b.Name(), name, err)
		}
	}
	file, err := r.OpenFile(rel, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		have, rerr := r.ReadFile(rel)
		if rerr == nil && string(have) == text {
			return starlark.None, nil
		}
		return nil, op.Errorf(op.AlreadyExists, "%s: %s is there, and holds something else", b.Name(), name)
	}
	if err != nil {
		return nil, failed(b.Name(), name, err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, failed(b.Name(), name, errors.Join(err, r.Remove(rel)))
	}
	return starlark.None, nil
}

func (f files) removeFile(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &name); err != nil {
		return nil, err
	}
	r, rel, err := root(b.Name(), name, f.write, "write")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := r.Remove(rel); err != nil {
		return nil, failed(b.Name(), name, err)
	}
	return starlark.None, nil
}

func (f files) openFile(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &name); err != nil {
		return nil, err
	}
	r, rel, err := root(b.Name(), name, f.read, "read")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	file, info, err := openRegular(r, rel)
	if err != nil {
		return nil, failed(b.Name(), name, err)
	}
	// The file is closed with the context, should the script not have it read.
	context.AfterFunc(Context(t), func() { file.Close() })
	return &File{file, name, info.Size()}, nil
}

// A File is what open_file returns: a stream that can be read again from its
// start, so that an upload can be repeated.
type File struct {
	*os.File
	name string
	size int64
}

func (f *File) String() string        { return fmt.Sprintf("<file %s>", f.name) }
func (f *File) Type() string          { return "file" }
func (f *File) Freeze()               {}
func (f *File) Truth() starlark.Bool  { return true }
func (f *File) Hash() (uint32, error) { return 0, errors.New("unhashable type: file") }
func (f *File) AttrNames() []string   { return []string{"close", "name", "size"} }

func (f *File) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(f.name), nil
	case "size":
		return starlark.MakeInt64(f.size), nil
	case "close":
		return starlark.NewBuiltin("close", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			return starlark.None, f.File.Close()
		}), nil
	}
	return nil, op.Errorf(op.InvalidArgument, "file has no attribute %q%s", name, op.DidYouMean(name, f.AttrNames()))
}

// listFiles yields the files below a folder whose path matches the pattern, in
// the paths' order. ** matches any part of a path, * anything but a slash.
func (f files) listFiles(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	pattern := "**"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &name, "pattern?", &pattern); err != nil {
		return nil, err
	}
	r, rel, err := root(b.Name(), name, f.read, "read")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	ctx := Context(t)
	var found []starlark.Value
	base := filepath.ToSlash(rel)
	err = fs.WalkDir(r.FS(), base, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		below := strings.TrimPrefix(strings.TrimPrefix(p, base), "/")
		if base == "." {
			below = p
		}
		if !glob.Match(pattern, below) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone since
		}
		found = append(found, starlarkstruct.FromStringDict(starlark.String("file_info"), starlark.StringDict{
			"path": starlark.String(below), "size": starlark.MakeInt64(info.Size()), "modified": startime.Time(info.ModTime()),
			"full_path": starlark.String(filepath.Join(name, filepath.FromSlash(below))),
		}))
		return nil
	})
	if err != nil {
		return nil, failed(b.Name(), name, err)
	}
	return starlark.NewList(found), nil
}

// reader is what can be read of a value: a string, bytes, a stream.
func reader(builtin string, v starlark.Value) (io.Reader, error) {
	switch v := v.(type) {
	case starlark.String:
		return strings.NewReader(string(v)), nil
	case starlark.Bytes:
		return strings.NewReader(string(v)), nil
	case io.Reader:
		return v, nil
	}
	return nil, op.Errorf(op.InvalidArgument, "%s: want a string, bytes or a stream, got %s", builtin, v.Type())
}

// A contextReader reads until its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
