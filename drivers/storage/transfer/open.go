package transfer

import (
	"context"
	"io"

	"github.com/cloudlark/cloudlark/drivers/storage"
)

// Open opens an object's body, from its start to its end. A body that breaks off is
// gone on with, and at its end it is compared with the provider's checksum: damage
// is an error in the place of io.EOF.
func (e *Engine) Open(ctx context.Context, l Location) (io.ReadCloser, storage.Object, error) {
	r := e.begin(ctx, Job{From: l})
	entry, err := l.stat(r.ctx)
	if err != nil {
		r.end(err)
		return nil, storage.Object{}, l.failed(err)
	}
	s := r.open(r.ctx, l, entry, checkOf(entry.Object))
	return &opened{checked{s}}, entry.Object, nil
}

type opened struct{ checked }

func (o *opened) Read(p []byte) (int, error) {
	n, err := o.checked.Read(p)
	if err != nil && err != io.EOF {
		err = o.l.failed(err)
	}
	return n, err
}

func (o *opened) Close() error {
	o.close()
	o.r.end(nil)
	return nil
}
