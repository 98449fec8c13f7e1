package sim

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"io"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// blockSize is how much of a body has a checksum of its own, so that a reader
// of any range hands out no byte that it has not verified, and never holds
// more than a block.
const blockSize = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sums computes a body's checksums while it flows.
type sums struct {
	md5, sha256 hash.Hash
	crc32c      uint32
	block       uint32 // of the block that flows
	inBlock     int
	done        []byte // of the blocks before it
}

func newSums() *sums { return &sums{md5: md5.New(), sha256: sha256.New()} }

func (s *sums) Write(p []byte) (int, error) {
	s.md5.Write(p)
	s.sha256.Write(p)
	s.crc32c = crc32.Update(s.crc32c, castagnoli, p)
	for rest := p; len(rest) > 0; {
		n := min(len(rest), blockSize-s.inBlock)
		s.block = crc32.Update(s.block, castagnoli, rest[:n])
		if s.inBlock += n; s.inBlock == blockSize {
			s.endBlock()
		}
		rest = rest[n:]
	}
	return len(p), nil
}

func (s *sums) endBlock() {
	s.done = binary.BigEndian.AppendUint32(s.done, s.block)
	s.block, s.inBlock = 0, 0
}

// blocks returns the checksums of the blocks, once all has flowed.
func (s *sums) blocks() []byte {
	if s.inBlock > 0 {
		s.endBlock()
	}
	return s.done
}

// checksums are those that an object shows.
func (s *sums) checksums() map[string]string {
	return map[string]string{
		"md5":    hex.EncodeToString(s.md5.Sum(nil)),
		"sha256": hex.EncodeToString(s.sha256.Sum(nil)),
		"crc32c": hex.EncodeToString(binary.BigEndian.AppendUint32(nil, s.crc32c)),
	}
}

// A bodyReader reads a range of a body, verified block by block.
type bodyReader struct {
	ctx     context.Context
	blob    blobReader
	sums    []byte
	size    int64 // of the whole body
	at, end int64 // what is still to be read

	block []byte // holds the body from start on
	start int64
	err   error
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, op.AsError(err)
	}
	if r.err != nil {
		return 0, r.err
	}
	if r.at >= r.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.at >= r.start+int64(len(r.block)) || r.at < r.start {
		if r.err = r.fill(r.at / blockSize); r.err != nil {
			r.block = nil
			return 0, r.err
		}
	}
	have := r.block[r.at-r.start:]
	n := copy(p, have[:min(int64(len(have)), r.end-r.at)])
	r.at += int64(n)
	return n, nil
}

// fill reads and verifies a block.
func (r *bodyReader) fill(i int64) error {
	r.start = i * blockSize
	length := min(blockSize, r.size-r.start)
	if int64(cap(r.block)) < length {
		r.block = make([]byte, length)
	}
	r.block = r.block[:length]
	damaged := op.Errorf(op.Internal, "the object is damaged: its bytes from %d to %d are not those that were written", r.start, r.start+length-1)
	if n, err := r.blob.ReadAt(r.block, r.start); int64(n) < length {
		if err == io.EOF || err == nil {
			return damaged
		}
		return op.Errorf(op.Unavailable, "the object cannot be read: %w", err)
	}
	if at := int(i) * 4; at+4 > len(r.sums) || binary.BigEndian.Uint32(r.sums[at:]) != crc32.Checksum(r.block, castagnoli) {
		return damaged
	}
	return nil
}

func (r *bodyReader) Close() error {
	if r.err == nil {
		r.err = op.Errorf(op.InvalidArgument, "the body is closed")
	}
	r.block = nil
	return r.blob.Close()
}
