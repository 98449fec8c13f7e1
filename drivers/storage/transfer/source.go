package transfer

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"mime"
	"os"
	"path"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// A source is a body of known length that is to become an object.
type source interface {
	// section opens a part of the body, which can be read again until it is
	// released.
	section(ctx context.Context, offset, length int64) (s section, err error)
	// inOrder says that sections are opened one after the other, from the start
	// and all of them, since the body's checksum wants it so.
	inOrder() bool
	// longest is how long a section is best at most; 0 is any length.
	longest() int64
	// needs is the checksum that must be known of each part, "" for none.
	needs() string
	// done is called when all sections have been read, with what became of them.
	// Its error means that they were damaged, or changed.
	done(parts []storage.Part) error
	// identity changes whenever the body does.
	identity() string
}

// A section is a part of a source.
type section struct {
	io.ReadSeeker
	sums    func() map[string]string // in hex, of what was read; nil where only its driver sums it
	release func()
}

// A fileSource is a file. Its sections hold no memory.
type fileSource struct {
	l    Location
	f    *os.File
	info fs.FileInfo
}

func openFile(l Location) (*fileSource, error) {
	f, err := l.root.Open(l.name)
	if err != nil {
		return nil, fileError("opening it", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = op.Errorf(op.InvalidArgument, "it is no file")
	}
	if err != nil {
		f.Close()
		return nil, fileError("opening it", err)
	}
	return &fileSource{l, f, info}, nil
}

func (s *fileSource) section(_ context.Context, offset, length int64) (section, error) {
	return section{ReadSeeker: io.NewSectionReader(s.f, offset, length), release: func() {}}, nil
}

func (s *fileSource) inOrder() bool  { return false }
func (s *fileSource) longest() int64 { return 0 }
func (s *fileSource) needs() string  { return "" }

// done: what the driver has sent was summed by it, from the file.
func (s *fileSource) done([]storage.Part) error {
	info, err := s.f.Stat()
	if err != nil {
		return fileError("reading it", err)
	}
	if info.Size() != s.info.Size() || !info.ModTime().Equal(s.info.ModTime()) {
		return op.Errorf(op.Conflict, "the file was changed while it was read")
	}
	return nil
}

func (s *fileSource) identity() string {
	return version(s.l.root.Name(), s.l.name, s.info.Size(), s.info.ModTime().UnixNano())
}

// contentType is what a file's name says of what it holds.
func contentType(name string) string { return mime.TypeByExtension(path.Ext(name)) }

// An objectSource is an object of a provider.
type objectSource struct {
	r     *run
	l     Location
	e     Entry
	check *check

	stream *stream // in order
}

// mostHeld is how much of the memory one section holds; longer ones are read twice.
func (r *run) mostHeld() int64 { return r.memory.limit / 3 }

func (s *objectSource) inOrder() bool    { return !s.check.inParts() }
func (s *objectSource) identity() string { return version(s.l, s.e.ETag, s.e.Size) }

func (s *objectSource) longest() int64 {
	if s.inOrder() { // where none can be read twice
		return s.r.mostHeld()
	}
	return 0
}

func (s *objectSource) needs() string {
	if s.check == nil || s.inOrder() {
		return ""
	}
	return s.check.name
}

func (s *objectSource) section(ctx context.Context, offset, length int64) (section, error) {
	switch {
	case !s.inOrder() && length > s.r.mostHeld():
		o := &reopened{ctx: ctx, s: s, offset: offset, length: length, sums: s.newSums()}
		return section{ReadSeeker: o, sums: o.known, release: func() {}}, nil
	case length > s.r.memory.limit:
		return section{}, op.Errorf(op.InvalidArgument, "its provider keeps only a %s of it, for which it is read in order, and its parts would be of %d bytes, which are more than the %d of memory for that: copy it into a file, and from there", s.check.name, length, s.r.memory.limit)
	}
	b, err := s.r.memory.take(ctx, length)
	if err != nil {
		return section{}, err
	}
	release := func() { s.r.memory.give(b) }
	if s.inOrder() {
		if s.stream == nil {
			s.stream = s.r.open(ctx, s.l, s.e, s.check)
		}
		if _, err = io.ReadFull(s.stream, b); errors.Is(err, io.ErrUnexpectedEOF) {
			err = op.Errorf(op.Unavailable, "the body ended early")
		}
	} else {
		err = s.r.read(ctx, s.l, s.e, offset, length, func() (io.Writer, error) { return bytes.NewBuffer(b[:0]), nil })
	}
	if err != nil {
		release()
		return section{}, err
	}
	sums := s.newSums()
	sums.write(b)
	return section{bytes.NewReader(b), sums.known, release}, nil
}

func (s *objectSource) done(parts []storage.Part) error {
	switch {
	case s.stream != nil:
		return s.stream.end()
	case s.check == nil:
		return nil
	}
	have, ok := s.check.join(parts)
	if !ok {
		return op.Errorf(op.Internal, "not of all its parts the %s is known", s.check.name)
	}
	return s.check.compare(have)
}

// A partSums is the checksums of a part: that which goes with it, and that by which
// the whole is compared.
type partSums map[string]hash.Hash

func (s *objectSource) newSums() partSums {
	sums := partSums{crc32c.name: crc32c.make()}
	if name := s.needs(); name != "" && name != crc32c.name {
		sums[name] = s.check.make()
	}
	return sums
}

func (s partSums) write(p []byte) {
	for _, h := range s {
		h.Write(p)
	}
}

func (s partSums) known() map[string]string {
	known := map[string]string{}
	for name, h := range s {
		known[name] = hex.EncodeToString(h.Sum(nil))
	}
	return known
}

func (s *objectSource) close() {
	if s.stream != nil {
		s.stream.close()
	}
}

// A reopened section is a range of an object that is too long for memory: to read
// it again is to ask for it again. It is summed as it is read for the first time.
type reopened struct {
	ctx            context.Context
	s              *objectSource
	offset, length int64
	at             int64
	now            *stream

	sums   partSums
	summed int64 // how much of it
}

// known are its checksums, when all of it was read.
func (o *reopened) known() map[string]string {
	if o.summed < o.length {
		return nil
	}
	return o.sums.known()
}

func (o *reopened) Read(p []byte) (int, error) {
	if o.at >= o.length {
		return 0, io.EOF
	}
	if o.now == nil {
		o.now = o.s.r.open(o.ctx, o.s.l, o.s.e, nil)
		o.now.offset, o.now.to = o.offset+o.at, o.offset+o.length
	}
	n, err := o.now.Read(p)
	if fresh := o.at + int64(n) - o.summed; fresh > 0 && fresh <= int64(n) {
		o.sums.write(p[int64(n)-fresh : n])
		o.summed += fresh
	}
	if o.at += int64(n); o.at == o.length || err != nil {
		o.now.close()
		o.now = nil
	}
	return n, err
}

func (o *reopened) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.length
	}
	if offset < 0 {
		return 0, fs.ErrInvalid
	}
	if offset != o.at && o.now != nil {
		o.now.close()
		o.now = nil
	}
	o.at = offset
	return offset, nil
}

// A stream reads one version of an object from one place to another, and goes on
// where it breaks off.
type stream struct {
	r          *run
	ctx        context.Context
	l          Location
	e          Entry
	check      *check
	offset, to int64

	body  io.ReadCloser
	guard *guard
	in    context.Context
}

func (r *run) open(ctx context.Context, l Location, e Entry, c *check) *stream {
	return &stream{r: r, ctx: ctx, l: l, e: e, check: c, to: e.Size}
}

func (s *stream) Read(p []byte) (n int, err error) {
	if s.offset >= s.to {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.to-s.offset)]
	err = s.r.again(s.ctx, func(ctx context.Context) (bool, error) {
		if s.body == nil {
			in, g := s.r.guard(ctx)
			d, err := drivers.Call[storage.Download](in, s.l.conn, storage.ReadObject{Bucket: s.l.bucket, Name: s.l.name, Offset: s.offset, Length: s.to - s.offset, IfETag: s.e.ETag})
			if err != nil {
				return false, g.release(in, err)
			}
			s.body, s.guard, s.in = d.Body, g, in
		}
		var err error
		if n, err = s.body.Read(p); n > 0 {
			s.guard.touch()
			return true, nil
		}
		if err == io.EOF {
			err = op.Errorf(op.Unavailable, "the body ended at %d of %d bytes", s.offset, s.to)
		}
		if err != nil {
			err = s.guard.release(s.in, err)
			s.close()
		}
		return false, err
	})
	s.check.write(p[:n])
	if s.offset += int64(n); s.offset == s.to {
		s.close()
	}
	return n, err
}

// end says whether what was read, all of it, is what the provider keeps.
func (s *stream) end() error {
	if s.offset < s.to {
		return op.Errorf(op.Internal, "only %d of %d bytes were read", s.offset, s.to)
	}
	return s.check.done()
}

func (s *stream) close() {
	if s.body != nil {
		s.body.Close()
		s.guard.release(s.in, nil)
		s.body = nil
	}
}
