package drivertest

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// largeBody is more than providers' clients put into one request.
const largeBody = 12<<20 + 345

// Storage is the suite of the storage family.
func Storage(t *testing.T, h Harness) {
	s := storageSuite{newSuite(t, storage.Family, h)}
	s.test(t, "unsupported", s.unsupported)
	s.test(t, "native", s.native, "native")
	s.test(t, "buckets", s.buckets, "create_bucket")
	s.test(t, "objects", s.objects, "put_object")
	s.test(t, "read", s.read, "put_object", "read_object")
	s.test(t, "put", s.put, "put_object", "read_object", "get_object")
	s.test(t, "names", s.names, "put_object", "read_object")
	s.test(t, "list", s.list, "put_object", "list_objects")
	s.test(t, "copy", s.copy, "copy_object")
	s.test(t, "update", s.update, "update_object")
	s.test(t, "uploads", s.uploads, "create_multipart_upload", "upload_part", "complete_multipart_upload", "read_object", "get_object")
	s.test(t, "delete", s.delete, "delete_object")
	s.test(t, "delete_many", s.deleteMany, "delete_objects")
	s.test(t, "presign", s.presign, "presign_object")
	s.test(t, "url", s.url, "get_object_url")
	s.test(t, "concurrent", s.concurrent, "put_object", "read_object", "list_objects")
	s.test(t, "small_pages", s.sameInSmallPages)
	s.test(t, "canceled", s.interrupted)
	s.test(t, "not_found", func(t *testing.T) {
		// URLs are made without asking the provider.
		unasked := []op.Kind{op.NotFound, ""}
		s.notFound(t, map[string][]op.Kind{"presign_object": unasked, "get_object_url": unasked})
	})
	s.finish(t)
}

type storageSuite struct{ *suite }

// bucket creates a bucket that lives as long as t, and loses what is left in it.
func (s storageSuite) bucket(t *testing.T) string {
	t.Helper()
	b := Call[storage.Bucket](t, s.conn, storage.CreateBucket{Name: s.name("bucket")})
	s.cleanup(t, storage.DeleteBucket{Bucket: b.Name})
	if s.offers("list_objects") && s.offers("delete_object") {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), s.Timeout)
			defer cancel()
			for o, err := range drivers.List[storage.Object](ctx, s.conn, storage.ListObjects{Bucket: b.Name}) {
				if op.KindOf(err) == op.NotFound {
					return
				}
				if err == nil {
					err = drivers.Do(ctx, s.conn, storage.DeleteObject{Bucket: b.Name, Name: o.Name})
				}
				if err != nil && op.KindOf(err) != op.NotFound {
					t.Errorf("emptying %s: %v", b.Name, err)
				}
			}
		})
	}
	return b.Name
}

// write puts an object from a stream of unknown length.
func (s storageSuite) write(t testing.TB, bucket, name, body string) storage.Object {
	t.Helper()
	return Call[storage.Object](t, s.conn, storage.PutObject{Bucket: bucket, Name: name, Body: strings.NewReader(body)})
}

// body reads what in asks for, to its end.
func (s storageSuite) body(ctx context.Context, in storage.ReadObject) ([]byte, error) {
	d, err := drivers.Call[storage.Download](ctx, s.conn, in)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(d.Body)
	return b, errors.Join(err, d.Body.Close())
}

// holds checks what an object's body is.
func (s storageSuite) holds(t testing.TB, bucket, name, want string) {
	t.Helper()
	got, err := s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: name})
	if err != nil {
		t.Errorf("reading %q: %v", name, err)
		return
	}
	if string(got) != want {
		t.Errorf("%q holds %s, want %s", name, brief(got), brief([]byte(want)))
	}
}

