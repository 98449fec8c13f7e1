package sim

import (
	"context"
	"io"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A newBody is a body that is whole, and that no record names yet.
type newBody struct {
	blobWriter
	name string
	size int64
	sum  *sums
}

// writeBody writes what flows from a reader. The body is to be kept.
func (d storageDriver) writeBody(ctx context.Context, from io.Reader, size *int64) (_ *newBody, err error) {
	w, err := d.world.store.blobs().create()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.discard()
		}
	}()
	b := &newBody{blobWriter: w, sum: newSums()}
	if b.size, err = flow(ctx, io.MultiWriter(w, b.sum), from, size); err != nil {
		return nil, err
	}
	b.name, err = w.finish()
	return b, err
}

// keep runs the transaction that names the body, unless it reports that it does
// not want it: then, and when it fails, the body is gone.
func (b *newBody) keep(ctx context.Context, d storageDriver, f func(tx *txn, now time.Time, lost *bodiesLost) (wanted bool, err error)) error {
	kept := false
	err := d.updateBodies(ctx, func(tx *txn, now time.Time, lost *bodiesLost) (err error) {
		if kept, err = f(tx, now, lost); err != nil || !kept {
			return err
		}
		if !d.world.store.blobs().present(b.name) {
			return op.Errorf(op.Unavailable, "the body was taken away while it was written: it took too long")
		}
		bodies.put(tx, b.name, bodyRecord{Objects: 1, Sums: b.sum.blocks()})
		return nil
	})
	if err != nil || !kept {
		b.discard()
		return err
	}
	d.world.store.blobs().settle(b.name)
	return nil
}
