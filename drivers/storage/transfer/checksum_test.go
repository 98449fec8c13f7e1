package transfer_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"hash/crc64"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/drivers/storage/transfer"
)

// keeps makes a provider's answers those of one that keeps other checksums, or none.
func keeps(sums map[string]string) op.Interceptor {
	return func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		out, err := next(ctx, r)
		switch v := out.(type) {
		case storage.Object:
			v.Checksums = sums
			out = v
		case storage.Download:
			v.Object.Checksums = sums
			out = v
		case storage.Part:
			v.Checksums = nil
			out = v
		}
		return out, err
	}
}

// A flipping body has one byte that is another one.
type flipping struct {
	io.ReadCloser
	at int64 // how far it is
}

func (b *flipping) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.at >= 0 && b.at < int64(n) {
		p[b.at] ^= 1
	}
	b.at -= int64(n)
	return n, err
}

// damages has one byte of what is read be another one, so many times, also where the
// driver itself does not see it.
func damages(at int64, times int) op.Interceptor {
	var mu sync.Mutex
	return func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		out, err := next(ctx, r)
		mu.Lock()
		defer mu.Unlock()
		if d, ok := out.(storage.Download); ok && times > 0 {
			offset := r.In.(storage.ReadObject).Offset
			length := r.In.(storage.ReadObject).Length
			if at >= offset && (length == 0 || at < offset+length) {
				times--
				d.Body = &flipping{d.Body, at - offset}
				out = d
			}
		}
		return out, err
	}
}

const always = 1 << 30

// TestDamaged: a byte that is always another one is found, whatever is kept of what
// was read and whatever checksum the two providers have; one that was damaged once is
// read again.
func TestDamaged(t *testing.T) {
	body := random(6, 5*256<<10+11)
	nvme := hex.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64.Checksum(body, crc64.MakeTable(0x9a6c9329ac4bc9b5))))
	crc := func() string {
		conn := cloud(t)
		tree{"o": body}.put(t, conn, "")
		o, err := drivers.Call[storage.Object](t.Context(), conn, storage.GetObject{Bucket: "bbb", Name: "o"})
		must(t, err)
		return o.Checksums["crc32c"]
	}()
	if crc == "" {
		t.Fatal("the embedded cloud keeps no CRC-32C")
	}
	for what, sums := range map[string]map[string]string{"crc32c": {"crc32c": crc}, "crc64nvme": {"crc64nvme": nvme}} {
		for how, memory := range map[string]int64{"held": 0, "read twice": 300 << 10} {
			t.Run(what+" "+how, func(t *testing.T) {
				ctx, e := t.Context(), transfer.New(transfer.Options{PartSize: 256 << 10, Memory: memory, State: t.TempDir()})
				count := &counting{}
				for _, times := range []int{0, 1, always} {
					from, to, root := cloud(t, count.intercept, damages(300<<10, times), keeps(sums)), cloud(t, keeps(nil)), folder(t)
					tree{"o": body}.put(t, from, "")
					for _, target := range []transfer.Location{transfer.Objects(to, "bbb", "o"), transfer.Files(root, "o")} {
						count.reset(nil)
						_, err := e.Copy(ctx, transfer.Job{From: transfer.Objects(from, "bbb", "o"), To: target})
						if times == 0 && count.n["read_object"] < 6 {
							t.Errorf("to %s: it was not read in parts: %v", target, count.n)
						}
						if times < always {
							must(t, err)
						}
						if times == always && (op.KindOf(err) != op.Internal || !strings.Contains(err.Error(), "damaged")) {
							t.Errorf("to %s: damaged %d times: %v", target, times, err)
						}
					}
					for _, there := range []tree{inBucket(t, to, ""), onDisk(t, root)} {
						if len(there) > 0 || times < always {
							there.equal(t, tree{"o": body})
						}
					}
				}
			})
		}
	}
}

// TestResumeOtherSum: parts that were sent by an earlier run, to a provider that keeps
// no checksum of them, still count for the whole.
func TestResumeOtherSum(t *testing.T) {
	body := random(7, 6*256<<10-11)
	nvme := hex.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64.Checksum(body, crc64.MakeTable(0x9a6c9329ac4bc9b5))))
	count := &counting{}
	from, to := cloud(t, keeps(map[string]string{"crc64nvme": nvme})), cloud(t, count.intercept, keeps(nil))
	tree{"o": body}.put(t, from, "")
	// With three requests at once, one part is there before the fourth is refused.
	e := transfer.New(transfer.Options{PartSize: 256 << 10, Concurrency: 3, State: t.TempDir()})
	job := transfer.Job{From: transfer.Objects(from, "bbb", "o"), To: transfer.Objects(to, "bbb", "o")}
	count.reset(func(name string, n int) error {
		if name == "upload_part" && n > 3 {
			return op.Errorf(op.PermissionDenied, "no more than three")
		}
		return nil
	})
	if _, err := e.Copy(t.Context(), job); op.KindOf(err) != op.PermissionDenied {
		t.Fatal(err)
	}
	count.reset(nil)
	s, err := e.Copy(t.Context(), job)
	must(t, err)
	if s.Resumed == 0 {
		t.Errorf("%+v", s)
	}
	inBucket(t, to, "").equal(t, tree{"o": body})
}

// TestCompleted: an upload whose completion was done, and whose answer was lost, is an
// object, also where the provider keeps no checksum; and one that turns out to be
// damaged is said to be that.
func TestCompleted(t *testing.T) {
	lost := func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		out, err := next(ctx, r)
		if r.Op.Name == "complete_multipart_upload" && err == nil {
			return nil, op.Errorf(op.Unavailable, "the answer is lost")
		}
		return out, err
	}
	damaged := func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		out, err := next(ctx, r)
		if r.Op.Name == "complete_multipart_upload" && err == nil {
			return nil, op.Errorf(op.Internal, "it was damaged")
		}
		return out, err
	}
	body, root := tree{"o": random(8, 5*256<<10)}, folder(t)
	body.write(t, root)
	e := transfer.New(small)
	for _, kept := range []op.Interceptor{keeps(nil), func(ctx context.Context, r *op.Request, next op.Handler) (any, error) { return next(ctx, r) }} {
		conn := cloud(t, lost, kept)
		_, err := e.Copy(t.Context(), transfer.Job{From: transfer.Files(root, "o"), To: transfer.Objects(conn, "bbb", "o")})
		must(t, err)
		inBucket(t, conn, "").equal(t, body)
	}
	_, err := e.Copy(t.Context(), transfer.Job{From: transfer.Files(root, "o"), To: transfer.Objects(cloud(t, damaged), "bbb", "o")})
	if op.KindOf(err) != op.Internal || !strings.Contains(err.Error(), "it was damaged") {
		t.Errorf("damaged: %v", err)
	}
}
