//go:build !wasip1

package sim

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

const (
	objectsFolder = "objects"
	uploadsFolder = "uploads"
	freshPrefix   = "fresh-" // of a database that is being made
)

// fileBlobs keeps bodies in files. A body is written to uploads, and moved to
// objects once a transaction has named it: what is left in uploads is little,
// and whether it is wanted can be asked of the records.
type fileBlobs struct{ objects, up string }

func newFileBlobs(folder string) *fileBlobs {
	return &fileBlobs{objects: filepath.Join(folder, objectsFolder), up: filepath.Join(folder, uploadsFolder)}
}

func (b *fileBlobs) prepare() error {
	return errors.Join(os.MkdirAll(b.objects, 0o700), os.MkdirAll(b.up, 0o700))
}

func (b *fileBlobs) create() (blobWriter, error) {
	name := rand.Text()
	file, err := os.OpenFile(filepath.Join(b.up, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = b.prepare(); err == nil {
			return b.create()
		}
	}
	if err != nil {
		return nil, op.Errorf(op.Unavailable, "state: %w", err)
	}
	return &fileWriter{File: file, name: name}, nil
}

func (b *fileBlobs) present(name string) bool {
	_, err := os.Lstat(filepath.Join(b.up, name))
	return err == nil
}

func (b *fileBlobs) settle(name string) {
	// Where it fails, the body is read from where it is, and moved another time.
	_ = os.Rename(filepath.Join(b.up, name), filepath.Join(b.objects, name))
}

func (b *fileBlobs) open(name string) (blobReader, error) {
	// It may be moved between the first look and the second.
	var last error
	for _, folder := range []string{b.objects, b.up, b.objects} {
		file, err := os.Open(filepath.Join(folder, name))
		if err == nil {
			return file, nil
		}
		if last = err; !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if errors.Is(last, fs.ErrNotExist) {
		return nil, op.Errorf(op.Internal, "the object's body is lost: %w", last)
	}
	return nil, op.Errorf(op.Unavailable, "state: %w", last)
}

func (b *fileBlobs) remove(name string) error {
	for _, folder := range []string{b.up, b.objects} {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// blobName matches the names of what this package puts into uploads: nothing
// else is ever removed.
var blobName = regexp.MustCompile(`^(` + freshPrefix + `)?[A-Z2-7]{26,}$`)

// uploads lists what has lain in uploads since before a time.
func (b *fileBlobs) uploads(before time.Time) (names []string, err error) {
	entries, err := os.ReadDir(b.up)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "state: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && blobName.MatchString(e.Name()) && info.ModTime().Before(before) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

type fileWriter struct {
	*os.File
	name string
}

func (w *fileWriter) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	if err != nil {
		err = op.Errorf(op.Unavailable, "state: %w", err)
	}
	return n, err
}

func (w *fileWriter) finish() (string, error) {
	if err := errors.Join(w.Sync(), w.Close()); err != nil {
		return "", op.Errorf(op.Unavailable, "state: %w", err)
	}
	return w.name, nil
}

func (w *fileWriter) discard() {
	w.Close()
	_ = os.Remove(w.File.Name())
}
