package local

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A bound is where a list goes on: behind a name, or behind all names that
// begin with it.
type bound struct {
	name   string
	prefix bool
}

// behind reports whether a name comes after the bound.
func (b *bound) behind(name string) bool {
	return name > b.name && !(b.prefix && strings.HasPrefix(name, b.name)) || b.name == ""
}

// skips reports whether no name that begins with dir comes after the bound.
func (b *bound) skips(dir string) bool {
	if b.prefix && strings.HasPrefix(dir, b.name) {
		return b.name != ""
	}
	return dir < b.name && !strings.HasPrefix(b.name, dir)
}

// A cursor is the bound, and the size of the page before.
func (b *bound) cursor(size int) string {
	kind := "n"
	if b.prefix {
		kind = "p"
	}
	return kind + strconv.Itoa(size) + ":" + b.name
}

// parseCursor returns where the page begins and its size.
func parseCursor(cursor string) (bound, int, error) {
	if cursor == "" {
		return bound{}, firstPage, nil
	}
	head, name, ok := strings.Cut(cursor, ":")
	if ok && len(head) > 1 {
		if size, err := strconv.Atoi(head[1:]); err == nil && size > 0 {
			return bound{name, head[0] == 'p'}, min(2*size, lastPage), nil
		}
	}
	return bound{}, 0, op.Errorf(op.InvalidArgument, "%q is not a cursor of this list", cursor)
}

// An entry is an object that a walk met.
type entry struct {
	name string
	info fs.FileInfo
}

// walk yields the objects whose names begin with prefix and come after the
// bound, by the bytes of their names. It reads only folders that may hold such;
// the consumer may move the bound on, and the walk then skips what is before it.
func (b *bucket) walk(ctx context.Context, prefix string, from *bound) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		// The deepest folder that all the names are in.
		dir := "."
		below := ""
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			below = prefix[:i+1]
			for s := range strings.SplitSeq(prefix[:i], "/") {
				dir = path.Join(dir, fileSegment(s))
			}
		}
		b.walkDir(ctx, dir, below, prefix, from, yield)
	}
}

func (b *bucket) walkDir(ctx context.Context, dir, below, prefix string, from *bound, yield func(entry, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(entry{}, err)
		return false
	}
	files, err := b.sorted(dir)
	if err != nil {
		e := failed(err, "folder "+path.Join(b.name, dir))
		// A folder that is not there holds no names; one that was removed while
		// the list went on holds none any more.
		if e.Kind == op.NotFound || e.Kind == op.Conflict {
			return true
		}
		yield(entry{}, e)
		return false
	}
	for _, f := range files {
		name := below + f.key
		if !strings.HasPrefix(name, prefix) && !(f.dir && strings.HasPrefix(prefix, name)) {
			continue
		}
		file := path.Join(dir, f.file)
		if f.dir {
			if !from.skips(name) && !b.walkDir(ctx, file, name, prefix, from, yield) {
				return false
			}
			continue
		}
		if !from.behind(name) {
			continue
		}
		info, err := b.root.Stat(file)
		if err != nil || !info.Mode().IsRegular() {
			continue // gone since, or a link that leads out of the folder, or no file
		}
		if !yield(entry{name, info}, nil) {
			return false
		}
	}
	return true
}

// A file is an entry of a folder.
type file struct {
	key  string // what names in or below it begin with
	file string
	dir  bool
}

// sorted reads a folder, its entries in the order of the names in or below
// them: what is below a folder begins with the folder's name and a slash.
func (b *bucket) sorted(dir string) ([]file, error) {
	f, err := b.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var files []file
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			key, ok := segmentOf(e.Name(), e.IsDir())
			if !ok {
				continue
			}
			if e.IsDir() {
				key += "/"
			}
			files = append(files, file{key, e.Name(), e.IsDir()})
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.key, b.key) })
	return files, nil
}

// removeEmpty removes the folders below dir that hold nothing.
func (b *bucket) removeEmpty(ctx context.Context, dir string) error {
	files, err := b.sorted(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.dir {
			sub := path.Join(dir, f.file)
			if err := b.removeEmpty(ctx, sub); err != nil {
				return err
			}
			if err := b.root.Remove(sub); err != nil {
				return err
			}
		}
	}
	return nil
}
