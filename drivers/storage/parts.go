package storage

import (
	"bytes"
	"context"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// Parts is a body that is sent in parts: how a driver writes an object whose
// length need not be known, in memory that does not grow with it.
type Parts struct {
	Body io.Reader
	Size *int64            // what the body is to have, if known
	Part func(i int) int64 // the size of part i, counted from 0
	Sum  hash.Hash         // of all that was read; nil for none
	Read int64             // how much was read
}

// Next reads part i, into buf if that is large enough. One that is shorter than
// parts are is the last; there may be one more, which is empty.
func (p *Parts) Next(ctx context.Context, i int, buf []byte) ([]byte, error) {
	size := p.Part(i)
	b := bytes.NewBuffer(buf[:0])
	if p.Size != nil && cap(buf) == 0 {
		b.Grow(int(min(size, max(0, *p.Size-p.Read)) + bytes.MinRead))
	}
	n, err := b.ReadFrom(&flowing{ctx, io.LimitReader(p.Body, size)})
	p.Read += n
	switch {
	case err != nil:
		if _, ok := errors.AsType[*op.Error](err); ok {
			return nil, err
		}
		return nil, &op.Error{Kind: op.KindOf(err), Message: "reading the body: " + err.Error(), Err: err}
	case p.Size != nil && (p.Read > *p.Size || n < size && p.Read < *p.Size):
		return nil, op.Errorf(op.InvalidArgument, "the body is not of the size given: it has %d bytes or more, not %d", p.Read, *p.Size)
	}
	if p.Sum != nil {
		p.Sum.Write(b.Bytes())
	}
	return b.Bytes(), nil
}

// Send hands the parts to send, the first of which was read already, at most
// atOnce at a time. It returns how many there were, when all are sent; at the
// first error, it waits for those that are under way.
func (p *Parts) Send(ctx context.Context, first []byte, atOnce int, send func(ctx context.Context, i int, part []byte) error) (int, error) {
	sending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan []byte, atOnce) // a buffer to use again, or nil
	for range atOnce {
		slots <- nil
	}
	var underWay sync.WaitGroup
	count, part := 0, first
	for {
		buf := <-slots
		if sending.Err() != nil {
			break
		}
		i, b := count, part
		underWay.Go(func() {
			if err := send(sending, i, b); err != nil {
				cancel(err)
			}
			slots <- b
		})
		if count++; int64(len(b)) < p.Part(i) {
			break
		}
		var err error
		if part, err = p.Next(sending, count, buf); err != nil {
			cancel(err)
			break
		}
		if len(part) == 0 {
			break
		}
	}
	underWay.Wait()
	if err := context.Cause(sending); err != nil {
		return count, err
	}
	return count, nil
}
