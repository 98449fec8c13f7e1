package transfer

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sums are the checksums there are, the cheapest that tell enough first. Only of
// the first does the whole's follow from the parts' in any order.
var sums = []struct {
	name string
	make func() hash.Hash
}{
	{"crc32c", func() hash.Hash { return crc32.New(castagnoli) }},
	{"sha256", sha256.New},
	{"md5", md5.New},
	{"sha1", sha1.New},
	{"crc64nvme", func() hash.Hash { return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) }},
	{"crc32", func() hash.Hash { return crc32.NewIEEE() }},
}

// A check compares a whole body that flows with a checksum.
type check struct {
	name, want string
	hash.Hash
}

// checkOf is the check for an object, or nil if its provider keeps no checksum.
func checkOf(o storage.Object) *check {
	for _, s := range sums {
		if want := o.Checksums[s.name]; want != "" {
			return &check{s.name, want, s.make()}
		}
	}
	return nil
}

// inParts reports whether the check can be made of the checksums of parts, in any order.
func (c *check) inParts() bool { return c == nil || c.name == "crc32c" }

// done compares what has flowed.
func (c *check) done() error {
	if c == nil {
		return nil
	}
	return c.compare(hex.EncodeToString(c.Sum(nil)))
}

func (c *check) compare(have string) error {
	if c != nil && c.want != "" && have != c.want {
		return op.Errorf(op.Internal, "the bytes that came are damaged: their %s is %s, and the object's is %s", c.name, have, c.want)
	}
	return nil
}

func (c *check) write(p []byte) {
	if c != nil {
		c.Write(p)
	}
}

// joinCRC is the CRC-32C of parts one behind the other.
func joinCRC(sums []uint32, length func(i int) int64) string {
	var whole uint32
	for i, s := range sums {
		whole = storage.CombineCRC32C(whole, s, length(i))
	}
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, whole))
}

// parseCRC reads a CRC-32C in hex.
func parseCRC(text string) (uint32, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

// sameSum reports whether two objects, or an object and a file, have the same
// checksum of a kind that both can have. Objects are looked up for it: lists leave
// checksums out.
func (r *run) sameSum(t task) (bool, error) {
	var known []map[string]string
	var file *Location
	for _, l := range []Location{t.from, t.to} {
		if l.conn == nil {
			file = &l
			continue
		}
		e := t.entry
		if l == t.to {
			e = t.there
		}
		if err := r.describe(r.ctx, l, &e); err != nil {
			return false, err
		}
		known = append(known, e.Object.Checksums)
	}
	for _, s := range sums {
		want := known[0][s.name]
		switch {
		case want == "":
		case file != nil:
			have, err := fileSum(r.ctx, *file, s.make())
			return have == want, err
		case known[1][s.name] != "":
			return known[1][s.name] == want, nil
		}
	}
	return false, nil
}

// describe fills in what a list leaves out of an object.
func (r *run) describe(ctx context.Context, l Location, e *Entry) error {
	if len(e.Object.Checksums) > 0 {
		return nil
	}
	return r.request(ctx, func(ctx context.Context) error {
		o, err := drivers.Call[storage.Object](ctx, l.conn, storage.GetObject{Bucket: l.bucket, Name: l.name})
		if err == nil {
			*e = entryOf(o)
		}
		return err
	})
}

func fileSum(ctx context.Context, l Location, h hash.Hash) (string, error) {
	f, err := l.root.Open(l.name)
	if err != nil {
		return "", fileError(l, err)
	}
	defer f.Close()
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(*buf)
		h.Write((*buf)[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", fileError(l, err)
		}
	}
}
