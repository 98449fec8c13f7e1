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
	"strings"
	"time"
)

// A partial is a file that is not whole yet, beside its place:
//
//	.NAME.0123456789abcdef.cloudlark
//
// Of large objects the digits follow from the object and its version, so that a
// later run finds it and goes on; of others they are random.
type partial struct {
	*os.File
	root *os.Root
	name string
	keep bool // it is worth going on with
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
	b := make([]byte, 8)
	rand.Read(b)
	return openPartial(l, hex.EncodeToString(b), os.O_CREATE|os.O_EXCL|os.O_RDWR)
}

// takePartial opens the file of that version, as far as it has come, unless another
// process is at it: then it is a new one.
func takePartial(l Location, version string) (*partial, error) {
	p, err := openPartial(l, version, os.O_CREATE|os.O_RDWR)
	if err != nil {
		return nil, err
	}
	if lock(p.File) && p.inPlace() {
		p.keep = true
		return p, nil
	}
	p.Close()
	return createPartial(l)
}

// inPlace reports whether the file still has its name: another process may have
// finished it between the opening and the lock.
func (p *partial) inPlace() bool {
	mine, err := p.Stat()
	if err != nil {
		return false
	}
	named, err := p.root.Stat(p.name)
	return err == nil && os.SameFile(mine, named)
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
	return &partial{File: f, root: l.root, name: name}, nil
}

// finish gives the file its name.
func (p *partial) finish(l Location, sync bool, modified time.Time) error {
	var err error
	if sync {
		err = p.Sync()
	}
	if err = errors.Join(err, p.File.Close()); err == nil && !modified.IsZero() {
		err = p.root.Chtimes(p.name, modified, modified)
	}
	if err == nil {
		err = p.root.Rename(p.name, l.name)
	}
	if err == nil && sync {
		err = syncFolder(l.root, path.Dir(l.name))
	}
	if err != nil {
		p.root.Remove(p.name)
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
		p.root.Remove(p.name)
	}
	p.File.Close()
}

// dropOthers removes the partial files of other versions of what is to be at l: the
// object has changed since.
func dropOthers(l Location, version string) {
	dir, err := l.root.Open(path.Dir(l.name))
	if err != nil {
		return
	}
	defer dir.Close()
	base := path.Base(partialName(l.name, ""))
	begin := strings.TrimSuffix(base, partialEnd)
	names, _ := dir.Readdirnames(-1)
	for _, n := range names {
		if !strings.HasPrefix(n, begin) || !isPartial(n) || strings.Contains(n, version) {
			continue
		}
		p, err := openPartial(l, strings.TrimSuffix(strings.TrimPrefix(n, begin), partialEnd), os.O_RDWR)
		if err != nil {
			continue
		}
		if lock(p.File) {
			p.abandon()
		} else {
			p.Close()
		}
	}
}
