package storage

import (
	"bytes"
	"context"
	"errors"
	"hash"
	"hash/crc32"
	"io"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A SummedBody is a body that can be read again, and what was learned of it by
// reading it once.
type SummedBody struct {
	io.ReadSeeker
	Size   int64
	CRC32C uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SumBody is for drivers whose provider wants a body's length and checksum before
// the body. One that can be sought in is read to its end and taken back; any other
// is held in memory. A body that is not of the size that was said (nil: any), or
// longer than limit, is an invalid_argument error. also are further sums to make.
func SumBody(ctx context.Context, body io.Reader, size *int64, limit int64, also ...hash.Hash) (SummedBody, error) {
	most := limit
	if size != nil {
		most = min(most, *size)
	}
	flowing := &flowing{ctx, io.LimitReader(body, most+1)}
	sum := crc32.New(castagnoli)
	sums := []io.Writer{sum}
	for _, h := range also {
		sums = append(sums, h)
	}
	var b SummedBody
	var err error
	if seeker, start, ok := seekable(body); ok {
		b.ReadSeeker = seeker
		b.Size, err = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(sums...)}, flowing, make([]byte, max(512, min(most+1, 128<<10))))
		if err == nil {
			_, err = seeker.Seek(start, io.SeekStart)
		}
	} else {
		var held bytes.Buffer
		if size != nil && most < 1<<30 {
			held.Grow(int(most) + bytes.MinRead)
		}
		b.Size, err = held.ReadFrom(flowing)
		io.MultiWriter(sums...).Write(held.Bytes()) // which never fails
		b.ReadSeeker = bytes.NewReader(held.Bytes())
	}
	b.CRC32C = sum.Sum32()
	switch {
	case err != nil:
		if _, ok := errors.AsType[*op.Error](err); ok || ctx.Err() != nil {
			return b, err
		}
		return b, &op.Error{Kind: op.KindOf(err), Message: "reading the body: " + err.Error(), Err: err}
	case size != nil && b.Size != *size:
		return b, op.Errorf(op.InvalidArgument, "the body is not of the size given: it has %d bytes or more, not %d", b.Size, *size)
	case b.Size > limit:
		return b, op.Errorf(op.InvalidArgument, "the body has more than the %d bytes that the provider takes at a time", limit)
	}
	return b, nil
}

// atOnce is how long a body may be that is sent in one request without being held.
const atOnce = 64 << 20

// Twice reads a body that can be read twice, for its sums and to be sent, so that
// nothing of it is held in memory. It reports whether it is one, and not too long to
// be sent in one request.
func (in PutObject) Twice(ctx context.Context, also ...hash.Hash) (b SummedBody, ok bool, err error) {
	if _, _, again := seekable(in.Body); !again || in.Size == nil || *in.Size > atOnce {
		return b, false, nil
	}
	b, err = SumBody(ctx, in.Body, in.Size, atOnce, also...)
	return b, true, err
}

// seekable reports whether a body can be taken back to where it is now: a pipe has
// Seek, and does not do it.
func seekable(body io.Reader) (s io.ReadSeeker, at int64, ok bool) {
	if s, ok = body.(io.ReadSeeker); !ok {
		return nil, 0, false
	}
	at, err := s.Seek(0, io.SeekCurrent)
	return s, at, err == nil
}

// flowing is a body that ends with its context.
type flowing struct {
	ctx context.Context
	io.Reader
}

func (f *flowing) Read(p []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, err
	}
	return f.Reader.Read(p)
}

// Rewindable is a body as it is from here on: its beginning is where r is now. It
// has no Close, so that who sends it does not end what is the caller's.
func Rewindable(r io.ReadSeeker) (io.ReadSeeker, error) {
	start, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, op.Errorf(op.Internal, "reading the body: %w", err)
	}
	return &rewindable{r, start}, nil
}

type rewindable struct {
	r     io.ReadSeeker
	start int64
}

func (b *rewindable) Read(p []byte) (int, error) { return b.r.Read(p) }

func (b *rewindable) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		offset += b.start
	}
	at, err := b.r.Seek(offset, whence)
	return at - b.start, err
}
