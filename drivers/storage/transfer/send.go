package transfer

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// upload makes an object of a file.
func (r *run) upload(t task) (resumed int64, err error) {
	f, err := openFile(t.from)
	if err != nil {
		return 0, err
	}
	defer f.f.Close()
	o := storage.Object{Size: f.info.Size(), ContentType: contentType(t.from.name)}
	if r.isLarge(o.Size) && t.to.takesParts() {
		return r.sendParts(t.to, o, f)
	}
	body, _ := f.section(r.ctx, 0, o.Size)
	if err = r.put(t.to, o, body); err == nil {
		err = f.done(nil)
	}
	return 0, err
}

func (l Location) takesParts() bool {
	return l.offers("create_multipart_upload") && l.offers("upload_part") && l.offers("complete_multipart_upload")
}

// between copies an object: by its provider where both ends are one connection's,
// else through this machine, without a file.
func (r *run) between(t task) (resumed int64, err error) {
	if t.from.same(t.to) && t.to.offers("copy_object") && r.job.ContentType == "" && r.job.StorageClass == "" && !r.job.IfAbsent {
		err := r.request(r.ctx, func(ctx context.Context) error {
			_, err := drivers.Call[storage.Object](ctx, t.from.conn, storage.CopyObject{Bucket: t.from.bucket, Name: t.from.name,
				ToBucket: t.to.bucket, ToName: t.to.name, Metadata: r.job.Metadata})
			return err
		})
		if err == nil {
			r.meter.moved.Add(t.entry.Size)
		}
		return 0, err
	}
	for try := 0; ; try++ {
		if t.entry.Size <= r.mostHeld() && !r.isLarge(t.entry.Size) {
			err = r.copySmall(t)
		} else {
			resumed, err = r.copyLarge(t)
		}
		// It may have become another one in between; or been damaged on its way, which
		// is seen at its end.
		if kind := op.KindOf(err); try > 0 || kind != op.Conflict && kind != op.Internal {
			return resumed, err
		}
		t.entry.Object = storage.Object{}
		if err := r.describe(r.ctx, t.from, &t.entry); err != nil {
			return resumed, err
		}
	}
}

// copySmall reads an object at once, compared by its driver, and writes it at once.
func (r *run) copySmall(t task) error {
	b, err := r.memory.take(r.ctx, t.entry.Size)
	if err != nil {
		return err
	}
	defer r.memory.give(b)
	var o storage.Object
	err = r.again(r.ctx, func(ctx context.Context) (bool, error) {
		return false, r.request(ctx, func(ctx context.Context) error {
			ctx, g := r.guard(ctx)
			d, err := drivers.Call[storage.Download](ctx, t.from.conn, storage.ReadObject{Bucket: t.from.bucket, Name: t.from.name, IfETag: t.entry.ETag})
			if err != nil {
				return g.release(ctx, err)
			}
			defer d.Body.Close()
			if d.Object.Size != t.entry.Size {
				return g.release(ctx, op.Errorf(op.Conflict, "it was replaced while it was copied"))
			}
			if _, err = io.ReadFull(d.Body, b); err == nil {
				// The end is where a driver says that the body was damaged.
				var more [1]byte
				switch n, end := d.Body.Read(more[:]); {
				case n > 0:
					err = op.Errorf(op.Internal, "more came than the %d bytes of it", len(b))
				case end != io.EOF:
					err = end
				}
			}
			o = d.Object
			return g.release(ctx, err)
		})
	})
	if err != nil {
		return err
	}
	return r.put(t.to, o, section{ReadSeeker: bytes.NewReader(b), release: func() {}})
}

// copyLarge copies an object that is not held in memory.
func (r *run) copyLarge(t task) (resumed int64, err error) {
	if err := r.describe(r.ctx, t.from, &t.entry); err != nil {
		return 0, err
	}
	s := &objectSource{r: r, l: t.from, e: t.entry, check: checkOf(t.entry.Object)}
	defer s.close()
	if t.to.takesParts() {
		return r.sendParts(t.to, t.entry.Object, s)
	}
	// How much of a stream the far end's driver holds, only it knows.
	release, err := r.memory.all(r.ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	// A stream that breaks off goes on by itself; what cannot be read again by the
	// far end's driver is begun anew.
	return 0, r.again(r.ctx, func(ctx context.Context) (bool, error) {
		in := r.open(ctx, t.from, t.entry, checkOf(t.entry.Object))
		defer in.close()
		return false, r.write(ctx, t.to, t.entry.Object, func(g *guard) io.Reader { return moving{&checked{in}, g} })
	})
}

// checked is a stream whose end is an error when it was damaged, so that nothing
// is made of it.
type checked struct{ *stream }

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	if err == io.EOF {
		if damaged := c.stream.end(); damaged != nil {
			err = damaged
		}
	}
	return n, err
}

// request for an object as the job wants it.
func (r *run) object(to Location, o storage.Object) storage.PutObject {
	in := storage.PutObject{Bucket: to.bucket, Name: to.name, Size: &o.Size, ContentType: o.ContentType, Metadata: o.Metadata, StorageClass: r.job.StorageClass, IfAbsent: r.job.IfAbsent}
	in.ContentType = cmp.Or(r.job.ContentType, in.ContentType)
	if r.job.Metadata != nil {
		in.Metadata = r.job.Metadata
	}
	return in
}

// put writes an object at once.
func (r *run) put(to Location, o storage.Object, body section) error {
	defer body.release()
	return r.again(r.ctx, func(ctx context.Context) (bool, error) {
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return false, fileError(to, err)
		}
		return false, r.write(ctx, to, o, func(g *guard) io.Reader { return movingAgain(body, g) })
	})
}

