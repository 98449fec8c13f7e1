package drivertest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// parts are those of a body in parts of one size, the last one shorter.
type parts [][]byte

// begin begins an upload that is gone when t ends, and a body of n parts for it.
func (s storageSuite) begin(t *testing.T, in storage.CreateMultipartUpload, n int) (storage.Upload, parts) {
	t.Helper()
	u := Call[storage.Upload](t, s.conn, in)
	if u.Bucket != in.Bucket || u.Name != in.Name || u.ID == "" {
		t.Fatalf("the upload is %+v", u)
	}
	if u.MaxPartSize != 0 && u.MinPartSize > u.MaxPartSize || u.MaxParts != 0 && u.MaxParts < n {
		t.Fatalf("no upload has such limits: %+v", u)
	}
	s.cleanup(t, storage.AbortMultipartUpload{Bucket: u.Bucket, Name: u.Name, Upload: u.ID})
	size := max(int(u.MinPartSize), 1<<20)
	if u.MaxPartSize > 0 {
		size = min(size, int(u.MaxPartSize))
	}
	return u, slices.Collect(slices.Chunk(random((n-1)*size+345), size))
}

func (p parts) whole() []byte { return slices.Concat(p...) }

// send sends part i, counted from 0.
func (s storageSuite) send(t *testing.T, u storage.Upload, p parts, i int) storage.Part {
	t.Helper()
	size := int64(len(p[i]))
	sent := Call[storage.Part](t, s.conn, storage.UploadPart{Bucket: u.Bucket, Name: u.Name, Upload: u.ID, Number: i + 1, Body: bytes.NewReader(p[i]), Size: &size})
	if sent.Number != i+1 || sent.Size != size || sent.ETag == "" || sent.Upload != u.ID {
		t.Errorf("part %d is %+v", i+1, sent)
	}
	checkSums(t, storage.Object{Checksums: sent.Checksums}, p[i])
	return sent
}

func (s storageSuite) complete(t *testing.T, u storage.Upload, parts ...storage.Part) storage.Object {
	t.Helper()
	return Call[storage.Object](t, s.conn, storage.CompleteMultipartUpload{Bucket: u.Bucket, Name: u.Name, Upload: u.ID, Parts: parts})
}