// brief is a body in a message.
func brief(b []byte) string {
	if len(b) <= 60 {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%d bytes with SHA-256 %x", len(b), sha256.Sum256(b))
}

// absent checks that there is no such object.
func (s storageSuite) absent(t testing.TB, bucket, name string) {
	t.Helper()
	_, err := drivers.Call[storage.Object](t.Context(), s.conn, storage.GetObject{Bucket: bucket, Name: name})
	wantKind(t, err, op.NotFound)
}

func (s storageSuite) buckets(t *testing.T) {
	name := s.name("bucket")
	b := Call[storage.Bucket](t, s.conn, storage.CreateBucket{Name: name})
	s.cleanup(t, storage.DeleteBucket{Bucket: name})
	if b.Name != name {
		t.Fatalf("create_bucket made %q, not %q", b.Name, name)
	}
	s.test(t, "get", func(t *testing.T) {
		got := Call[storage.Bucket](t, s.conn, storage.GetBucket{Bucket: name})
		if got.Name != name || got.Location != b.Location {
			t.Errorf("get_bucket says %+v, create_bucket said %+v", got, b)
		}
	}, "get_bucket")
	s.test(t, "list", func(t *testing.T) {
		found := until(t, s.suite, "the bucket to be in the list", finder(s.conn, storage.ListBuckets{}, func(b storage.Bucket) bool { return b.Name == name }),
			func(b storage.Bucket) bool { return b.Name == name })
		if found.Name != name {
			t.Errorf("list_buckets gives %+v", found)
		}
		filters(t, s.suite, storage.ListBuckets{}, b)
	}, "list_buckets")
	s.test(t, "other_connection", func(t *testing.T) {
		Call[storage.Bucket](t, s.open(t, nil), storage.GetBucket{Bucket: name})
	}, "get_bucket")
	s.test(t, "location", func(t *testing.T) {
		if b.Location == "" {
			t.Skip("the provider does not say where buckets are")
		}
		there := Call[storage.Bucket](t, s.conn, storage.CreateBucket{Name: s.name("bucket"), Location: b.Location})
		s.cleanup(t, storage.DeleteBucket{Bucket: there.Name})
		if there.Location != b.Location {
			t.Errorf("created in %q, it is in %q", b.Location, there.Location)
		}
	})
	s.test(t, "already_exists", func(t *testing.T) {
		_, err := drivers.Call[storage.Bucket](t.Context(), s.conn, storage.CreateBucket{Name: name})
		wantKind(t, err, op.AlreadyExists)
	})
	s.test(t, "invalid_name", func(t *testing.T) {
		for _, bad := range []string{"..", ".", "../up", "a/b", "/a", "a\x00b", strings.Repeat("a", 2000)} {
			_, err := drivers.Call[storage.Bucket](t.Context(), s.conn, storage.CreateBucket{Name: bad})
			if err == nil {
				s.cleanup(t, storage.DeleteBucket{Bucket: bad})
			}
			if wantKind(t, err, op.InvalidArgument); t.Failed() {
				t.Fatalf("create_bucket(name = %q)", bad)
			}
		}
	})
	s.test(t, "not_empty", func(t *testing.T) {
		s.write(t, name, "o", "x")
		s.cleanup(t, storage.DeleteObject{Bucket: name, Name: "o"})
		s.refuse(t, storage.DeleteBucket{Bucket: name}, op.Conflict)
		s.holds(t, name, "o", "x")
	}, "delete_bucket", "put_object", "read_object", "delete_object")
	s.test(t, "delete", func(t *testing.T) {
		Do(t, s.conn, storage.DeleteBucket{Bucket: name})
		s.refuse(t, storage.DeleteBucket{Bucket: name}, op.NotFound)
		if s.offers("get_bucket") {
			_, err := drivers.Call[storage.Bucket](t.Context(), s.conn, storage.GetBucket{Bucket: name})
			wantKind(t, err, op.NotFound)
		}
	}, "delete_bucket")
	s.test(t, "paging", func(t *testing.T) {
		if s.PageSize > 50 {
			t.Skipf("%d buckets are more than an account may have", s.PageSize)
		}
		var want []string
		for range s.PageSize + 1 {
			b := Call[storage.Bucket](t, s.conn, storage.CreateBucket{Name: s.name("bucket")})
			s.cleanup(t, storage.DeleteBucket{Bucket: b.Name})
			want = append(want, b.Name)
		}
		s.paged(t, storage.ListBuckets{}, want)
	}, "list_buckets")
}

func (s storageSuite) objects(t *testing.T) {
	bucket, body := s.bucket(t), "Hello, wörld ☕\n"
	size := int64(len(body))
	put := Call[storage.Object](t, s.conn, storage.PutObject{Bucket: bucket, Name: "greeting", Body: strings.NewReader(body), Size: &size,
		ContentType: "text/plain; charset=utf-8", Metadata: map[string]string{"author": "Ada", "note": "a b=c; d"}})

	check := func(t *testing.T, o storage.Object, whole bool) {
		t.Helper()
		if o.Bucket != bucket || o.Name != "greeting" || o.Size != size || o.IsPrefix {
			t.Errorf("the object is %+v", o)
		}
		if o.ETag == "" || o.ETag != put.ETag {
			t.Errorf("etag %q, put_object said %q", o.ETag, put.ETag)
		}
		if whole || o.ContentType != "" {
			if o.ContentType != "text/plain; charset=utf-8" {
				t.Errorf("content type %q", o.ContentType)
			}
		}
		if whole || len(o.Metadata) > 0 {
			if !maps.Equal(o.Metadata, map[string]string{"author": "Ada", "note": "a b=c; d"}) {
				t.Errorf("metadata %v", o.Metadata)
			}
		}
		checkSums(t, o, []byte(body))
	}
	s.test(t, "put", func(t *testing.T) { check(t, put, true) })
	s.test(t, "get", func(t *testing.T) {
		o := Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: "greeting"})
		check(t, o, true)
		if age := time.Since(o.LastModified); age > 24*time.Hour || age < -24*time.Hour {
			t.Errorf("last modified %s", o.LastModified)
		}
	}, "get_object")
	s.test(t, "read", func(t *testing.T) {
		d := Call[storage.Download](t, s.conn, storage.ReadObject{Bucket: bucket, Name: "greeting"})
		got, err := io.ReadAll(d.Body)
		if err != nil || string(got) != body {
			t.Errorf("read %q, %v", got, err)
		}
		if err := d.Body.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		check(t, d.Object, true)
	}, "read_object")
	s.test(t, "list", func(t *testing.T) {
		all := list[storage.Object](t, s.conn, storage.ListObjects{Bucket: bucket})
		if len(all) != 1 {
			t.Fatalf("the bucket lists %+v", all)
		}
		check(t, all[0], false)
	}, "list_objects")
	s.test(t, "defaults", func(t *testing.T) {
		s.write(t, bucket, "plain", "x")
		o := Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: "plain"})
		if o.ContentType != "application/octet-stream" || len(o.Metadata) != 0 {
			t.Errorf("without a content type and metadata, they are %q and %v", o.ContentType, o.Metadata)
		}
	}, "get_object")
	s.test(t, "metadata_names", func(t *testing.T) {
		_, err := drivers.Call[storage.Object](t.Context(), s.conn, storage.PutObject{Bucket: bucket, Name: "case",
			Body: strings.NewReader("x"), Metadata: map[string]string{"Mixed-Case": "v"}})
		if op.KindOf(err) == op.InvalidArgument {
			return
		}
		o := Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: "case"})
		if !maps.Equal(o.Metadata, map[string]string{"mixed-case": "v"}) {
			t.Errorf("Mixed-Case came back as %v", o.Metadata)
		}
	}, "get_object")
	s.test(t, "metadata_unicode", func(t *testing.T) {
		want := map[string]string{"city": "Zürich 東京"}
		_, err := drivers.Call[storage.Object](t.Context(), s.conn, storage.PutObject{Bucket: bucket, Name: "unicode",
			Body: strings.NewReader("x"), Metadata: want})
		if op.KindOf(err) == op.InvalidArgument {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		o := Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: "unicode"})
		if !maps.Equal(o.Metadata, want) {
			t.Errorf("%v came back as %v", want, o.Metadata)
		}
	}, "get_object")
	s.test(t, "overwrite", func(t *testing.T) {
		o := s.write(t, bucket, "greeting", "other")
		if o.ETag == put.ETag {
			t.Errorf("another body has the same etag %q", o.ETag)
		}
		s.holds(t, bucket, "greeting", "other")
		got := Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: "greeting"})
		if len(got.Metadata) != 0 || got.Size != 5 {
			t.Errorf("what replaced the object still has something of it: %+v", got)
		}
	}, "read_object", "get_object")
	s.test(t, "absent", func(t *testing.T) {
		// Everything is there but the object itself.
		for name, in := range map[string]any{
			"get_object":    storage.GetObject{Bucket: bucket, Name: "nothing"},
			"read_object":   storage.ReadObject{Bucket: bucket, Name: "nothing"},
			"copy_object":   storage.CopyObject{Bucket: bucket, Name: "nothing", ToName: "copy"},
			"update_object": storage.UpdateObject{Bucket: bucket, Name: "nothing", Metadata: map[string]string{"a": "b"}},
		} {
			if s.offers(name) {
				t.Run(name, func(t *testing.T) {
					wantKind(t, s.invoke(t.Context(), s.conn, s.op(name), in), op.NotFound)
				})
			}
		}
	})
}

