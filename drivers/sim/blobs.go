package sim

import (
	"bytes"
	"crypto/rand"
	"io"
	"sync"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// blobs keeps the bodies of objects. A body is whole before the transaction
// that names it, and removed after the transaction that forgets it: at no
// moment does a record name a body that is not there.
type blobs interface {
	// create begins a body: the writer is to be finished or discarded.
	create() (blobWriter, error)
	// present reports whether a finished body is there; asked in the
	// transaction that names it.
	present(name string) bool
	// settle tells that a body has been named by a transaction.
	settle(name string)
	// open opens a body.
	open(name string) (blobReader, error)
	// remove removes a body that no record names any more. Those who read it read on.
	remove(name string) error
}

type blobWriter interface {
	io.Writer
	// finish makes the body last, and says its name.
	finish() (name string, err error)
	// discard removes the body, finished or not, that nothing names.
	discard()
}

type blobReader interface {
	io.ReaderAt
	io.Closer
}

// memoryBlobs keeps bodies in memory.
type memoryBlobs struct {
	mu     sync.RWMutex
	bodies map[string][]byte
}

func (m *memoryBlobs) create() (blobWriter, error) {
	return &memoryWriter{blobs: m, name: rand.Text()}, nil
}

func (m *memoryBlobs) present(name string) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, ok := m.bodies[name]
	return ok
}

func (m *memoryBlobs) settle(string) {}

func (m *memoryBlobs) open(name string) (blobReader, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	body, ok := m.bodies[name]
	if !ok {
		return nil, op.Errorf(op.Internal, "the body %s is lost", name)
	}
	return memoryReader{bytes.NewReader(body)}, nil
}

func (m *memoryBlobs) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.bodies, name)
	return nil
}

type memoryWriter struct {
	bytes.Buffer
	blobs *memoryBlobs
	name  string
}

func (w *memoryWriter) finish() (string, error) {
	w.blobs.mu.Lock()
	defer w.blobs.mu.Unlock()
	if w.blobs.bodies == nil {
		w.blobs.bodies = map[string][]byte{}
	}
	w.blobs.bodies[w.name] = w.Bytes()
	return w.name, nil
}

func (w *memoryWriter) discard() { w.blobs.remove(w.name) }

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }
