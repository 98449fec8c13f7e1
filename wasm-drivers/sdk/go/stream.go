package sdk

import (
	"io"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Stream is a body whose bytes are in the host: of an argument, or of a
// response. Reading it copies bytes into the module; handing it to a [Request],
// or answering with it, does not.
type Stream struct {
	handle int32
	length int64
	verify *abi.Digest
}

// StreamOf returns the host's stream behind a body, if it is one: the Body of
// an argument is.
func StreamOf(r io.Reader) (*Stream, bool) {
	s, ok := r.(*Stream)
	return s, ok
}

// NewStream makes an empty stream that is to be written.
func NewStream() (*Stream, error) {
	h, err := newStream()
	return &Stream{handle: h, length: -1}, err
}

// Length is how many bytes there are, -1 if that is not known.
func (s *Stream) Length() int64 { return s.length }

// Read reads bytes into the module.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := read(s.handle, p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write appends to a stream of [NewStream].
func (s *Stream) Write(p []byte) (int, error) {
	if err := write(s.handle, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Take takes the next n bytes, fewer at the end, as a stream of their own that
// the host holds in its memory: a part of an upload. Close it once it is sent.
func (s *Stream) Take(n int64) (*Stream, error) {
	h, err := take(s.handle, n)
	return &Stream{handle: h, length: -1}, err
}

// Digest is the checksum, in hex, of a stream that the host holds; the
// algorithm is one of [abi.Algorithms].
func (s *Stream) Digest(algorithm string) (string, error) { return digest(s.handle, algorithm) }

// Info says how much of the stream was moved, the CRC-32C of that, and whether
// there is more.
func (s *Stream) Info() (abi.Info, error) { return info(s.handle) }

// Close gives the stream back.
func (s *Stream) Close() error {
	release(s.handle)
	return nil
}

// Verified is the stream as an answer whose bytes the host checks: there must
// be length of them, unless it is negative, and they must add up to sum, unless
// that is nil.
func (s *Stream) Verified(length int64, sum *abi.Digest) *Stream {
	return &Stream{handle: s.handle, length: length, verify: sum}
}

func openStream(s *abi.Stream) (io.ReadCloser, error) {
	length := int64(-1)
	if s.Length != nil {
		length = *s.Length
	}
	return &Stream{handle: s.Handle, length: length}, nil
}

// holdStream makes a body of an answer a stream of the host's, if it is none.
func holdStream(r io.Reader) (*abi.Stream, error) {
	s, ok := r.(*Stream)
	if !ok {
		var err error
		if s, err = spool(r); err != nil {
			return nil, err
		}
	}
	w := &abi.Stream{Handle: s.handle, Verify: s.verify}
	if s.length >= 0 {
		w.Length = &s.length
	}
	return w, nil
}

func spool(r io.Reader) (*Stream, error) {
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	s, err := NewStream()
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{r}, make([]byte, 64<<10)); err != nil {
		return nil, op.AsError(err)
	}
	return s, nil
}