// checkSums compares the checksums that an object has with its body's.
func checkSums(t testing.TB, o storage.Object, body []byte) {
	t.Helper()
	for name, sum := range o.Checksums {
		var h hash.Hash
		switch name {
		case "md5":
			h = md5.New()
		case "sha1":
			h = sha1.New()
		case "sha256":
			h = sha256.New()
		case "crc32":
			h = crc32.NewIEEE()
		case "crc32c":
			h = crc32.New(crc32.MakeTable(crc32.Castagnoli))
		case "crc64nvme":
			h = crc64.New(crc64.MakeTable(0x9a6c9329ac4bc9b5))
		default:
			t.Errorf("there is no checksum %q", name)
			continue
		}
		h.Write(body)
		if want := hex.EncodeToString(h.Sum(nil)); sum != want {
			t.Errorf("%s of %q is %q, want %q", name, o.Name, sum, want)
		}
	}
}

func (s storageSuite) read(t *testing.T) {
	bucket, body := s.bucket(t), "0123456789"
	put := s.write(t, bucket, "digits", body)
	for _, c := range []struct {
		name           string
		offset, length int64
		want           string
	}{
		{"all", 0, 0, body},
		{"first", 0, 1, "0"},
		{"middle", 3, 4, "3456"},
		{"from", 7, 0, "789"},
		{"last", 9, 1, "9"},
		{"longer than it is", 0, 100, body},
		{"beyond the end", 8, 100, "89"},
	} {
		s.test(t, "range "+c.name, func(t *testing.T) {
			got, err := s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: "digits", Offset: c.offset, Length: c.length})
			if err != nil || string(got) != c.want {
				t.Errorf("offset %d, length %d: read %q, %v; want %q", c.offset, c.length, got, err, c.want)
			}
		})
	}
	s.test(t, "range tells the whole size", func(t *testing.T) {
		d := Call[storage.Download](t, s.conn, storage.ReadObject{Bucket: bucket, Name: "digits", Offset: 3, Length: 2})
		d.Body.Close()
		if d.Object.Size != 10 || d.Object.Name != "digits" || d.Object.Bucket != bucket {
			t.Errorf("the object of a range is %+v", d.Object)
		}
	})
	for _, c := range []storage.ReadObject{{Offset: 10}, {Offset: 11, Length: 1}, {Offset: -1}, {Offset: -1, Length: 3}, {Length: -1}} {
		s.test(t, fmt.Sprintf("refuse %d+%d", c.Offset, c.Length), func(t *testing.T) {
			c.Bucket, c.Name = bucket, "digits"
			_, err := s.body(t.Context(), c)
			wantKind(t, err, op.InvalidArgument)
		})
	}
	s.test(t, "empty", func(t *testing.T) {
		o := s.write(t, bucket, "empty", "")
		if o.Size != 0 {
			t.Errorf("an empty object has size %d", o.Size)
		}
		s.holds(t, bucket, "empty", "")
		got, err := s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: "empty", Length: 5})
		if err != nil || len(got) != 0 {
			t.Errorf("5 bytes of an empty object are %q, %v", got, err)
		}
		_, err = s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: "empty", Offset: 1})
		wantKind(t, err, op.InvalidArgument)
	})
	s.test(t, "if_etag", func(t *testing.T) {
		got, err := s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: "digits", IfETag: put.ETag})
		if err != nil || string(got) != body {
			t.Errorf("with its etag %q: %q, %v", put.ETag, got, err)
		}
		old := put.ETag
		s.write(t, bucket, "digits", "other")
		_, err = s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: "digits", IfETag: old})
		wantKind(t, err, op.Conflict)
	})

	large := random(largeBody)
	Call[storage.Object](t, s.conn, storage.PutObject{Bucket: bucket, Name: "large", Body: bytes.NewReader(large)})
	s.test(t, "large range", func(t *testing.T) {
		const from, n = 7 << 20, 2 << 20
		got, err := s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: "large", Offset: from, Length: n})
		if err != nil || !bytes.Equal(got, large[from:from+n]) {
			t.Errorf("read %s, %v; want %s", brief(got), err, brief(large[from:from+n]))
		}
	})
	s.test(t, "close midway", func(t *testing.T) {
		for range 3 {
			d := Call[storage.Download](t, s.conn, storage.ReadObject{Bucket: bucket, Name: "large"})
			if _, err := io.ReadFull(d.Body, make([]byte, 1000)); err != nil {
				t.Error(err)
			}
			if err := d.Body.Close(); err != nil {
				t.Errorf("Close in the middle: %v", err)
			}
		}
		s.holds(t, bucket, "large", string(large))
	})
	s.test(t, "cancel midway", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		d, err := drivers.Call[storage.Download](ctx, s.conn, storage.ReadObject{Bucket: bucket, Name: "large"})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Body.Close()
		if _, err := io.ReadFull(d.Body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		cancel()
		_, err = io.Copy(io.Discard, d.Body)
		wantKind(t, err, op.Canceled)
	})
	s.test(t, "slowly", func(t *testing.T) {
		d := Call[storage.Download](t, s.conn, storage.ReadObject{Bucket: bucket, Name: "digits"})
		defer d.Body.Close()
		if err := iotest.TestReader(struct{ io.Reader }{d.Body}, []byte("other")); err != nil {
			t.Error(err)
		}
	})
}