func (s storageSuite) uploads(t *testing.T) {
	bucket := s.bucket(t)
	s.test(t, "whole", func(t *testing.T) {
		name, metadata := "a b+c%20é?.bin", map[string]string{"author": "Ada"}
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: name, ContentType: "text/plain", Metadata: metadata}, 3)
		third, first, second := s.send(t, u, p, 2), s.send(t, u, p, 0), s.send(t, u, p, 1)
		s.absent(t, bucket, name)
		if s.offers("list_objects") {
			if all := list[storage.Object](t, s.conn, storage.ListObjects{Bucket: bucket}); len(all) != 0 {
				t.Errorf("before it is completed, the bucket lists %+v", all)
			}
		}
		if s.offers("list_parts") {
			there := list[storage.Part](t, s.conn, storage.ListParts{Bucket: bucket, Name: name, Upload: u.ID})
			for i, want := range []storage.Part{first, second, third} {
				if len(there) != 3 || there[i].Number != want.Number || there[i].Size != want.Size || there[i].ETag != want.ETag {
					t.Fatalf("the parts are %+v, not as they were sent: %+v", there, want)
				}
				checkSums(t, storage.Object{Checksums: there[i].Checksums}, p[i])
			}
		}
		o := s.complete(t, u, first, second, third)
		if o.Bucket != bucket || o.Name != name || o.Size != int64(len(p.whole())) || o.ETag == "" {
			t.Errorf("completed, it is %+v", o)
		}
		checkSums(t, o, p.whole())
		s.holds(t, bucket, name, string(p.whole()))
		got := Call[storage.Object](t, s.conn, storage.GetObject{Bucket: bucket, Name: name})
		if got.ContentType != "text/plain" || !maps.Equal(got.Metadata, metadata) || got.ETag != o.ETag {
			t.Errorf("the object is %+v, complete said %+v", got, o)
		}
		checkSums(t, got, p.whole())
		s.over(t, u)
	}, "complete_multipart_upload")
	s.test(t, "one part", func(t *testing.T) {
		u, _ := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "one"}, 1)
		part := Call[storage.Part](t, s.conn, storage.UploadPart{Bucket: bucket, Name: "one", Upload: u.ID, Number: 1, Body: strings.NewReader("little")})
		s.complete(t, u, part)
		s.holds(t, bucket, "one", "little")
	})
	s.test(t, "stream", func(t *testing.T) {
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "stream"}, 2)
		var sent []storage.Part
		for i := range p {
			// Neither its length nor what it holds is known before it has flowed.
			body := iotest.HalfReader(bytes.NewReader(p[i]))
			part, err := drivers.Call[storage.Part](t.Context(), s.conn, storage.UploadPart{Bucket: bucket, Name: "stream", Upload: u.ID, Number: i + 1, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, part)
		}
		s.complete(t, u, sent...)
		s.holds(t, bucket, "stream", string(p.whole()))
	})
	s.test(t, "replaced part", func(t *testing.T) {
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "replaced"}, 2)
		wrong := s.send(t, u, parts{bytes.Repeat([]byte("x"), len(p[0]))}, 0)
		first, second := s.send(t, u, p, 0), s.send(t, u, p, 1)
		if wrong.ETag == first.ETag {
			t.Errorf("another part has the same etag %q", wrong.ETag)
		}
		_, err := drivers.Call[storage.Object](t.Context(), s.conn, storage.CompleteMultipartUpload{Bucket: bucket, Name: "replaced", Upload: u.ID, Parts: []storage.Part{wrong, second}})
		wantKind(t, err, op.InvalidArgument)
		s.complete(t, u, first, second)
		s.holds(t, bucket, "replaced", string(p.whole()))
	})
	s.test(t, "fewer parts", func(t *testing.T) {
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "fewer"}, 3)
		first := s.send(t, u, p, 0)
		s.send(t, u, p, 1)
		s.send(t, u, p, 2)
		s.complete(t, u, first)
		s.holds(t, bucket, "fewer", string(p[0]))
	})
	s.test(t, "missing part", func(t *testing.T) {
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "missing"}, 2)
		first := s.send(t, u, p, 0)
		absent := first
		absent.Number = 2
		_, err := drivers.Call[storage.Object](t.Context(), s.conn, storage.CompleteMultipartUpload{Bucket: bucket, Name: "missing", Upload: u.ID, Parts: []storage.Part{first, absent}})
		wantKind(t, err, op.InvalidArgument)
		s.absent(t, bucket, "missing")
		// It is still there, and can be completed as it should be.
		s.complete(t, u, first, s.send(t, u, p, 1))
		s.holds(t, bucket, "missing", string(p.whole()))
	})
	s.test(t, "size", func(t *testing.T) {
		u, _ := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "size"}, 1)
		for _, size := range []int64{3, 9} {
			_, err := drivers.Call[storage.Part](t.Context(), s.conn, storage.UploadPart{Bucket: bucket, Name: "size", Upload: u.ID, Number: 1, Body: strings.NewReader("little"), Size: &size})
			wantKind(t, err, op.InvalidArgument)
		}
	})
	s.test(t, "over another", func(t *testing.T) {
		s.write(t, bucket, "over", "old")
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "over"}, 1)
		part := s.send(t, u, p, 0)
		s.holds(t, bucket, "over", "old")
		s.complete(t, u, part)
		s.holds(t, bucket, "over", string(p.whole()))
	}, "put_object")
	s.test(t, "if_absent", func(t *testing.T) {
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "once"}, 1)
		part := s.send(t, u, p, 0)
		s.write(t, bucket, "once", "old")
		_, err := drivers.Call[storage.Object](t.Context(), s.conn, storage.CompleteMultipartUpload{Bucket: bucket, Name: "once", Upload: u.ID, Parts: []storage.Part{part}, IfAbsent: true})
		wantKind(t, err, op.AlreadyExists)
		s.holds(t, bucket, "once", "old")
	}, "put_object")
	s.test(t, "wrong checksum", func(t *testing.T) {
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "sum"}, 1)
		part := s.send(t, u, p, 0)
		wrong := map[string]string{}
		for name, sum := range part.Checksums {
			wrong[name] = strings.Map(func(r rune) rune { return map[bool]rune{true: '1', false: '0'}[r == '0'] }, sum)
		}
		if len(wrong) == 0 {
			t.Skip("the provider keeps no checksum of a part")
		}
		o, err := drivers.Call[storage.Object](t.Context(), s.conn, storage.CompleteMultipartUpload{Bucket: bucket, Name: "sum", Upload: u.ID, Parts: []storage.Part{part}, Checksums: wrong})
		if err != nil {
			wantKind(t, err, op.Internal)
			return
		}
		for name := range o.Checksums { // then it could have been compared
			if wrong[name] != "" {
				t.Errorf("said to have the %s %s, it became an object that has %s", name, wrong[name], o.Checksums[name])
			}
		}
	})
	s.test(t, "abort", func(t *testing.T) {
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "aborted"}, 1)
		s.send(t, u, p, 0)
		Do(t, s.conn, storage.AbortMultipartUpload{Bucket: bucket, Name: "aborted", Upload: u.ID})
		s.absent(t, bucket, "aborted")
		s.over(t, u)
	}, "abort_multipart_upload")
	s.test(t, "list", func(t *testing.T) {
		bucket := s.bucket(t)
		want := map[string]bool{}
		var ids []string
		for _, name := range []string{"dir/a b", "dir/é", "dir/é", "other"} { // two of one name
			u, _ := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: name}, 1)
			ids = append(ids, s.op("create_multipart_upload").Out().Identity(reflect.ValueOf(u)))
			want[name+" "+u.ID] = strings.HasPrefix(name, "dir/")
		}
		for _, u := range list[storage.Upload](t, s.conn, storage.ListMultipartUploads{Bucket: bucket, Prefix: "dir/"}) {
			if !want[u.Name+" "+u.ID] {
				t.Errorf("the list with a prefix gives %+v", u)
			}
			if age := time.Since(u.CreatedAt); !u.CreatedAt.IsZero() && (age > 24*time.Hour || age < -24*time.Hour) {
				t.Errorf("created at %s", u.CreatedAt)
			}
			delete(want, u.Name+" "+u.ID)
		}
		if len(want) != 1 {
			t.Errorf("the list did not give %v", want)
		}
		s.test(t, "paging", func(t *testing.T) {
			for i := len(ids); i < s.PageSize+1; i++ {
				u, _ := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: fmt.Sprint("n/", i)}, 1)
				ids = append(ids, s.op("create_multipart_upload").Out().Identity(reflect.ValueOf(u)))
			}
			s.paged(t, storage.ListMultipartUploads{Bucket: bucket}, ids)
		})
	}, "list_multipart_uploads")
	s.test(t, "parts in pages", func(t *testing.T) {
		n := min(s.PageSize, 8) + 1
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "pages"}, n)
		var want []string
		for i := range p {
			s.send(t, u, p, i)
			want = append(want, u.ID+"\x00"+fmt.Sprint(i+1))
		}
		if n > s.PageSize {
			s.paged(t, storage.ListParts{Bucket: bucket, Name: "pages", Upload: u.ID}, want)
		}
	}, "list_parts")
	s.test(t, "many at once", func(t *testing.T) {
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "many"}, 4)
		sent := make([]storage.Part, len(p))
		together(t, len(p), func(i int) (err error) {
			sent[i], err = drivers.Call[storage.Part](t.Context(), s.conn, storage.UploadPart{Bucket: bucket, Name: "many", Upload: u.ID, Number: i + 1, Body: bytes.NewReader(p[i])})
			return err
		})
		s.complete(t, u, sent...)
		got, err := s.body(t.Context(), storage.ReadObject{Bucket: bucket, Name: "many"})
		if err != nil || sha256.Sum256(got) != sha256.Sum256(p.whole()) {
			t.Errorf("it holds %s, %v", brief(got), err)
		}
	})
	s.test(t, "other_connection", func(t *testing.T) {
		// What one process began another goes on with.
		u, p := s.begin(t, storage.CreateMultipartUpload{Bucket: bucket, Name: "resumed"}, 2)
		s.send(t, u, p, 0)
		other := s.open(t, nil)
		there := list[storage.Part](t, other, storage.ListParts{Bucket: bucket, Name: "resumed", Upload: u.ID})
		if len(there) != 1 {
			t.Fatalf("another connection sees the parts %+v", there)
		}
		size := int64(len(p[1]))
		second := Call[storage.Part](t, other, storage.UploadPart{Bucket: bucket, Name: "resumed", Upload: u.ID, Number: 2, Body: bytes.NewReader(p[1]), Size: &size})
		Call[storage.Object](t, other, storage.CompleteMultipartUpload{Bucket: bucket, Name: "resumed", Upload: u.ID, Parts: append(there, second)})
		s.holds(t, bucket, "resumed", string(p.whole()))
	}, "list_parts")
}

// over checks that an upload is no more.
func (s storageSuite) over(t *testing.T, u storage.Upload) {
	t.Helper()
	if !s.offers("list_multipart_uploads") {
		return
	}
	for _, left := range list[storage.Upload](t, s.conn, storage.ListMultipartUploads{Bucket: u.Bucket}) {
		if left.ID == u.ID {
			t.Errorf("%+v is still there", left)
		}
	}
	if s.offers("list_parts") {
		err := s.invoke(refusing(t.Context()), s.conn, s.op("list_parts"), storage.ListParts{Bucket: u.Bucket, Name: u.Name, Upload: u.ID})
		wantKind(t, err, op.NotFound)
	}
}
