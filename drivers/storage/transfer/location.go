package transfer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// A Location is one end of a transfer: a file or a folder of this machine, or an
// object of a bucket or what begins with its name.
type Location struct {
	root *os.Root // of files
	conn *drivers.Conn

	bucket string
	name   string // of objects: a name, or what names begin with; of files: a path below root, "." for root itself
	begin  string // of objects: what the names below name begin with
	shown  string // what messages call it, without the name
}

// Files is a file, or the files below a folder: path is slash-separated, and below
// root. No name and no link leads out of root.
func Files(root *os.Root, path string) Location {
	return Location{root: root, name: path, shown: root.Name() + string(os.PathSeparator)}
}

// Objects is an object, or the objects whose names begin with name: "photos/".
func Objects(conn *drivers.Conn, bucket, name string) Location {
	return Location{conn: conn, bucket: bucket, name: name, shown: conn.Name + "://" + bucket + "/"}
}

// Beginning is the same location, in which only the names that begin so are looked at.
func (l Location) Beginning(begin string) Location {
	l.begin = begin
	return l
}

// Join is the place of a file in a folder, or of the object with a longer name.
func (l Location) Join(name string) Location { return l.at(name) }

// Folder is the place of what is below a name, as below a folder's.
func (l Location) Folder() Location {
	if l.conn != nil && l.name != "" && !strings.HasSuffix(l.name, "/") {
		l.name += "/"
	}
	return l
}

// at is the place of what has that name below l, in a tree.
func (l Location) at(name string) Location {
	l.begin = ""
	if l.root != nil {
		l.name = path.Join(l.name, name)
	} else {
		l.name += name
	}
	return l
}

func (l Location) String() string {
	if l.root != nil && l.name == "." {
		return strings.TrimSuffix(l.shown, string(os.PathSeparator))
	}
	return l.shown + l.name
}

func (l Location) offers(name string) bool {
	o, err := storage.Family.Lookup(name)
	return err == nil && l.conn != nil && l.conn.Provider.Offers(o)
}

// same reports whether two ends are one provider's, seen through one connection.
func (l Location) same(m Location) bool {
	return l.conn != nil && m.conn != nil && l.conn.Same(m.conn)
}

// holds is how the names below m begin below l; "" if m is no part of l.
func (l Location) holds(m Location) string {
	if rest, ok := strings.CutPrefix(m.name, l.name); ok && l.same(m) && l.bucket == m.bucket {
		return rest
	}
	return ""
}

// An Entry is what a list says of a file or an object.
type Entry struct {
	Name     string // below the location
	Size     int64
	Modified time.Time
	ETag     string
	Object   storage.Object // empty for a file
	err      error          // it cannot be moved
}

// stat looks one file or object up.
func (l Location) stat(ctx context.Context) (Entry, error) {
	if l.root != nil {
		info, err := l.root.Stat(l.name)
		if err != nil {
			return Entry{}, fileError(l, err)
		}
		if !info.Mode().IsRegular() {
			return Entry{}, op.Errorf(op.InvalidArgument, "%s is no file", l)
		}
		return Entry{Size: info.Size(), Modified: info.ModTime()}, nil
	}
	o, err := drivers.Call[storage.Object](ctx, l.conn, storage.GetObject{Bucket: l.bucket, Name: l.name})
	if err != nil {
		return Entry{}, err
	}
	return entryOf(o), nil
}

// failed is an error that says where it happened.
func (l Location) failed(err error) *op.Error {
	e := *op.AsError(err)
	e.Message = l.String() + ": " + e.Message
	return &e
}

// IsTree reports whether no object has the location's name, but others are below it.
// Where there is neither, it is the error for an object that is not there.
func (e *Engine) IsTree(ctx context.Context, l Location) (bool, error) {
	_, err := l.stat(ctx)
	if op.KindOf(err) != op.NotFound {
		return false, err
	}
	for _, failed := range l.Folder().objects(ctx) {
		return failed == nil, failed
	}
	return false, err
}

func entryOf(o storage.Object) Entry {
	return Entry{Size: o.Size, Modified: o.LastModified, ETag: o.ETag, Object: o}
}

// localName checks that an object's name is that of one file below a folder, and
// of no other name's.
func localName(name string) error {
	bad := ""
	switch {
	case !utf8.ValidString(name):
		bad = "it is not UTF-8"
	case !fs.ValidPath(name) || name == ".":
		bad = `a part between slashes is empty, "." or ".."`
	case strings.ContainsRune(name, 0):
		bad = "it holds a NUL"
	case os.PathSeparator == '\\' && strings.ContainsAny(name, `\:`):
		bad = `Windows takes \ and : for more than a character`
	case isPartial(path.Base(name)):
		bad = "files that are not yet whole are called so"
	}
	if bad != "" {
		return op.Errorf(op.InvalidArgument, "%q cannot be a file's name: %s", name, bad)
	}
	return nil
}

// fileError is what the file system said, of what.
func fileError(what any, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	e := op.AsError(err)
	kind := e.Kind
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = op.NotFound
	case errors.Is(err, fs.ErrExist):
		kind = op.AlreadyExists
	case errors.Is(err, fs.ErrPermission):
		kind = op.PermissionDenied
	case isFull(err):
		kind = op.QuotaExceeded
	}
	reason := err.Error()
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		reason = pe.Err.Error()
	} else if le, ok := errors.AsType[*os.LinkError](err); ok {
		reason = le.Err.Error()
	}
	return &op.Error{Kind: kind, Message: named(what) + ": " + reason, Err: err}
}

func named(what any) string {
	switch w := what.(type) {
	case Location:
		return w.String()
	case string:
		return w
	}
	return ""
}