// random is n bytes that do not compress and are the same in every run.
func random(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte([]byte("cloudlark conformance suite 2026"))).Read(b)
	return b
}

// noise is a reader's body: not seekable, of no known length, noting whether
// it was closed, which is the caller's to do.
type noise struct {
	io.Reader
	closed bool
}

func (n *noise) Close() error { n.closed = true; return nil }

var errBroken = errors.New("the test's reader breaks")

func (s storageSuite) put(t *testing.T) {
	p := putter{s, s.bucket(t), random(largeBody)}
	p.bodies(t)
	p.failing(t)
	p.interrupted(t)
	p.ifAbsent(t)
}

// putter writes into one bucket.
type putter struct {
	storageSuite
	bucket string
	large  []byte // more than a request holds
}

func (p putter) put(ctx context.Context, in storage.PutObject) error {
	in.Bucket = p.bucket
	_, err := drivers.Call[storage.Object](ctx, p.conn, in)
	return err
}

func size(n int) *int64 { v := int64(n); return &v }

// bodies writes the same bytes in every way that there is to hand them over.
func (p putter) bodies(t *testing.T) {
	ways := map[string]func(b []byte) io.Reader{
		"seekable": func(b []byte) io.Reader { return bytes.NewReader(b) },
		"stream":   func(b []byte) io.Reader { return &noise{Reader: bytes.NewReader(b)} },
		"dribble":  func(b []byte) io.Reader { return iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(b))) },
		"seeked": func(b []byte) io.Reader {
			r := bytes.NewReader(append([]byte("skipped"), b...))
			r.Seek(7, io.SeekStart)
			return r
		},
	}
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		for _, b := range [][]byte{nil, []byte("small"), p.large} {
			for _, known := range []bool{true, false} {
				name := fmt.Sprintf("%s %d known=%t", way, len(b), known)
				p.test(t, name, func(t *testing.T) {
					in := storage.PutObject{Name: name}
					if known {
						in.Size = size(len(b))
					}
					if err := p.settled(func() error { in.Body = ways[way](b); return p.put(t.Context(), in) }); err != nil {
						t.Fatal(err)
					}
					if n, ok := in.Body.(*noise); ok && n.closed {
						t.Error("put_object closed the body, which is its caller's")
					}
					o := Call[storage.Object](t, p.conn, storage.GetObject{Bucket: p.bucket, Name: name})
					if o.Size != int64(len(b)) {
						t.Errorf("size %d, want %d", o.Size, len(b))
					}
					checkSums(t, o, b)
					p.holds(t, p.bucket, name, string(b))
				})
			}
		}
	}
}

// failing: a body that fails leaves nothing behind, and what was there before as it was.
func (p putter) failing(t *testing.T) {
	p.write(t, p.bucket, "before", "as it was")
	failing := map[string]func(t *testing.T) (storage.PutObject, []op.Kind){
		"shorter than its size": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: strings.NewReader("four"), Size: size(5)}, []op.Kind{op.InvalidArgument}
		},
		"longer than its size": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: strings.NewReader("four"), Size: size(3)}, []op.Kind{op.InvalidArgument}
		},
		"empty with a size": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: strings.NewReader(""), Size: size(1)}, []op.Kind{op.InvalidArgument}
		},
		"not empty with size 0": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: strings.NewReader("four"), Size: size(0)}, []op.Kind{op.InvalidArgument}
		},
		"stream shorter than its size": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: &noise{Reader: bytes.NewReader(p.large)}, Size: size(len(p.large) + 1)}, []op.Kind{op.InvalidArgument}
		},
		"stream longer than its size": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: &noise{Reader: bytes.NewReader(p.large)}, Size: size(len(p.large) - 1)}, []op.Kind{op.InvalidArgument}
		},
		"negative size": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: strings.NewReader("four"), Size: size(-1)}, []op.Kind{op.InvalidArgument}
		},
		"reader that breaks at once": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: iotest.ErrReader(errBroken)}, nil
		},
		"reader that breaks midway": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: io.MultiReader(bytes.NewReader(p.large), iotest.ErrReader(errBroken))}, nil
		},
		"reader of known size that breaks midway": func(*testing.T) (storage.PutObject, []op.Kind) {
			return storage.PutObject{Body: io.MultiReader(bytes.NewReader(p.large), iotest.ErrReader(errBroken)), Size: size(2 * len(p.large))}, nil
		},
	}
	for _, name := range slices.Sorted(maps.Keys(failing)) {
		p.test(t, name, func(t *testing.T) {
			for _, over := range []string{"before", "nothing before"} {
				var kinds []op.Kind
				err := p.settled(func() error {
					var in storage.PutObject
					in, kinds = failing[name](t)
					in.Name = over
					return p.put(t.Context(), in)
				})
				if kinds == nil && err == nil {
					t.Errorf("a body that breaks was written")
				}
				if kinds != nil {
					wantKind(t, err, kinds...)
				}
			}
			p.holds(t, p.bucket, "before", "as it was")
			p.absent(t, p.bucket, "nothing before")
		})
	}
	p.test(t, "the reader's error is the cause", func(t *testing.T) {
		err := p.settled(func() error {
			return p.put(t.Context(), storage.PutObject{Name: "broken", Body: io.MultiReader(bytes.NewReader(p.large), iotest.ErrReader(errBroken))})
		})
		if err == nil || !strings.Contains(err.Error(), errBroken.Error()) {
			t.Errorf("the message does not say why: %v", err)
		}
	})
}

