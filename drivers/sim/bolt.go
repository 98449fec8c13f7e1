//go:build !wasip1

package sim

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A folder is a store in the file system:
//
//	cloud.db    the records: a bbolt database
//	objects/    the bodies of objects, a file each
//	uploads/    what is still being written, and may be abandoned
//
// A bbolt database locks its file as long as it is open. So that several
// processes can use the folder at once, it is open for a transaction alone:
// shared to read, exclusively to write. Writers of one process that wait for
// their turn share one transaction, and so one flush to the disk.
//
// What is there is checked before anything is written: a file that is not a
// cloud's, or of a newer version, or damaged, is refused and stays as it is.
type folder struct {
	path   string
	bodies *fileBlobs

	turn chan struct{} // holds one while a transaction of this process runs

	mu     sync.Mutex
	queue  []*writing
	broken error // what was found to be damaged
}

// writing is an update that waits for its turn.
type writing struct {
	f    func(tx *txn) error
	done chan error
}

// The marker that tells a cloud's database from any other.
var (
	markerBucket = []byte("cloudlark sim")
	markerKey    = []byte("format")
)

const format = "1"

func openFolder(ctx context.Context, path string) (store, error) {
	f := &folder{path: path, bodies: newFileBlobs(path), turn: make(chan struct{}, 1)}
	if err := f.prepare(); err != nil {
		return nil, err
	}
	if err := f.view(ctx, func(*txn) error { return nil }); err != nil {
		return nil, err
	}
	return f, f.collect(ctx)
}

func (f *folder) database() string { return filepath.Join(f.path, "cloud.db") }

func (f *folder) refuse(kind op.Kind, why string) error {
	return op.Errorf(kind, "state: %s %s; it was left as it is: name another folder, or move it away", f.database(), why)
}

// prepare makes the folder and its database where there is none.
func (f *folder) prepare() error {
	failed := func(err error) error { return op.Errorf(op.InvalidArgument, "state: %w", err) }
	switch info, err := os.Stat(f.database()); {
	case err == nil && !info.Mode().IsRegular():
		return f.refuse(op.InvalidArgument, "is not a file")
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return failed(err)
	}
	if err := os.MkdirAll(f.path, 0o700); err != nil {
		return failed(err)
	}
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return failed(err)
	}
	for _, e := range entries {
		// Another process may be as far as this one, or have ended here.
		if name := e.Name(); name != objectsFolder && name != uploadsFolder && name != "cloud.db" {
			return op.Errorf(op.InvalidArgument, "state: the folder %s is not empty, and what is in it is no embedded cloud: name another folder", f.path)
		}
	}
	if err := f.bodies.prepare(); err != nil {
		return failed(err)
	}
	// Made elsewhere, and linked when it is whole: nobody ever sees half of it.
	fresh := filepath.Join(f.path, uploadsFolder, freshPrefix+rand.Text())
	defer os.Remove(fresh)
	if err := makeDatabase(fresh); err != nil {
		return failed(err)
	}
	if err := os.Link(fresh, f.database()); err != nil && !errors.Is(err, fs.ErrExist) {
		if err := os.Rename(fresh, f.database()); err != nil { // a file system without links
			return failed(err)
		}
	}
	return nil
}

func makeDatabase(path string) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket(markerBucket)
		if err != nil {
			return err
		}
		return b.Put(markerKey, []byte(format))
	})
	return errors.Join(err, db.Close())
}

func (f *folder) blobs() blobs { return f.bodies }

func (f *folder) view(ctx context.Context, do func(tx *txn) error) error {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return f.open(ctx, true, func(db *bbolt.DB) error {
		return db.View(func(tx *bbolt.Tx) error {
			if err := f.check(tx); err != nil {
				return err
			}
			return do(&txn{rows: boltRows{tx}})
		})
	})
}

