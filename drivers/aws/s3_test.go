package aws

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// TestCopyInParts copies an object as one of more than 5 GiB is.
func TestCopyInParts(t *testing.T) {
	for name, config := range map[string]map[string]any{"moto": motoConfig(t), "versity": versityConfig(t)} {
		t.Run(name, func(t *testing.T) {
			c := opener("s3", config)(t, nil)
			defer c.Close()
			d := c.Driver().(*s3Driver)
			d.copyLimit, d.copyPart = 6<<20, 5<<20
			body := bytes.Repeat([]byte("0123456789abcdef"), 12<<16)
			call[storage.Bucket](t, c, storage.CreateBucket{Name: "copies"})
			call[storage.Object](t, c, storage.PutObject{Bucket: "copies", Name: "large", Body: bytes.NewReader(body), ContentType: "text/plain",
				Metadata: map[string]string{"a": "1"}})
			o := call[storage.Object](t, c, storage.CopyObject{Bucket: "copies", Name: "large", ToName: "b/copy"})
			if o.Size != int64(len(body)) || o.ContentType != "text/plain" || !maps.Equal(o.Metadata, map[string]string{"a": "1"}) {
				t.Errorf("the copy is %+v", o)
			}
			got := call[storage.Download](t, c, storage.ReadObject{Bucket: "copies", Name: "b/copy"})
			defer got.Body.Close()
			if b, err := io.ReadAll(got.Body); err != nil || !bytes.Equal(b, body) {
				t.Errorf("the copy's body differs: %d bytes, %v", len(b), err)
			}
		})
	}
}

// TestPartRetry: a part that fails for a moment is sent again by itself, and
// an upload whose part fails for good leaves no parts behind.
func TestPartRetry(t *testing.T) {
	alone(t, "", "")
	var parts, aborted atomic.Int64
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		q := r.URL.Query()
		switch {
		case r.Method == http.MethodPost && q.Has("uploads"):
			io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
		case r.Method == http.MethodPut:
			if parts.Add(1) == 1 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.Header().Set("ETag", `"part"`)
		case r.Method == http.MethodDelete:
			aborted.Add(1)
			w.WriteHeader(http.StatusNoContent)
		default:
			io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"whole-2"</ETag></CompleteMultipartUploadResult>`)
		}
	})
	c := opener("s3", map[string]any{"endpoint": url, "region": "us-east-1", "access_key_id": "a", "secret_access_key": "hush"})(t, nil)
	defer c.Close()
	c.Driver().(*s3Driver).partSize = func(int) int64 { return 8 }
	put := func(ctx context.Context) error {
		_, err := drivers.Call[storage.Object](ctx, c, storage.PutObject{Bucket: "bucket", Name: "o", Body: strings.NewReader("two parts")})
		return err
	}
	if err := put(op.WithBudget(t.Context(), 1)); err != nil || parts.Load() != 3 || aborted.Load() != 0 {
		t.Errorf("with a retry: %v, %d parts sent, aborted %d times", err, parts.Load(), aborted.Load())
	}
	parts.Store(0)
	if err := put(t.Context()); op.KindOf(err) != op.Unavailable || aborted.Load() != 1 {
		t.Errorf("without: %v, aborted %d times", err, aborted.Load())
	}
}

func TestDamagedBody(t *testing.T) {
	alone(t, "", "")
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"5d41402abc4b2a76b9719d911017c592"`) // of "hello"
		io.WriteString(w, "hallo")
	})
	c := opener("s3", map[string]any{"endpoint": url, "region": "us-east-1", "access_key_id": "a", "secret_access_key": "hush"})(t, nil)
	defer c.Close()
	d := call[storage.Download](t, c, storage.ReadObject{Bucket: "bucket", Name: "o"})
	defer d.Body.Close()
	if _, err := io.ReadAll(d.Body); op.KindOf(err) != op.Internal {
		t.Errorf("a damaged body reads as %v", err)
	}
}