// interrupted: so does one that the caller gives up.
func (p putter) interrupted(t *testing.T) {
	p.test(t, "canceled midway", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		wantKind(t, p.settled(func() error {
			body := io.MultiReader(bytes.NewReader(p.large[:6<<20]), readFunc(func([]byte) (int, error) { cancel(); return 0, ctx.Err() }))
			return p.put(ctx, storage.PutObject{Name: "canceled", Body: body})
		}), op.Canceled)
		p.absent(t, p.bucket, "canceled")
	})
	p.test(t, "canceled while it flows", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		wantKind(t, p.settled(func() error {
			i := 0
			body := io.LimitReader(readFunc(func(p []byte) (int, error) {
				if i++; i == 20 {
					cancel()
				}
				return min(len(p), 256<<10), nil
			}), 64<<20)
			return p.put(ctx, storage.PutObject{Name: "canceled", Body: body})
		}), op.Canceled)
		p.absent(t, p.bucket, "canceled")
	})
	p.test(t, "deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		wantKind(t, p.settled(func() error {
			body := io.MultiReader(bytes.NewReader(p.large[:6<<20]), readFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() }))
			return p.put(ctx, storage.PutObject{Name: "late", Body: body})
		}), op.Timeout)
		p.absent(t, p.bucket, "late")
	})
}