// write makes the request that writes an object.
func (r *run) write(ctx context.Context, to Location, o storage.Object, body func(*guard) io.Reader) error {
	return r.request(ctx, func(ctx context.Context) error {
		ctx, g := r.guard(ctx)
		in := r.object(to, o)
		in.Body = body(g)
		made, err := drivers.Call[storage.Object](ctx, to.conn, in)
		if err == nil {
			err = arrived(o, made)
		}
		if err == nil {
			r.meter.moved.Add(made.Size)
		}
		return g.release(ctx, err)
	})
}

// arrived compares what was made with what it was made of.
func arrived(from, made storage.Object) error {
	if made.Size != from.Size {
		return op.Errorf(op.Internal, "%d bytes were written of %d", made.Size, from.Size)
	}
	for name, want := range from.Checksums {
		if have := made.Checksums[name]; have != "" && have != want {
			return op.Errorf(op.Internal, "what was written is damaged: its %s is %s, not %s", name, have, want)
		}
	}
	return nil
}

// sendParts writes an object in parts, several at a time, and leaves out those that
// an earlier run has sent.
func (r *run) sendParts(to Location, o storage.Object, src source) (resumed int64, err error) {
	u, err := r.takeUpload(to, o, src)
	if err != nil {
		return 0, err
	}
	defer func() { u.end(r, err) }()
	n := int((o.Size + u.partSize - 1) / u.partSize)
	length := func(i int) int64 { return min(u.partSize, o.Size-int64(i)*u.partSize) }
	parts := make([]storage.Part, n)
	g, ctx := errgroup.WithContext(r.ctx)
	g.SetLimit(partsAtOnce)
	send := func(i int, s section) error {
		defer s.release()
		part, err := r.sendPart(ctx, to, u, i+1, s, length(i))
		if err != nil {
			return err
		}
		if parts[i], err = withSums(part, s); err != nil {
			return err
		}
		r.meter.moved.Add(length(i))
		return u.note(parts[i])
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		if there, ok := u.there[i+1]; ok && there.Size == length(i) && (src.needs() == "" || there.Checksums[src.needs()] != "") {
			parts[i] = there
			resumed += length(i)
			r.meter.moved.Add(length(i))
			if !src.inOrder() {
				continue
			}
		}
		if src.inOrder() {
			s, err := src.section(ctx, int64(i)*u.partSize, length(i))
			if err != nil {
				g.Go(func() error { return err })
				break
			}
			if parts[i].Number != 0 {
				s.release()
				continue
			}
			g.Go(func() error { return send(i, s) })
			continue
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s, err := src.section(ctx, int64(i)*u.partSize, length(i))
			if err != nil {
				return err
			}
			return send(i, s)
		})
	}
	if err = g.Wait(); err != nil {
		return resumed, err
	}
	if err = src.done(parts); err != nil {
		return resumed, err
	}
	return resumed, r.complete(to, o, u, parts)
}

// withSums is a part with the checksums of what it was made of, which are those that
// its provider has.
func withSums(part storage.Part, s section) (storage.Part, error) {
	var all map[string]string
	if s.sums != nil {
		all = s.sums()
	}
	if all == nil {
		return part, nil
	}
	for name, sum := range part.Checksums {
		if have := all[name]; have != "" && have != sum {
			return part, op.Errorf(op.Internal, "part %d was damaged on its way: its %s is %s there", part.Number, name, sum)
		}
		all[name] = sum
	}
	part.Checksums = all
	return part, nil
}

func (r *run) sendPart(ctx context.Context, to Location, u *upload, number int, s section, size int64) (part storage.Part, err error) {
	err = r.again(ctx, func(ctx context.Context) (bool, error) {
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return false, fileError(to, err)
		}
		return false, r.request(ctx, func(ctx context.Context) error {
			ctx, g := r.guard(ctx)
			part, err = drivers.Call[storage.Part](ctx, to.conn, storage.UploadPart{Bucket: to.bucket, Name: to.name, Upload: u.ID, Number: number, Body: movingAgain(s, g), Size: &size})
			return g.release(ctx, err)
		})
	})
	return part, err
}

func (r *run) complete(to Location, o storage.Object, u *upload, parts []storage.Part) error {
	in := storage.CompleteMultipartUpload{Bucket: to.bucket, Name: to.name, Upload: u.ID, Parts: parts, IfAbsent: r.job.IfAbsent, Checksums: maps.Clone(o.Checksums)}
	if whole, ok := crc32c.join(parts); ok {
		if in.Checksums == nil {
			in.Checksums = map[string]string{}
		}
		in.Checksums[crc32c.name] = whole
	}
	o.Checksums = in.Checksums
	asked := time.Now()
	var damaged error // which another try would not mend: the upload is gone
	err := r.again(r.ctx, func(ctx context.Context) (bool, error) {
		made, err := drivers.Call[storage.Object](ctx, to.conn, in)
		switch op.KindOf(err) {
		case "":
			damaged = arrived(o, made)
		case op.Internal:
			damaged, err = err, nil
		case op.Unavailable, op.Timeout, op.NotFound:
			// It may be done, and the answer be lost.
			there, gone := drivers.Call[storage.Object](ctx, to.conn, storage.GetObject{Bucket: to.bucket, Name: to.name})
			if gone == nil && arrived(o, there) == nil && (there.Checksums[crc32c.name] != "" && o.Checksums[crc32c.name] != "" || there.LastModified.After(asked.Add(-skew))) {
				err = nil
			}
		}
		return false, err
	})
	return cmp.Or(err, damaged)
}

// skew is how far clocks are apart, perhaps.
const skew = time.Minute
