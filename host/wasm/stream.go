package wasm

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Bodies stay in the host. A guest has handles of three kinds of stream: a
// source (the body of an argument or of a response), what it took of one, and
// what it writes itself.

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5)
)

// newHash returns the hash of an algorithm's name, nil if there is none.
func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "crc32":
		return crc32.NewIEEE()
	case "crc32c":
		return crc32.New(castagnoli)
	case "crc64nvme":
		return crc64.New(nvme)
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	}
	return nil
}

func hexCRC(sum uint32) string {
	return hex.EncodeToString([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}

// A source is read from beginning to end, once.
type source struct {
	mu     sync.Mutex // a request reads it on a goroutine of its own
	r      io.Reader
	length int64 // -1 if unknown
	moved  int64
	crc    uint32
	ahead  []byte // looked at, not yet taken
	err    error  // after what is ahead
	gone   bool   // nobody may read any more
	summed bool   // the checksum is known: crc is not kept
}

func newSource(r io.Reader, length int64) *source { return &source{r: r, length: length} }

var errGone = errors.New("the body was read after the call that it belongs to")

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(p)
}

func (s *source) read(p []byte) (n int, err error) {
	switch {
	case s.gone:
		return 0, errGone
	case len(s.ahead) > 0:
		n = copy(p, s.ahead)
		s.ahead = s.ahead[n:]
	case s.err != nil:
		return 0, s.err
	default:
		n, s.err = s.r.Read(p)
	}
	s.moved += int64(n)
	if !s.summed {
		s.crc = crc32.Update(s.crc, castagnoli, p[:n])
	}
	if n > 0 {
		return n, nil
	}
	return 0, s.err
}

// take reads the next n bytes, fewer at the end, and says their CRC-32C. They
// are in buf if that is of the size.
func (s *source) take(n int64, buf []byte) ([]byte, uint32, error) {
	s.mu.Lock()
	before, room := s.crc, min(n, firstRoom)
	if s.length >= 0 {
		room = min(n, max(0, s.length-s.moved)+1) // to see the end without more
	}
	s.mu.Unlock()
	b := buf[:0]
	if int64(cap(b)) < room || int64(cap(b)) > 2*n {
		b = make([]byte, 0, room)
	}
	for int64(len(b)) < n {
		if len(b) == cap(b) {
			b = slices.Grow(b, int(min(n, 2*int64(len(b))))-len(b))
		}
		m, err := s.Read(b[len(b):min(int64(cap(b)), n)])
		b = b[:len(b)+m]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return b, s.crc ^ crcShift(before, int64(len(b))), nil
}

const firstRoom = 512 << 10 // for a part of a body of unknown length

// crcShift is the part that a body's beginning has in the CRC-32C of the whole:
// that of the whole is that of the rest, with sum shifted by its n bytes.
func crcShift(sum uint32, n int64) uint32 {
	// Polynomials modulo Castagnoli's, the lowest power in the highest bit.
	times := func(a, b uint32) (p uint32) {
		for ; a != 0; a <<= 1 {
			if a&(1<<31) != 0 {
				p ^= b
			}
			if b&1 != 0 {
				b = b>>1 ^ crc32.Castagnoli
			} else {
				b >>= 1
			}
		}
		return p
	}
	for power := uint32(1) << 23; n != 0; n >>= 1 { // x to the 8, 16, 32 …
		if n&1 != 0 {
			sum = times(power, sum)
		}
		power = times(power, power)
	}
	return sum
}

// peek reports whether there are no more bytes.
func (s *source) peek() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone || len(s.ahead) > 0 || s.err != nil {
		return len(s.ahead) == 0
	}
	var b [1]byte
	for s.err == nil {
		var n int
		if n, s.err = s.r.Read(b[:]); n > 0 {
			s.ahead = b[:1]
			return false
		}
	}
	return true
}

func (s *source) info(end bool) abi.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	return abi.Info{Length: s.length, Moved: s.moved, CRC32C: hexCRC(s.crc), End: end}
}

// leave makes sure that nobody reads the source any more when it returns.
func (s *source) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	s.r, s.ahead = nil, nil
}

// left is how many bytes there still are, -1 if that is unknown.
func (s *source) left() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.length < 0 {
		return -1
	}
	return max(0, s.length-s.moved)
}

// held is bytes in the host's memory: a part that was taken. The memory serves
// the next part when neither the guest nor a request uses this one.
type held struct {
	data    []byte
	crc     uint32
	uses    atomic.Int32
	spare   *spare
	keepers int // handles and requests that it counts for, by the call's reckoning
}

// A spare is the memory of a part that nobody uses any more, until somebody does.
type spare struct{ atomic.Pointer[[]byte] }

func (s *spare) take() []byte {
	if b := s.Swap(nil); b != nil {
		return *b
	}
	return nil
}

// use says that somebody reads the bytes until release.
func (h *held) use() *held {
	h.uses.Add(1)
	return h
}

func (h *held) release() {
	if h.uses.Add(-1) == 0 {
		h.spare.Store(&h.data)
	}
}

func (h *held) info() abi.Info {
	n := int64(len(h.data))
	return abi.Info{Length: n, Moved: n, CRC32C: hexCRC(h.crc), End: true}
}

