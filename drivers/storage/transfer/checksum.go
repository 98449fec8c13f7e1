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

// An algorithm is a checksum that providers keep.
type algorithm struct {
	name string
	make func() hash.Hash
	crc  *storage.CRC // by which the whole's follows from the parts'; nil where it does not
}

// crc32c is what every part that is moved is summed by.
var crc32c = algorithm{"crc32c", func() hash.Hash { return crc32.New(castagnoli) }, &storage.CRC32C}

// algorithms are those there are: first those of parts, which can be read in any
// order, then the cheapest.
var algorithms = []algorithm{
	crc32c,
	{"crc64nvme", func() hash.Hash { return crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5)) }, &storage.CRC64NVME},
	{"crc32", func() hash.Hash { return crc32.NewIEEE() }, &storage.CRC32},
	{"sha256", sha256.New, nil},
	{"md5", md5.New, nil},
	{"sha1", sha1.New, nil},
}

// join is the checksum of a body in hex, of those of its parts, if all are known.
func (a algorithm) join(parts []storage.Part) (sum string, ok bool) {
	var whole uint64
	size := 0
	for _, p := range parts {
		b, err := hex.DecodeString(p.Checksums[a.name])
		if err != nil || len(b) == 0 {
			return "", false
		}
		whole, size = a.crc.Combine(whole, number(b), p.Size), len(b)
	}
	return inHex(whole, size), true
}

// number is a sum as a number.
func number(sum []byte) (n uint64) {
	for _, b := range sum {
		n = n<<8 | uint64(b)
	}
	return n
}

// inHex is a number as a sum of so many bytes.
func inHex(n uint64, size int) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, n)[8-size:])
}

// A check compares a whole body that flows with a checksum.
type check struct {
	algorithm
	want string
	hash.Hash
}

// checkOf is the check for an object, or nil if its provider keeps no checksum.
func checkOf(o storage.Object) *check {
	for _, a := range algorithms {
		if want := o.Checksums[a.name]; want != "" {
			return &check{a, want, a.make()}
		}
	}
	return nil
}

// inParts reports whether the check can be made of the checksums of parts, in any order.
func (c *check) inParts() bool { return c == nil || c.crc != nil }

// ofParts is the algorithm by which parts are summed for it.
func (c *check) ofParts() algorithm {
	if c == nil {
		return crc32c
	}
	return c.algorithm
}

// done compares what has flowed.
func (c *check) done() error {
	if c == nil {
		return nil
	}
	return c.compare(hex.EncodeToString(c.Sum(nil)))
}

func (c *check) compare(have string) error {
	if c != nil && have != c.want {
		return op.Errorf(op.Internal, "the bytes that came are damaged: their %s is %s, and the object's is %s", c.name, have, c.want)
	}
	return nil
}

func (c *check) write(p []byte) {
	if c != nil {
		c.Write(p)
	}
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
	for _, a := range algorithms {
		want := known[0][a.name]
		switch {
		case want == "":
		case file != nil:
			have, err := fileSum(r.ctx, *file, a.make())
			return have == want, err
		case known[1][a.name] != "":
			return known[1][a.name] == want, nil
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
