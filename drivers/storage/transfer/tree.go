package transfer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// List yields what is below a location, by the bytes of the names, which are those
// below it. Of objects, the next page is fetched while one is looked at.
func List(ctx context.Context, l Location) iter.Seq2[Entry, error] {
	if l.root != nil {
		return l.files(ctx)
	}
	return func(yield func(Entry, error) bool) {
		last := ""
		for o, err := range l.objects(ctx) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			e := entryOf(o)
			e.Name = strings.TrimPrefix(o.Name, l.name)
			if e.Name == "" && o.Size == 0 && strings.HasSuffix(l.name, "/") {
				continue // what consoles make to show a folder
			}
			if o.Name < last {
				yield(Entry{}, op.Errorf(op.Internal, "the list of %s is not in order: %q comes after %q", l, o.Name, last))
				return
			}
			last = o.Name
			if !yield(e, nil) {
				return
			}
		}
	}
}

// objects yields the objects whose names begin with l's.
func (l Location) objects(ctx context.Context) iter.Seq2[storage.Object, error] {
	return ListObjects(ctx, l.conn, storage.ListObjects{Bucket: l.bucket, Prefix: l.name + l.begin})
}

// ListObjects is the list row, with the next page fetched while one is looked at.
func ListObjects(ctx context.Context, conn *drivers.Conn, in storage.ListObjects) iter.Seq2[storage.Object, error] {
	type page struct {
		objects []storage.Object
		err     error
	}
	return func(yield func(storage.Object, error) bool) {
		o, err := storage.Family.Lookup("list_objects")
		if err != nil {
			yield(storage.Object{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		pages := make(chan page)
		defer func() {
			cancel()
			for range pages { // until the fetching has ended
			}
		}()
		go func() {
			defer close(pages)
			for p, err := range conn.Pages(ctx, o, in) {
				next := page{err: err}
				if err == nil {
					next.objects = objectsOf(p)
				}
				select {
				case pages <- next:
				case <-ctx.Done():
					return
				}
			}
		}()
		for p := range pages {
			if p.err != nil {
				yield(storage.Object{}, p.err)
				return
			}
			for _, o := range p.objects {
				if !yield(o, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(storage.Object{}, err)
		}
	}
}

func objectsOf(p *op.Page) []storage.Object {
	if all, ok := p.Items.([]storage.Object); ok {
		return all
	}
	all := make([]storage.Object, p.Len())
	for i := range all {
		all[i] = *p.At(i).(*storage.Object)
	}
	return all
}

// files yields the files below a folder. Links to files are taken for what they
// lead to, unless that is out of the root; links to folders are not followed, and
// what is neither file nor folder is passed over. A folder that cannot be opened is
// an entry, with a slash at its end.
func (l Location) files(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		root, names, err := openFolder(l.root, l.name)
		if err != nil {
			yield(Entry{}, fileError(l, err))
			return
		}
		defer root.Close()
		walk(ctx, root, names, l, "", yield)
	}
}

func openFolder(in *os.Root, name string) (*os.Root, []string, error) {
	dir, err := in.OpenRoot(name)
	if err != nil {
		return nil, nil, err
	}
	names, err := sorted(dir)
	if err != nil {
		dir.Close()
		return nil, nil, err
	}
	return dir, names, nil
}

func walk(ctx context.Context, dir *os.Root, names []string, l Location, below string, yield func(Entry, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(Entry{}, err)
		return false
	}
	for _, key := range names {
		name := below + key
		if file, isDir := strings.CutSuffix(key, "/"); isDir {
			sub, inside, err := openFolder(dir, file)
			if errors.Is(err, fs.ErrNotExist) {
				continue // gone since
			}
			if err != nil {
				if !yield(Entry{Name: name, err: fileError("reading it", err)}, nil) {
					return false
				}
				continue
			}
			ok := walk(ctx, sub, inside, l, name, yield)
			sub.Close()
			if !ok {
				return false
			}
			continue
		}
		info, err := dir.Stat(key)
		e := Entry{Name: name}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // gone since, or a link to nothing
		case err != nil:
			e.err = fileError("reading it", err)
		case !info.Mode().IsRegular():
			continue
		case !utf8.ValidString(name):
			e.err = op.Errorf(op.InvalidArgument, "%q is not UTF-8, as objects' names are", name)
		default:
			e.Size, e.Modified = info.Size(), info.ModTime()
		}
		if !yield(e, nil) {
			return false
		}
	}
	return true
}

// sorted is what a folder holds in the order of the names in or below it: those
// below a folder begin with its name and a slash.
func sorted(dir *os.Root) ([]string, error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var names []string
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			name := e.Name()
			if e.IsDir() {
				name += "/"
			} else if t := e.Type(); t&^fs.ModeSymlink != 0 || isPartial(name) {
				continue
			}
			names = append(names, name)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}

// merge compares two trees, name by name in their order, and emits what is to be done.
func (r *run) merge(ctx context.Context, emit func(task) error) error {
	j := r.job
	nextFrom, stopFrom := iter.Pull2(List(ctx, j.From))
	defer stopFrom()
	// What is below the other end is no part of this one: what is copied into a part
	// of itself would never end, and of a part that becomes the whole, the source is
	// not to be deleted.
	inTo, inFrom := j.From.holds(j.To), j.To.holds(j.From)
	there := func(yield func(Entry, error) bool) {}
	if j.Compare != Always || j.Delete {
		there = r.thereOnly(ctx, inFrom)
	}
	nextTo, stopTo := iter.Pull2(iter.Seq2[Entry, error](there))
	defer stopTo()
	gone := batch{r: r, emit: emit}
	unread := "" // a folder of which nobody knows what is in it

	to, toErr, more := nextTo()
	for {
		from, fromErr, ok := nextFrom()
		if fromErr != nil {
			return fromErr
		}
		folder := from.err != nil && strings.HasSuffix(from.Name, "/")
		if ok && (!j.Filter.Match(from.Name) && !(folder && j.Filter.mayHold(from.Name)) || inTo != "" && strings.HasPrefix(from.Name, inTo)) {
			continue
		}
		for more && (!ok || to.Name < from.Name) {
			if toErr != nil {
				return toErr
			}
			if unread == "" || !strings.HasPrefix(to.Name, unread) {
				if err := gone.add(to); err != nil {
					return err
				}
			}
			to, toErr, more = nextTo()
		}
		if folder {
			unread = from.Name
		}
		if toErr != nil {
			return toErr
		}
		if !ok {
			return gone.flush()
		}
		t := task{entry: from, from: j.From.at(from.Name), to: j.To.at(from.Name)}
		if j.To.conn == nil && t.entry.err == nil {
			if strings.HasSuffix(from.Name, "/") && from.Size == 0 {
				continue // what consoles make to show a folder
			}
			t.entry.err = localName(from.Name)
		}
		if more && to.Name == from.Name {
			t.there = to
			to, toErr, more = nextTo()
			if t.entry.err == nil && j.same(&t) {
				r.unchanged()
				continue
			}
		}
		r.meter.total.Add(t.entry.Size)
		if err := emit(t); err != nil {
			return err
		}
	}
}

// thereOnly lists the far end, which may be a folder that is not there yet, without
// what the filter or except keeps out of the job.
func (r *run) thereOnly(ctx context.Context, except string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range List(ctx, r.job.To) {
			if r.job.To.root != nil && op.KindOf(err) == op.NotFound {
				return
			}
			if err == nil && (!r.job.Filter.Match(e.Name) || except != "" && strings.HasPrefix(e.Name, except)) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// same reports whether what is there need not be moved. Where it takes more than
// the lists say, it makes that the worker's task.
func (j Job) same(t *task) bool {
	switch {
	case t.entry.Size != t.there.Size || j.Compare == Always:
		return false
	case j.Compare == Size:
		return true
	case j.Compare == Checksum:
		t.kind = doCompare
		return false
	}
	// Providers know seconds, file systems more.
	return !t.entry.Modified.Truncate(time.Second).After(t.there.Modified)
}

// A batch collects what is to be deleted at the far end.
type batch struct {
	r     *run
	emit  func(task) error
	at    *Location
	names []string
}

// deleteAtOnce is how many objects one request deletes at providers that have one for many.
const deleteAtOnce = 1000

func (b *batch) add(e Entry) error {
	if b.at == nil {
		b.at = &b.r.job.To
	}
	if !b.r.job.Delete && b.at == &b.r.job.To {
		return nil
	}
	b.names = append(b.names, e.Name)
	if len(b.names) < deleteAtOnce {
		return nil
	}
	return b.flush()
}

func (b *batch) flush() error {
	if len(b.names) == 0 {
		return nil
	}
	names := b.names
	b.names = nil
	return b.emit(task{kind: doRemove, from: *b.at, names: names})
}

// removeAll emits the deletion of all that is below From.
func (r *run) removeAll(ctx context.Context, emit func(task) error) error {
	gone := batch{r: r, emit: emit, at: &r.job.From}
	for e, err := range List(ctx, r.job.From) {
		if err != nil {
			return err
		}
		if r.job.Filter.Match(e.Name) {
			if err := gone.add(e); err != nil {
				return err
			}
		}
	}
	return gone.flush()
}

// RemoveOne deletes one object, or one file.
func (e *Engine) RemoveOne(ctx context.Context, j Job) (Summary, error) {
	r := e.begin(ctx, j)
	if j.From.conn == nil || j.DryRun {
		r.do(task{kind: doRemove, from: j.From, names: []string{""}})
		return r.end(nil)
	}
	err := r.request(r.ctx, func(ctx context.Context) error {
		return drivers.Do(ctx, j.From.conn, storage.DeleteObject{Bucket: j.From.bucket, Name: j.From.name})
	})
	r.tell(Result{Action: Removed}, j.From, Location{}, err)
	return r.end(nil)
}

func (r *run) remove(t task) {
	result := func(name string, err error) {
		r.tell(Result{Action: Removed, DryRun: r.job.DryRun}, t.from.at(name), Location{}, err)
	}
	switch {
	case r.job.DryRun:
		for _, name := range t.names {
			result(name, nil)
		}
	case t.from.root != nil:
		for _, name := range t.names {
			result(name, r.removeFile(t.from, name))
		}
	case t.from.offers("delete_objects"):
		r.removeObjects(t, result)
	default:
		for _, name := range t.names {
			err := r.request(r.ctx, func(ctx context.Context) error {
				return drivers.Do(ctx, t.from.conn, storage.DeleteObject{Bucket: t.from.bucket, Name: t.from.name + name})
			})
			if op.KindOf(err) == op.NotFound {
				err = nil
			}
			result(name, err)
		}
	}
}

func (r *run) removeObjects(t task, result func(name string, err error)) {
	in := storage.DeleteObjects{Bucket: t.from.bucket}
	for _, name := range t.names {
		in.Names = append(in.Names, t.from.name+name)
	}
	var out storage.Deleted
	err := r.request(r.ctx, func(ctx context.Context) (err error) {
		out, err = drivers.Call[storage.Deleted](ctx, t.from.conn, in)
		return err
	})
	failed := map[string]error{}
	for _, f := range out.Failed {
		failed[f.Name] = op.Errorf(f.Kind, "%s", f.Message)
	}
	for i, name := range t.names {
		e := failed[in.Names[i]]
		if e == nil && err != nil {
			e = err
		}
		result(name, e)
	}
}

// removeFile removes a file, and the folders that are empty without it.
func (r *run) removeFile(l Location, name string) error {
	file := l.at(name)
	if err := l.root.Remove(file.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError(file, err)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if l.root.Remove(l.at(dir).name) != nil {
			break // not empty
		}
	}
	return nil
}

// RemoveUploads aborts the uploads for objects whose names begin with From's that
// were begun longer ago than age, and neither completed nor aborted.
func (e *Engine) RemoveUploads(ctx context.Context, j Job, age time.Duration) (Summary, error) {
	r := e.begin(ctx, j)
	return r.end(r.tree(func(ctx context.Context, emit func(task) error) error {
		for u, err := range drivers.List[storage.Upload](ctx, j.From.conn, storage.ListMultipartUploads{Bucket: j.From.bucket, Prefix: j.From.name}) {
			if err != nil {
				return err
			}
			if age > 0 && (u.CreatedAt.IsZero() || time.Since(u.CreatedAt) < age) {
				continue
			}
			l := j.From
			l.name = u.Name
			if err := emit(task{kind: doAbort, from: l, upload: u.ID}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (r *run) abort(t task) {
	var err error
	if !r.job.DryRun {
		err = r.request(r.ctx, func(ctx context.Context) error {
			return drivers.Do(ctx, t.from.conn, storage.AbortMultipartUpload{Bucket: t.from.bucket, Name: t.from.name, Upload: t.upload})
		})
		if op.KindOf(err) == op.NotFound {
			err = nil
		}
	}
	r.tell(Result{Action: Aborted, DryRun: r.job.DryRun}, t.from, Location{}, err)
}