func (p putter) ifAbsent(t *testing.T) {
	p.test(t, "if_absent", func(t *testing.T) {
		if err := p.put(t.Context(), storage.PutObject{Name: "once", Body: strings.NewReader("first"), IfAbsent: true}); err != nil {
			t.Fatal(err)
		}
		for _, b := range []string{"second", string(p.large)} {
			for _, streamed := range []bool{true, false} {
				wantKind(t, p.settled(func() error {
					in := storage.PutObject{Name: "once", Body: strings.NewReader(b), Size: size(len(b)), IfAbsent: true}
					if streamed {
						in.Body, in.Size = &noise{Reader: in.Body}, nil
					}
					return p.put(t.Context(), in)
				}), op.AlreadyExists)
			}
		}
		p.holds(t, p.bucket, "once", "first")
	})
	p.test(t, "if_absent, many at once", func(t *testing.T) {
		won := make(chan int, 8)
		together(t, cap(won), func(i int) error {
			err := p.put(t.Context(), storage.PutObject{Name: "race", Body: strings.NewReader(fmt.Sprint(i)), IfAbsent: true})
			// A provider that has two such writes under way may refuse one for
			// that reason alone; it is there afterwards, or was.
			if k := op.KindOf(err); k == op.AlreadyExists || k == op.Conflict {
				return nil
			}
			won <- i
			return err
		})
		if len(won) != 1 {
			t.Fatalf("%d of %d writes found no object before them", len(won), cap(won))
		}
		p.holds(t, p.bucket, "race", fmt.Sprint(<-won))
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// names: an object is found under exactly the name it was written with. Names
// that no folder could have may be refused, but nothing else may come of them.
func (s storageSuite) names(t *testing.T) {
	bucket := s.bucket(t)
	plain := map[string]string{
		"unicode":          "grüße/東京/☕️.txt",
		"combining":        "e\u0301 is not \u00e9",
		"beyond the plane": "😀\U0010FFFD",
		"space":            "a b  c.txt",
		"plus":             "1+1=2",
		"percent":          "100%25%2F%zz.txt",
		"query":            "what?a=b&c=d#e",
		"quotes":           `it's "quoted" <b>&amp;`,
		"punctuation":      "!$'()*,:;@[]{}|~^`",
		"deep":             strings.Repeat("d/", 20) + "file",
		"hidden":           ".hidden",
		"dots inside":      "a..b/c...d",
		"longest":          strings.Repeat("segments/", 113) + "1234567",
	}
	odd := map[string]string{
		"leading slash":   "/lead",
		"trailing slash":  "trail/",
		"double slash":    "a//b",
		"only slashes":    "//",
		"dot":             ".",
		"dot dot":         "..",
		"up":              "../up",
		"up inside":       "a/../b",
		"here inside":     "a/./b",
		"backslash":       `a\b`,
		"leading space":   " a",
		"trailing space":  "a ",
		"trailing dot":    "a.",
		"newline":         "line\nbreak\r\n",
		"control":         "a\x01b\x7f",
		"null":            "a\x00b",
		"longest segment": strings.Repeat("é", 512),
		"device":          "NUL",
		"many segments":   strings.Repeat("n/", 400) + strings.Repeat("m", 224),
	}
	roundTrip := func(name string, mayRefuse bool) func(t *testing.T) {
		return func(t *testing.T) {
			in := storage.PutObject{Bucket: bucket, Name: name, Body: strings.NewReader(name)}
			put, err := drivers.Call[storage.Object](t.Context(), s.conn, in)
			if mayRefuse && err != nil {
				wantKind(t, err, op.InvalidArgument)
				t.Logf("refused: %v", err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if put.Name != name {
				t.Errorf("put_object says %q, not %q", put.Name, name)
			}
			s.holds(t, bucket, name, name)
			if s.offers("get_object") {
				if o := Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: name}); o.Name != name {
					t.Errorf("get_object says %q, not %q", o.Name, name)
				}
			}
			if s.offers("list_objects") {
				listed := list[storage.Object](t, s.conn, storage.ListObjects{Bucket: bucket, Prefix: name})
				if !slices.ContainsFunc(listed, func(o storage.Object) bool { return o.Name == name }) {
					t.Errorf("list_objects with the prefix %q gives %+v", name, listed)
				}
			}
			if s.offers("copy_object") {
				Call[storage.Object](t, s.conn, storage.CopyObject{Bucket: bucket, Name: name, ToName: "copy"})
				s.holds(t, bucket, "copy", name)
			}
			if s.offers("delete_objects") {
				if d := Call[storage.Deleted](t, s.conn, storage.DeleteObjects{Bucket: bucket, Names: []string{name}}); d.Count != 1 {
					t.Errorf("delete_objects: %+v", d)
				}
				s.absent(t, bucket, name)
				s.write(t, bucket, name, name)
			}
			if s.offers("delete_object") {
				Do(t, s.conn, storage.DeleteObject{Bucket: bucket, Name: name})
				s.absent(t, bucket, name)
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(plain)) {
		s.test(t, what, roundTrip(plain[what], false))
	}
	for _, what := range slices.Sorted(maps.Keys(odd)) {
		s.test(t, what, roundTrip(odd[what], true))
	}
	for what, name := range map[string]string{"too long": strings.Repeat("x", 1025), "not UTF-8": "a\xffb", "empty": ""} {
		s.test(t, what, func(t *testing.T) {
			in := storage.PutObject{Bucket: bucket, Name: name, Body: strings.NewReader("x")}
			_, err := drivers.Call[storage.Object](t.Context(), s.conn, in)
			wantKind(t, err, op.InvalidArgument)
		})
	}
	// Names that are easily taken for one another.
	for what, two := range map[string][2]string{
		"case":            {"case", "CASE"},
		"normal forms":    {"\u00e9", "e\u0301"},
		"slash at end":    {"thing", "thing/"},
		"a folder's name": {"folder", "folder/file"},
		"escaped":         {"a b", "a%20b"},
		"plus and space":  {"a+b", "a b"},
	} {
		s.test(t, "both "+what, func(t *testing.T) {
			s.write(t, bucket, two[0], "first")
			second := storage.PutObject{Bucket: bucket, Name: two[1], Body: strings.NewReader("second")}
			_, err := drivers.Call[storage.Object](t.Context(), s.conn, second)
			if err != nil {
				wantKind(t, err, op.InvalidArgument, op.Conflict)
				t.Logf("refused: %v", err)
			} else {
				s.holds(t, bucket, two[1], "second")
			}
			s.holds(t, bucket, two[0], "first")
		})
	}
}

func (s storageSuite) list(t *testing.T) {
	bucket := s.bucket(t)
	// In the bytes' order, which is not that of UTF-16, nor a dictionary's.
	names := []string{"B", "a!b", "a-b", "a/1", "a/2/x", "a/2/y", "a0", "b/1", "b::2", "b::3", "é", "\uffee", "😀"}
	for i := range 2*s.PageSize + 3 {
		names = append(names, fmt.Sprintf("n/%04d", i))
	}
	slices.Sort(names)
	together(t, 8, func(worker int) error {
		for i := worker; i < len(names); i += 8 {
			in := storage.PutObject{Bucket: bucket, Name: names[i], Body: strings.NewReader(names[i])}
			if _, err := drivers.Call[storage.Object](t.Context(), s.conn, in); err != nil {
				return err
			}
		}
		return nil
	})
	numbered := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, "n/") })
	small := s.conn
	if s.PageSize > 0 {
		small = s.open(t, s.SmallPages)
	}
	for _, c := range []struct {
		name, prefix, delimiter string
		want                    []string
	}{
		{"all", "", "", names},
		{"prefix", "a/", "", []string{"a/1", "a/2/x", "a/2/y"}},
		{"prefix within a name", "a/2", "", []string{"a/2/x", "a/2/y"}},
		{"prefix of nothing", "zzz", "", nil},
		{"prefix in unicode", "😀", "", []string{"😀"}},
		{"numbered", "n/", "", numbered},
		{"delimiter", "", "/", []string{"B", "a!b", "a-b", "<a/>", "a0", "<b/>", "b::2", "b::3", "<n/>", "é", "\uffee", "😀"}},
		{"prefix and delimiter", "a/", "/", []string{"a/1", "<a/2/>"}},
		{"prefix without its slash", "a", "/", []string{"a!b", "a-b", "<a/>", "a0"}},
		{"delimiter of two", "b", "::", []string{"b/1", "<b::>"}},
		{"delimiter that is nowhere", "a", "@", []string{"a!b", "a-b", "a/1", "a/2/x", "a/2/y", "a0"}},
		{"delimiter in many pages", "n/", "00", []string{"<n/00>"}},
	} {
		if c.name == "delimiter in many pages" && len(numbered) > 100 {
			continue // then there are more
		}
		s.test(t, c.name, func(t *testing.T) {
			for what, conn := range map[string]*drivers.Conn{"as it is": s.conn, "small pages": small} {
				var got []string
				for _, o := range list[storage.Object](t, conn, storage.ListObjects{Bucket: bucket, Prefix: c.prefix, Delimiter: c.delimiter}) {
					if o.IsPrefix {
						got = append(got, "<"+o.Name+">")
						continue
					}
					got = append(got, o.Name)
					if o.Size != int64(len(o.Name)) || o.ETag == "" || o.LastModified.IsZero() || o.Bucket != bucket {
						t.Errorf("%s: %+v", what, o)
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%s:\ngot  %q\nwant %q", what, got, c.want)
				}
			}
		})
	}
	s.test(t, "paging", func(t *testing.T) {
		var want []string
		for _, name := range names {
			want = append(want, bucket+"\x00"+name)
		}
		s.paged(t, storage.ListObjects{Bucket: bucket}, want)
	})
	s.test(t, "empty", func(t *testing.T) {
		if all := list[storage.Object](t, s.conn, storage.ListObjects{Bucket: s.bucket(t)}); len(all) != 0 {
			t.Errorf("a new bucket holds %+v", all)
		}
	})
}

func (s storageSuite) copy(t *testing.T) {
	from, to := s.bucket(t), s.bucket(t)
	name := "a b+c%20é?.txt"
	Call[storage.Object](t, s.conn, storage.PutObject{Bucket: from, Name: name, Body: strings.NewReader("body"),
		ContentType: "text/plain", Metadata: map[string]string{"a": "b"}})
	check := func(t *testing.T, in storage.CopyObject, bucket, as string, metadata map[string]string) {
		t.Helper()
		in.Bucket, in.Name = from, name
		o := Call[storage.Object](t, s.conn, in)
		if o.Bucket != bucket || o.Name != as || o.Size != 4 {
			t.Errorf("the copy is %+v", o)
		}
		s.holds(t, bucket, as, "body")
		if s.offers("get_object") {
			o = Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: as})
			if o.ContentType != "text/plain" || !maps.Equal(o.Metadata, metadata) {
				t.Errorf("the copy has type %q, metadata %v", o.ContentType, o.Metadata)
			}
		}
		s.holds(t, from, name, "body")
	}
	own := map[string]string{"a": "b"}
	s.test(t, "same bucket", func(t *testing.T) { check(t, storage.CopyObject{ToName: "copy"}, from, "copy", own) })
	s.test(t, "other bucket", func(t *testing.T) { check(t, storage.CopyObject{ToBucket: to}, to, name, own) })
	s.test(t, "other bucket and name", func(t *testing.T) {
		check(t, storage.CopyObject{ToBucket: to, ToName: "grüße/☕"}, to, "grüße/☕", own)
	})
	s.test(t, "over another", func(t *testing.T) {
		s.write(t, to, "old", "something longer")
		check(t, storage.CopyObject{ToBucket: to, ToName: "old"}, to, "old", own)
	})
	s.test(t, "metadata", func(t *testing.T) {
		other := map[string]string{"c": "d"}
		check(t, storage.CopyObject{ToName: "retagged", Metadata: other}, from, "retagged", other)
	})
	s.test(t, "onto itself", func(t *testing.T) {
		other := map[string]string{"e": "f"}
		check(t, storage.CopyObject{Metadata: other}, from, name, other)
	})
	s.test(t, "large", func(t *testing.T) {
		large := random(largeBody)
		Call[storage.Object](t, s.conn, storage.PutObject{Bucket: from, Name: "large", Body: bytes.NewReader(large)})
		Call[storage.Object](t, s.conn, storage.CopyObject{Bucket: from, Name: "large", ToBucket: to})
		s.holds(t, to, "large", string(large))
	})
	s.test(t, "to no bucket", func(t *testing.T) {
		in := storage.CopyObject{Bucket: from, Name: name, ToBucket: s.missing("bucket")}
		_, err := drivers.Call[storage.Object](t.Context(), s.conn, in)
		wantKind(t, err, op.NotFound)
	})
}

func (s storageSuite) update(t *testing.T) {
	bucket := s.bucket(t)
	Call[storage.Object](t, s.conn, storage.PutObject{Bucket: bucket, Name: "o", Body: strings.NewReader("body"),
		ContentType: "text/plain", Metadata: map[string]string{"a": "1", "b": "2"}})
	check := func(t *testing.T, in storage.UpdateObject, contentType string) {
		t.Helper()
		in.Bucket, in.Name = bucket, "o"
		o := Call[storage.Object](t, s.conn, in)
		if s.offers("get_object") {
			o = Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: "o"})
		}
		if o.ContentType != contentType || !maps.Equal(o.Metadata, in.Metadata) || o.Size != 4 {
			t.Errorf("after %+v it is %+v", in, o)
		}
		s.holds(t, bucket, "o", "body")
	}
	s.test(t, "metadata", func(t *testing.T) {
		check(t, storage.UpdateObject{Metadata: map[string]string{"b": "3", "c": "4"}}, "text/plain")
	})
	s.test(t, "content type", func(t *testing.T) {
		check(t, storage.UpdateObject{Metadata: map[string]string{"b": "3"}, ContentType: "text/csv"}, "text/csv")
	})
	s.test(t, "no metadata", func(t *testing.T) { check(t, storage.UpdateObject{}, "text/csv") })
}

func (s storageSuite) delete(t *testing.T) {
	bucket := s.bucket(t)
	s.write(t, bucket, "gone", "x")
	s.write(t, bucket, "stays", "x")
	Do(t, s.conn, storage.DeleteObject{Bucket: bucket, Name: "gone"})
	s.absent(t, bucket, "gone")
	if err := drivers.Do(t.Context(), s.conn, storage.DeleteObject{Bucket: bucket, Name: "gone"}); err != nil {
		wantKind(t, err, op.NotFound)
	}
	s.holds(t, bucket, "stays", "x")
}

func (s storageSuite) deleteMany(t *testing.T) {
	bucket := s.bucket(t)
	names := []string{"a", "b c", "d/é"}
	for _, name := range names {
		s.write(t, bucket, name, "x")
	}
	s.write(t, bucket, "stays", "x")
	for i := range 1100 { // more than providers take at once; for Swift each is a file, that it is gone
		names = append(names, fmt.Sprintf("never there/%d", i))
	}
	d := Call[storage.Deleted](t, s.conn, storage.DeleteObjects{Bucket: bucket, Names: names})
	if d.Count != len(names) || len(d.Failed) != 0 {
		t.Errorf("of %d names, deleted %d; failed %+v", len(names), d.Count, d.Failed)
	}
	if s.offers("list_objects") {
		if left := list[storage.Object](t, s.conn, storage.ListObjects{Bucket: bucket}); len(left) != 1 || left[0].Name != "stays" {
			t.Errorf("left are %+v", left)
		}
	}
	d = Call[storage.Deleted](t, s.conn, storage.DeleteObjects{Bucket: bucket, Names: []string{}})
	if d.Count != 0 || len(d.Failed) != 0 {
		t.Errorf("of no names: %+v", d)
	}
}