func (f *folder) update(ctx context.Context, do func(tx *txn) error) error {
	w := &writing{f: do, done: make(chan error, 1)}
	f.mu.Lock()
	f.queue = append(f.queue, w)
	f.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		if f.withdraw(w) {
			return ctx.Err()
		}
		return <-w.done // it is being done
	}
	f.mu.Lock()
	waiting := slices.Contains(f.queue, w)
	f.mu.Unlock()
	if !waiting {
		return <-w.done // another wrote for us
	}
	// Our turn: write for all who wait.
	err := f.open(ctx, false, func(db *bbolt.DB) error {
		f.mu.Lock()
		batch := f.queue
		f.queue = nil
		f.mu.Unlock()
		f.write(db, batch)
		return nil
	})
	if err != nil && f.withdraw(w) {
		return err
	}
	return <-w.done
}

// withdraw takes an update that has not begun out of the queue.
func (f *folder) withdraw(w *writing) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.Index(f.queue, w)
	if i < 0 {
		return false
	}
	f.queue = slices.Delete(f.queue, i, i+1)
	return true
}

// write runs several updates in one transaction. One that fails takes back
// what it did, and does not harm the others.
func (f *folder) write(db *bbolt.DB, batch []*writing) {
	results := make([]error, len(batch))
	edited := false
	nothing := errors.New("nothing was changed")
	err := errors.New("the state is damaged")
	defer func() {
		for i, w := range batch {
			if err != nil && results[i] == nil {
				results[i] = err
			}
			w.done <- results[i]
		}
	}()
	defer func() {
		if r := recover(); r != nil {
			err = f.damaged(r)
			panic(r)
		}
	}()
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := f.check(tx); err != nil {
			return err
		}
		for i, w := range batch {
			t := &txn{rows: boltRows{tx}}
			if results[i] = w.f(t); results[i] != nil {
				t.rollback()
			}
			edited = edited || len(t.edits) > 0
		}
		if !edited {
			return nothing
		}
		return nil
	})
	if err == nothing {
		err = nil
	}
	if e := new(op.Error); err != nil && !errors.As(err, &e) {
		err = op.Errorf(op.Unavailable, "state: %s cannot be written: %w", f.database(), err)
	}
}

// check tells a cloud's database from any other.
func (f *folder) check(tx *bbolt.Tx) error {
	b := tx.Bucket(markerBucket)
	if b == nil {
		return f.refuse(op.InvalidArgument, "is no embedded cloud's")
	}
	if have := string(b.Get(markerKey)); have != format {
		return f.refuse(op.InvalidArgument, fmt.Sprintf("is of format %q, and this version of Cloudlark knows only %q", have, format))
	}
	return nil
}

// open opens the database for do alone, waiting for other processes. bbolt
// trusts its file: what it does with a damaged one, be it a panic or an access
// beyond the file's end, comes back as an error.
func (f *folder) open(ctx context.Context, readOnly bool, do func(db *bbolt.DB) error) (err error) {
	f.mu.Lock()
	broken := f.broken
	f.mu.Unlock()
	if broken != nil {
		return broken
	}
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = f.damaged(r)
			// The database itself may hold any of its locks: let go of the file alone.
			if file != nil {
				file.Close()
			}
		}
	}()
	options := &bbolt.Options{ReadOnly: readOnly, NoStatistics: true,
		Timeout: time.Nanosecond, // one attempt: we wait better than bbolt does, which looks 20 times a second
		OpenFile: func(path string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			if file, err = os.OpenFile(path, flag&^os.O_CREATE, mode); err != nil {
				return nil, err
			}
			// An empty file bbolt would take for a new one.
			if info, err := file.Stat(); err != nil || info.Size() == 0 {
				file.Close()
				return nil, errors.Join(err, errors.New("is empty"))
			}
			return file, nil
		}}
	var db *bbolt.DB
	pause := 100 * time.Microsecond
	for {
		db, err = bbolt.Open(f.database(), 0o600, options)
		if !errors.Is(err, bolterrors.ErrTimeout) {
			break
		}
		select {
		case <-ctx.Done():
			return op.Errorf(op.AsError(ctx.Err()).Kind, "state: %s is in use by another process: %w", f.database(), ctx.Err())
		case <-time.After(pause):
			pause = min(pause*3/2, 5*time.Millisecond)
		}
	}
	if e := new(fs.PathError); errors.As(err, &e) {
		return op.Errorf(op.Unavailable, "state: %w", err)
	}
	if err != nil {
		return f.refuse(op.InvalidArgument, "cannot be read as an embedded cloud's: "+err.Error())
	}
	err = do(db)
	return errors.Join(err, db.Close())
}

