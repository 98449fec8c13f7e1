package transfer

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"

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
	p, err := emptyPartial(t.to)
	if err != nil {
		return err
	}
	n, err := r.flow(p, d.Body, g, nil)
	if err == nil && n != d.Object.Size {
		err = op.Errorf(op.Internal, "%d bytes came of %d", n, d.Object.Size)
	}
	if err != nil {
		r.meter.moved.Add(-n)
		p.abandon()
		return err
	}
	return p.finish(t.to, r.o.Sync, d.Object.LastModified)
}

// flow copies a body, and sums and counts what flows.
func (r *run) flow(w io.Writer, body io.Reader, g *guard, sum io.Writer) (n int64, err error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		m, err := body.Read(*buf)
		if m > 0 {
			g.touch()
			if sum != nil {
				sum.Write((*buf)[:m])
			}
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
	dropOthers(t.to, v)
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
	r.meter.moved.Add(resumed)
	if err != nil {
		if op.KindOf(err) == op.Internal || op.KindOf(err) == op.Conflict {
			p.keep = false
		}
		p.abandon()
		return resumed, err
	}
	return resumed, p.finish(t.to, r.o.Sync, e.Modified)
}

// readOn reads an object from its start to its end, as its checksum wants it, or
// from where an earlier run came to.
func (r *run) readOn(from Location, e Entry, p *partial, c *check) (resumed int64, err error) {
	info, err := p.Stat()
	if err != nil {
		return 0, fileError(from, err)
	}
	if resumed = info.Size(); resumed > e.Size {
		resumed = 0
	}
	if err := p.Truncate(resumed); err != nil {
		return 0, fileError(from, err)
	}
	if _, err := io.Copy(c, io.NewSectionReader(p, 0, resumed)); err != nil {
		return 0, fileError(from, err)
	}
	at := resumed
	err = r.read(r.ctx, from, e, at, e.Size-at, io.NewOffsetWriter(p, at), c)
	if err == nil {
		err = c.done()
	}
	return resumed, err
}

// read reads a range of one version of an object, and goes on where it broke off.
func (r *run) read(ctx context.Context, from Location, e Entry, offset, length int64, w io.Writer, sum io.Writer) error {
	if length == 0 {
		return nil
	}
	return r.again(ctx, func(ctx context.Context) (further bool, err error) {
		err = r.request(ctx, func(ctx context.Context) error {
			ctx, g := r.guard(ctx)
			d, err := drivers.Call[storage.Download](ctx, from.conn, storage.ReadObject{Bucket: from.bucket, Name: from.name, Offset: offset, Length: length, IfETag: e.ETag})
			if err != nil {
				return g.release(ctx, err)
			}
			defer d.Body.Close()
			n, err := r.flow(w, io.LimitReader(d.Body, length), g, sum)
			if n < length && err == nil {
				err = op.Errorf(op.Unavailable, "the body ended after %d of %d bytes", n, length)
			}
			offset, length, further = offset+n, length-n, n > 0
			return g.release(ctx, err)
		})
		return further, err
	})
}

// A record says of a part that it is in a partial file, and its CRC-32C. Those of
// all parts stand behind the body, in a file that is longer than that until it is
// whole.
const (
	recordSize = 8
	recordDone = 0x646f6e65
)

// readParts reads an object in parts, several at a time, and leaves out those that
// an earlier run has read.
func (r *run) readParts(from Location, e Entry, p *partial, part int64, c *check) (resumed int64, err error) {
	n := int((e.Size + part - 1) / part)
	length := func(i int) int64 { return min(part, e.Size-int64(i)*part) }
	records := make([]byte, n*recordSize)
	if info, err := p.Stat(); err != nil {
		return 0, fileError(from, err)
	} else if want := e.Size + int64(len(records)); info.Size() != want {
		if err := p.Truncate(want); err != nil {
			return 0, fileError(from, err)
		}
	} else if _, err := p.ReadAt(records, e.Size); err != nil {
		return 0, fileError(from, err)
	}
	sums := make([]uint32, n)
	g, ctx := errgroup.WithContext(r.ctx)
	g.SetLimit(partsAtOnce)
	for i := range n {
		if record := records[i*recordSize:]; binary.BigEndian.Uint32(record) == recordDone {
			sums[i] = binary.BigEndian.Uint32(record[4:])
			resumed += length(i)
			continue
		}
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			sum := crc32.New(castagnoli)
			if err := r.read(ctx, from, e, int64(i)*part, length(i), io.NewOffsetWriter(p, int64(i)*part), sum); err != nil {
				return err
			}
			sums[i] = sum.Sum32()
			record := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, recordDone), sums[i])
			if _, err := p.WriteAt(record, e.Size+int64(i)*recordSize); err != nil {
				return fileError(from, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return resumed, err
	}
	if err := c.compare(joinCRC(sums, length)); err != nil {
		return resumed, err
	}
	if err := p.Truncate(e.Size); err != nil {
		return resumed, fileError(from, err)
	}
	return resumed, nil
}
