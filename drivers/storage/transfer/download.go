package transfer

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

const (
	// large is from where on an object is moved in parts, several at a time.
	large = 64 << 20
	// partsAtOnce is how many parts of one object are under way.
	partsAtOnce = 8
	leastPart   = 16 << 20
	mostParts   = 1000 // that a part's size is chosen for
)

// partSize is for an object of that size, as far as the provider leaves the choice.
func (r *run) partSize(size int64) int64 {
	if r.o.PartSize > 0 {
		return r.o.PartSize
	}
	part := int64(leastPart)
	for part*mostParts < size {
		part *= 2
	}
	return part
}

// isLarge reports whether something is moved in parts.
func (r *run) isLarge(size int64) bool {
	if r.o.PartSize > 0 {
		return size > r.o.PartSize
	}
	return size > large
}

// download writes an object into a file.
func (r *run) download(t task) (resumed int64, err error) {
	if !r.isLarge(t.entry.Size) {
		return 0, r.downloadSmall(t)
	}
	for try := 0; ; try++ {
		resumed, err = r.downloadLarge(t)
		// Damage is only seen at the end, and what was there from an earlier run may
		// be what is damaged; or the object has become another one: once more, from
		// the start.
		kind := op.KindOf(err)
		if try > 0 || kind != op.Conflict && kind != op.Internal {
			return resumed, err
		}
		t.entry.Object = storage.Object{}
	}
}

// downloadSmall reads an object at once. Its driver compares the checksum.
func (r *run) downloadSmall(t task) error {
	return r.again(r.ctx, func(ctx context.Context) (bool, error) {
		return false, r.request(ctx, func(ctx context.Context) error {
			ctx, g := r.guard(ctx)
			return g.release(ctx, r.readSmall(ctx, g, t))
		})
	})
}

func (r *run) readSmall(ctx context.Context, g *guard, t task) (err error) {
	d, err := drivers.Call[storage.Download](ctx, t.from.conn, storage.ReadObject{Bucket: t.from.bucket, Name: t.from.name})
	if err != nil {
		return err
	}
	defer d.Body.Close()
	p, err := r.emptyPartial(t.to)
	if err != nil {
		return err
	}
	n, err := r.flow(p, d.Body, g)
	if err == nil && n != d.Object.Size {
		err = op.Errorf(op.Internal, "%d bytes came of %d", n, d.Object.Size)
	}
	if err != nil {
		r.meter.moved.Add(-n)
		p.abandon()
		return err
	}
	return p.finish(r.o.Sync, d.Object.LastModified)
}

// flow copies a body, and counts what flows.
func (r *run) flow(w io.Writer, body io.Reader, g *guard) (n int64, err error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		m, err := body.Read(*buf)
		if m > 0 {
			g.touch()
			if _, err := w.Write((*buf)[:m]); err != nil {
				return n, fileError("writing", err)
			}
			n += int64(m)
			r.meter.moved.Add(int64(m))
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

func (r *run) downloadLarge(t task) (resumed int64, err error) {
	e := t.entry
	if err := r.describe(r.ctx, t.from, &e); err != nil {
		return 0, err
	}
	part := r.partSize(e.Size)
	c := checkOf(e.Object)
	if !c.inParts() {
		part = e.Size
	}
	v := version(t.from, e.ETag, e.Size, part)
	r.dropOthers(t.to, v)
	p, err := takePartial(t.to, v)
	if err != nil {
		return 0, err
	}
	if r.o.Restart {
		if err := p.Truncate(0); err != nil {
			p.abandon()
			return 0, fileError(t.to, err)
		}
	}
	if c.inParts() {
		resumed, err = r.readParts(t.from, e, p, part, c)
	} else {
		resumed, err = r.readOn(t.from, e, p, c)
	}
	if err != nil {
		if op.KindOf(err) == op.Internal || op.KindOf(err) == op.Conflict {
			p.keep = false
		}
		p.abandon()
		return resumed, err
	}
	return resumed, p.finish(r.o.Sync, e.Modified)
}

// readOn reads an object from its start to its end, as its checksum wants it, or
// from where an earlier run came to.
func (r *run) readOn(from Location, e Entry, p *partial, c *check) (resumed int64, err error) {
	info, err := p.Stat()
	if err != nil {
		return 0, fileError(p.to, err)
	}
	if resumed = info.Size(); resumed > e.Size {
		resumed = 0
	}
	if err := p.Truncate(resumed); err != nil {
		return 0, fileError(p.to, err)
	}
	r.meter.moved.Add(resumed)
	begin := func() (io.Writer, error) {
		c.Reset()
		if err := sum(r.ctx, c, p, 0, resumed); err != nil {
			return nil, fileError(p.to, err)
		}
		return io.MultiWriter(io.NewOffsetWriter(p, resumed), c), nil
	}
	if err = r.read(r.ctx, from, e, resumed, e.Size-resumed, begin); err == nil {
		err = c.done()
	}
	return resumed, err
}

// sum adds a section of a file to a sum.
func sum(ctx context.Context, to io.Writer, of io.ReaderAt, offset, length int64) error {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for length > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := of.ReadAt((*buf)[:min(length, int64(len(*buf)))], offset)
		if n == 0 && err != nil {
			return err
		}
		to.Write((*buf)[:n])
		offset, length = offset+int64(n), length-int64(n)
	}
	return nil
}

// read reads a range of one version of an object into what begin makes, and goes on
// where it broke off. What its driver has found damaged is read anew, from the start.
func (r *run) read(ctx context.Context, from Location, e Entry, offset, length int64, begin func() (io.Writer, error)) error {
	var w io.Writer
	var at int64
	return r.again(ctx, func(ctx context.Context) (further bool, err error) {
		if w == nil {
			if w, err = begin(); err != nil {
				return false, err
			}
			at = 0
		}
		if at == length {
			return false, nil
		}
		err = r.request(ctx, func(ctx context.Context) error {
			ctx, g := r.guard(ctx)
			d, err := drivers.Call[storage.Download](ctx, from.conn, storage.ReadObject{Bucket: from.bucket, Name: from.name, Offset: offset + at, Length: length - at, IfETag: e.ETag})
			if err != nil {
				return g.release(ctx, err)
			}
			defer d.Body.Close()
			n, err := r.flow(w, io.LimitReader(d.Body, length-at), g)
			at, further = at+n, n > 0
			switch {
			case n > 0 && op.KindOf(err) == op.Internal:
				r.meter.moved.Add(-at)
				w, further = nil, false
			case at == length && err != nil && op.KindOf(err) == op.Unavailable:
				err = nil // it broke off behind what is wanted
			case at < length && err == nil:
				err = op.Errorf(op.Unavailable, "the body ended at %d of %d bytes", at, length)
			}
			return g.release(ctx, err)
		})
		return further, err
	})
}

// A record says of a part that it is in a partial file, and its checksum. Those of
// all parts stand behind the body, in a file that is longer than that until it is
// whole.
const (
	recordSize = 16
	recordDone = 0x636c6f75646c726b
)

// readParts reads an object in parts, several at a time, and leaves out those that
// an earlier run has read. They are summed again: a machine that fails may keep a
// record and lose what it is of.
func (r *run) readParts(from Location, e Entry, p *partial, part int64, c *check) (resumed int64, err error) {
	n := int((e.Size + part - 1) / part)
	records := make([]byte, n*recordSize)
	if info, err := p.Stat(); err != nil {
		return 0, fileError(p.to, err)
	} else if want := e.Size + int64(len(records)); info.Size() != want {
		if err := p.Truncate(want); err != nil {
			return 0, fileError(p.to, err)
		}
	} else if _, err := p.ReadAt(records, e.Size); err != nil {
		return 0, fileError(p.to, err)
	}
	algorithm := c.ofParts()
	parts := make([]storage.Part, n)
	var found atomic.Int64
	g, ctx := errgroup.WithContext(r.ctx)
	g.SetLimit(partsAtOnce)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			offset, length := int64(i)*part, min(part, e.Size-int64(i)*part)
			h := algorithm.make()
			record := records[i*recordSize:][:recordSize]
			there := binary.BigEndian.Uint64(record) == recordDone
			if there {
				if err := sum(ctx, h, p, offset, length); err != nil {
					return fileError(p.to, err)
				}
				there = number(h.Sum(nil)) == binary.BigEndian.Uint64(record[8:])
			}
			if there {
				found.Add(length)
				r.meter.moved.Add(length)
			} else {
				begin := func() (io.Writer, error) {
					h.Reset()
					return io.MultiWriter(io.NewOffsetWriter(p, offset), h), nil
				}
				if err := r.read(ctx, from, e, offset, length, begin); err != nil {
					return err
				}
				record = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, recordDone), number(h.Sum(nil)))
				if _, err := p.WriteAt(record, e.Size+int64(i)*recordSize); err != nil {
					return fileError(p.to, err)
				}
			}
			parts[i] = storage.Part{Size: length, Checksums: map[string]string{algorithm.name: hex.EncodeToString(h.Sum(nil))}}
			return nil
		})
	}
	err = g.Wait()
	resumed = found.Load()
	if err != nil {
		return resumed, err
	}
	if have, _ := algorithm.join(parts); c != nil {
		if err := c.compare(have); err != nil {
			return resumed, err
		}
	}
	if err := p.Truncate(e.Size); err != nil {
		return resumed, fileError(p.to, err)
	}
	return resumed, nil
}
