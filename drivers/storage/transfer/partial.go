package transfer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// A partial is a file that is not whole yet, beside its place:
//
//	.NAME.0123456789abcdef.cloudlark
//
// The digits of a large object's follow from the object and its version, so that a
// later run finds it and goes on. Those of another's follow from its name, so that
// the next run writes over what one that was killed has left. Who writes the file
// has it locked until it has its own name; a second writer's digits are random, and
// what it has left when it was killed goes with the next run.
type partial struct {
	*os.File
	held *os.File // the same file, for the lock: File is closed before it gets its name
	to   Location
	name string

	lockless bool // the file system has no locks
	keep     bool // it is worth going on with
}

const partialEnd = ".cloudlark"

func isPartial(base string) bool {
	return strings.HasPrefix(base, ".") && strings.HasSuffix(base, partialEnd) && len(base) > len(partialEnd)+17
}

func partialName(file, digits string) string {
	base := path.Base(file)
	return path.Join(path.Dir(file), "."+base[:min(len(base), 200)]+"."+digits+partialEnd)
}

// version is digits that follow from what is given.
func version(of ...any) string {
	h := sha256.Sum256([]byte(fmt.Sprintln(of...)))
	return hex.EncodeToString(h[:8])
}

// createPartial makes an empty file that nobody else knows.
func createPartial(l Location) (*partial, error) {
	for try := 1; ; try++ {
		b := make([]byte, 8)
		rand.Read(b)
		p, err := openPartial(l, hex.EncodeToString(b), os.O_CREATE|os.O_EXCL|os.O_RDWR)
		if err != nil || p.lock() || p.lockless || try == 3 {
			return p, err
		}
		p.abandon() // another process has taken it for one that was left
	}
}

// takePartial opens the file of those digits, as far as it has come, unless another
// process is at it: then it is a new one.
func takePartial(l Location, digits string) (*partial, error) {
	p, err := openPartial(l, digits, os.O_CREATE|os.O_RDWR)
	if err == nil && p.lock() {
		p.keep = true
		return p, nil
	}
	if err == nil {
		if p.lockless {
			p.to.root.Remove(p.name) // which nobody writes there
		}
		p.Close()
	}
	return createPartial(l)
}

// emptyPartial is a file for what no later run goes on with.
func (r *run) emptyPartial(l Location) (*partial, error) {
	digits := version(l.name)
	r.dropOthers(l, digits)
	p, err := takePartial(l, digits)
	if err != nil {
		return nil, err
	}
	p.keep = false
	info, err := p.Stat()
	if err == nil && info.Size() > 0 {
		err = p.Truncate(0)
	}
	if err != nil {
		p.abandon()
		return nil, fileError(l, err)
	}
	return p, nil
}

// lock reports whether nobody else writes the file and it still has its name: another
// process may have finished it since it was opened.
func (p *partial) lock() bool {
	var err error
	if p.held, err = p.to.root.OpenFile(p.name, os.O_RDWR, 0); err != nil {
		return false
	}
	alone, taken := lock(p.held)
	p.lockless = !alone && !taken
	mine, err := p.Stat()
	if err != nil || !alone {
		return false
	}
	named, err := p.to.root.Lstat(p.name) // not a link that somebody has put there
	return err == nil && os.SameFile(mine, named)
}

// Close lets others have the file.
func (p *partial) Close() error {
	err := p.File.Close()
	if p.held != nil {
		p.held.Close()
	}
	return err
}

func openPartial(l Location, digits string, flags int) (*partial, error) {
	name := partialName(l.name, digits)
	f, err := l.root.OpenFile(name, flags, 0o666)
	if errors.Is(err, fs.ErrNotExist) {
		if err = l.root.MkdirAll(path.Dir(name), 0o777); err == nil {
			f, err = l.root.OpenFile(name, flags, 0o666)
		}
	}
	if err != nil {
		return nil, fileError(l, err)
	}
	return &partial{File: f, to: l, name: name}, nil
}

// finish gives the file its name.
func (p *partial) finish(sync bool, modified time.Time) error {
	l := p.to
	defer p.Close()
	var err error
	if sync {
		err = p.Sync()
	}
	if err = errors.Join(err, p.File.Close()); err == nil && !modified.IsZero() {
		err = p.to.root.Chtimes(p.name, modified, modified)
	}
	if err == nil {
		err = p.to.root.Rename(p.name, l.name)
	}
	if err == nil && sync {
		err = syncFolder(l.root, path.Dir(l.name))
	}
	if err != nil {
		p.to.root.Remove(p.name)
		return fileError(l, err)
	}
	return nil
}

func syncFolder(root *os.Root, dir string) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// abandon leaves the file for a later run, or removes it.
func (p *partial) abandon() {
	if !p.keep {
		p.to.root.Remove(p.name)
	}
	p.Close()
}

// dropOthers removes the partial files with other digits of what is to be at l, which
// nobody writes any more: their process has ended, and the object may have changed.
func (r *run) dropOthers(l Location, version string) {
	begin := strings.TrimSuffix(path.Base(partialName(l.name, "")), partialEnd)
	for _, n := range r.left.in(l) {
		digits := strings.TrimSuffix(strings.TrimPrefix(n, begin), partialEnd)
		if n != begin+digits+partialEnd || len(digits) != len(version) || digits == version {
			continue
		}
		p, err := openPartial(l, digits, os.O_RDWR)
		if err != nil {
			continue
		}
		if p.lock() {
			p.abandon()
		} else {
			p.Close()
		}
	}
}

// leftovers are the partial files that were in a folder when a run first wrote there:
// a folder is looked through once, not for every file.
type leftovers struct {
	mu   sync.Mutex
	seen map[string][]string // by folder
}

// mostFolders is how many folders are remembered at most.
const mostFolders = 1000

// in is what was in the folder of what is to be at l.
func (k *leftovers) in(l Location) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	folder := path.Dir(l.name)
	names, ok := k.seen[folder]
	if ok {
		return names
	}
	if k.seen == nil || len(k.seen) == mostFolders {
		k.seen = map[string][]string{}
	}
	if dir, err := l.root.Open(folder); err == nil {
		for err == nil {
			var some []string
			some, err = dir.Readdirnames(1024)
			names = append(names, slices.DeleteFunc(some, func(n string) bool { return !isPartial(n) })...)
		}
		dir.Close()
	}
	k.seen[folder] = names
	return names
}