// A spool is what a guest writes: in memory, then in a file that has no name.
type spool struct {
	mu    sync.Mutex // a request reads it while the guest may write on
	data  []byte
	file  *os.File
	size  int64
	crc   uint32
	close sync.Once
}

const spoolMemory = 1 << 20

func (s *spool) write(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil && len(s.data)+len(p) > spoolMemory {
		f, err := os.CreateTemp("", "cloudlark-spool-*")
		if err != nil {
			return err
		}
		s.file = f
		// Where a file in use cannot be removed, release does it.
		_ = os.Remove(f.Name())
		if _, err := f.Write(s.data); err != nil {
			return err
		}
		s.data = nil
	}
	s.size += int64(len(p))
	s.crc = crc32.Update(s.crc, castagnoli, p)
	if s.file != nil {
		_, err := s.file.Write(p)
		return err
	}
	s.data = append(s.data, p...)
	return nil
}

// reader reads what was written so far, from its beginning, and says how much that is.
func (s *spool) reader() (io.Reader, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size), s.size
	}
	return bytes.NewReader(s.data), s.size
}

func (s *spool) info() abi.Info {
	return abi.Info{Length: s.size, Moved: s.size, CRC32C: hexCRC(s.crc), End: true}
}

func (s *spool) release() {
	s.close.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.file != nil {
			_ = s.file.Close()
			_ = os.Remove(s.file.Name())
		}
	})
}

// A download is a body that a call has answered with. It checks what the guest
// said that the bytes are.
type download struct {
	ctx    context.Context
	r      io.Reader
	close  func()
	length int64 // -1 if not said
	read   int64
	sum    hash.Hash
	verify *abi.Digest
	err    error
}

func newDownload(ctx context.Context, s *abi.Stream, r io.Reader, release func()) (*download, error) {
	d := &download{ctx: ctx, r: r, close: sync.OnceFunc(release), length: -1, verify: s.Verify}
	if s.Length != nil {
		d.length = *s.Length
	}
	if s.Verify != nil {
		if d.sum = newHash(s.Verify.Algorithm); d.sum == nil {
			return nil, op.Errorf(op.Internal, "the driver's answer: there is no checksum %.40q%s", s.Verify.Algorithm, op.DidYouMean(s.Verify.Algorithm, abi.Algorithms))
		}
	}
	return d, nil
}

func (d *download) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if err := d.ctx.Err(); err != nil {
		d.err = op.AsError(err)
		return 0, d.err
	}
	n, err := d.r.Read(p)
	d.read += int64(n)
	if d.sum != nil {
		d.sum.Write(p[:n])
	}
	switch {
	case d.length >= 0 && d.read > d.length:
		err = op.Errorf(op.Internal, "the body is damaged: it has more than its %d bytes", d.length)
	case err == nil:
	case d.ctx.Err() != nil && err != io.EOF:
		err = op.AsError(d.ctx.Err())
	case err == io.EOF && d.length >= 0 && d.read < d.length:
		err = op.Errorf(op.Unavailable, "the body broke off after %d of %d bytes", d.read, d.length)
	case err == io.EOF && d.sum != nil && hex.EncodeToString(d.sum.Sum(nil)) != d.verify.Sum:
		err = op.Errorf(op.Internal, "the body is damaged: its %s is not %.128s", d.verify.Algorithm, d.verify.Sum)
	case err != io.EOF && op.KindOf(err) == op.Internal:
		err = op.Errorf(op.Unavailable, "the body broke off: %w", err)
	}
	d.err = err
	return n, err
}

func (d *download) Close() error {
	d.close()
	if d.err == nil {
		d.err = os.ErrClosed
	}
	return nil
}

// lengthOf is how many bytes are left in r, -1 if it does not tell.
func lengthOf(r io.Reader) int64 {
	switch x := r.(type) {
	case interface{ Len() int }:
		return int64(x.Len())
	case io.Seeker:
		at, err := x.Seek(0, io.SeekCurrent)
		if err != nil {
			return -1
		}
		end, err := x.Seek(0, io.SeekEnd)
		if err != nil {
			return -1
		}
		if _, err := x.Seek(at, io.SeekStart); err != nil {
			return -1
		}
		return max(0, end-at)
	}
	return -1
}

// patient reads a response's body, and ends the request when nothing comes for
// too long.
type patient struct {
	io.Reader
	silence time.Duration
	cancel  context.CancelCauseFunc
	timer   *time.Timer
}

func newPatient(r io.Reader, silence time.Duration, cancel context.CancelCauseFunc) *patient {
	p := &patient{Reader: r, silence: silence, cancel: cancel}
	p.timer = time.AfterFunc(silence, func() {
		cancel(op.Errorf(op.Timeout, "the provider sent nothing for %v", silence))
	})
	p.timer.Stop()
	return p
}

func (p *patient) Read(b []byte) (int, error) {
	p.timer.Reset(p.silence)
	n, err := p.Reader.Read(b)
	p.timer.Stop()
	return n, err
}

// digest is the checksum of what the host holds.
func digest(algorithm string, r io.Reader) (string, error) {
	h := newHash(algorithm)
	if h == nil {
		return "", op.Errorf(op.InvalidArgument, "there is no checksum %.40q%s", algorithm, op.DidYouMean(algorithm, slices.Clone(abi.Algorithms)))
	}
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