// damaged remembers that the database is, from what a transaction panicked with.
func (f *folder) damaged(r any) error {
	if d, ok := r.(damage); ok {
		r = d.err
	}
	err := f.refuse(op.Internal, fmt.Sprintf("is damaged: %v", r))
	f.mu.Lock()
	f.broken = err
	f.mu.Unlock()
	return err
}

// boltRows are the records in a transaction of the database: a bucket a table.
type boltRows struct{ tx *bbolt.Tx }

func (r boltRows) get(table, key string, decode decoder) any {
	b := r.tx.Bucket([]byte(table))
	if b == nil {
		return nil
	}
	data := b.Get([]byte(key))
	if data == nil {
		return nil
	}
	return decoded(table, key, data, decode)
}

func decoded(table, key string, data []byte, decode decoder) any {
	v, err := decode(data)
	if err != nil {
		panic(damaged("%s %q: %w", table, key, err))
	}
	return v
}

func (r boltRows) set(table, key string, value any) (old any) {
	var data []byte
	if value != nil {
		var err error
		if data, err = json.Marshal(value); err != nil {
			panic(damaged("%s %q: %w", table, key, err))
		}
	}
	if had := r.raw(table, key, data); had != nil {
		return had
	}
	return nil
}

func (r boltRows) undo(table, key string, old any) {
	data, _ := old.([]byte)
	r.raw(table, key, data)
}

// raw sets the bytes of a key, or deletes it, and returns those it had.
func (r boltRows) raw(table, key string, data []byte) (old []byte) {
	b, err := r.tx.CreateBucketIfNotExists([]byte(table))
	if err != nil {
		panic(damaged("%s: %w", table, err))
	}
	old = bytes.Clone(b.Get([]byte(key)))
	if data == nil {
		err = b.Delete([]byte(key))
	} else {
		err = b.Put([]byte(key), data)
	}
	if err != nil {
		panic(damaged("%s %q: %w", table, key, err))
	}
	return old
}

func (r boltRows) scan(table, from string, decode decoder, yield func(key string, value any) bool) {
	b := r.tx.Bucket([]byte(table))
	if b == nil {
		return
	}
	c := b.Cursor()
	last, first := from, true
	for k, data := c.Seek([]byte(from)); k != nil; k, data = c.Next() {
		key := string(k)
		// In a damaged file keys may lead in circles, and a list without end.
		if key < last || key == last && !first {
			panic(damaged("%s %q: out of order", table, key))
		}
		last, first = key, false
		if !yield(key, decoded(table, key, data, decode)) {
			return
		}
	}
}

// abandoned is how long an upload lies still before it is taken for the rest
// of a process that ended.
const abandoned = time.Hour

// collect removes what processes that ended have left in uploads, and brings
// home the bodies that they had committed.
func (f *folder) collect(ctx context.Context) error {
	left, err := f.bodies.uploads(time.Now().Add(-abandoned))
	if err != nil || len(left) == 0 {
		return err
	}
	// In a transaction, so that no upload is committed meanwhile.
	return f.update(ctx, func(tx *txn) error {
		for _, name := range left {
			if _, committed := bodies.get(tx, name); committed {
				f.bodies.settle(name)
			} else if !strings.HasPrefix(name, freshPrefix) {
				_ = f.bodies.remove(name)
			} else {
				_ = os.Remove(filepath.Join(f.path, uploadsFolder, name))
			}
		}
		return nil
	})
}