func (s storageSuite) presign(t *testing.T) {
	bucket := s.bucket(t)
	for _, name := range []string{"plain.txt", "a b+c%20é?&.txt"} {
		s.test(t, "get "+name, func(t *testing.T) {
			s.write(t, bucket, name, "body of "+name)
			u := Call[storage.URL](t, s.conn, storage.PresignObject{Bucket: bucket, Name: name, Expires: 600})
			if got := fetch(t, u, nil); got != "body of "+name {
				t.Errorf("the URL gives %q", got)
			}
			if u.Method != storage.Get {
				t.Errorf("the method is %q", u.Method)
			}
			if left := time.Until(u.ExpiresAt); !u.ExpiresAt.IsZero() && (left > 11*time.Minute || left < 5*time.Minute) {
				t.Errorf("asked for 10 minutes, it works for %s", left)
			}
		})
		s.test(t, "put "+name, func(t *testing.T) {
			u := Call[storage.URL](t, s.conn, storage.PresignObject{Bucket: bucket, Name: name, Method: storage.Put, ContentType: "text/plain"})
			fetch(t, u, strings.NewReader("put through the URL"))
			s.holds(t, bucket, name, "put through the URL")
			if o := Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: name}); o.ContentType != "text/plain" {
				t.Errorf("the content type is %q", o.ContentType)
			}
		}, "get_object")
	}
	s.test(t, "negative expiry", func(t *testing.T) {
		_, err := drivers.Call[storage.URL](t.Context(), s.conn, storage.PresignObject{Bucket: bucket, Name: "o", Expires: -1})
		wantKind(t, err, op.InvalidArgument)
	})
}

// fetch uses a presigned URL, as a person without credentials does.
func fetch(t *testing.T, u storage.URL, body io.Reader) string {
	t.Helper()
	parsed, err := url.Parse(u.URL)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Scheme != "http" && parsed.Scheme != "https" {
		t.Skipf("%s is not a URL for HTTP", parsed.Redacted())
	}
	req, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(string(u.Method)), u.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range u.Headers {
		req.Header.Set(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("the URL answers %s: %q, %v", resp.Status, got, err)
	}
	return string(got)
}

func (s storageSuite) url(t *testing.T) {
	bucket := s.bucket(t)
	seen := map[string]bool{}
	for _, name := range []string{"o", "a b", "a%20b", "a+b", "é?#&"} {
		u := Call[storage.URL](t, s.conn, storage.GetObjectURL{Bucket: bucket, Name: name})
		parsed, err := url.Parse(u.URL)
		if err != nil || !parsed.IsAbs() {
			t.Errorf("the URL of %q is %q: %v", name, u.URL, err)
		}
		if seen[u.URL] {
			t.Errorf("%q is the URL of two objects", u.URL)
		}
		seen[u.URL] = true
	}
}

func (s storageSuite) concurrent(t *testing.T) {
	bucket := s.bucket(t)
	s.test(t, "many objects", func(t *testing.T) {
		together(t, 16, func(i int) error {
			name := fmt.Sprintf("object-%d", i)
			body := strings.Repeat(name, 1000+i)
			for range 3 {
				in := storage.PutObject{Bucket: bucket, Name: name, Body: strings.NewReader(body)}
				if _, err := drivers.Call[storage.Object](t.Context(), s.conn, in); err != nil {
					return err
				}
				got, err := s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: name})
				if err != nil || string(got) != body {
					return fmt.Errorf("%s holds %s, %w", name, brief(got), err)
				}
				for _, err := range drivers.List[storage.Object](t.Context(), s.conn, storage.ListObjects{Bucket: bucket}) {
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
	s.test(t, "one object", func(t *testing.T) {
		// A reader sees one write whole, never a mixture.
		s.write(t, bucket, "one", strings.Repeat("0", 100_000))
		together(t, 8, func(i int) error {
			for range 5 {
				if i%2 == 0 {
					in := storage.PutObject{Bucket: bucket, Name: "one", Body: strings.NewReader(strings.Repeat(fmt.Sprint(i), 100_000))}
					if _, err := drivers.Call[storage.Object](t.Context(), s.conn, in); err != nil {
						return err
					}
					continue
				}
				got, err := s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: "one"})
				if err != nil {
					return err
				}
				if len(got) != 100_000 || len(bytes.Trim(got, string(got[:1]))) != 0 {
					return fmt.Errorf("a mixture of writes: %s", brief(got))
				}
			}
			return nil
		})
	})
}
