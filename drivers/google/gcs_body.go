package google

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/api/googleapi"
	gcs "google.golang.org/api/storage/v1"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// chunk is how much of a body is sent at a time, and held in memory.
const chunk = 8 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// objectExtra is what put_object takes beyond the contract.
type objectExtra struct {
	CacheControl       string `json:"cache_control,omitzero" help:"How caches may keep it, as \"public, max-age=60\"."`
	ContentDisposition string `json:"content_disposition,omitzero" help:"How browsers show it, as attachment."`
	ContentEncoding    string `json:"content_encoding,omitzero" help:"How its bytes are encoded, as gzip: they are kept and given as they are."`
	ContentLanguage    string `json:"content_language,omitzero" help:"The language it is in."`
}

// PutObject sends what fits into one chunk, or can be read twice, in one request, with
// its checksum, and more by a resumable upload, which becomes visible with its last chunk. Google
// can be told the checksum only before: of a longer body it is compared after, and
// an object that is not what was sent is deleted again.
func (d *gcsDriver) PutObject(ctx context.Context, in storage.PutObject) (storage.Object, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.Object{}, err
	}
	extra, err := op.Extra[objectExtra](in.Extra)
	if err != nil {
		return storage.Object{}, err
	}
	o := &gcs.Object{Name: in.Name, ContentType: cmp.Or(in.ContentType, "application/octet-stream"), Metadata: lower(in.Metadata), StorageClass: in.StorageClass,
		CacheControl: extra.CacheControl, ContentDisposition: extra.ContentDisposition, ContentEncoding: extra.ContentEncoding, ContentLanguage: extra.ContentLanguage}
	if body, ok, err := in.Twice(ctx); ok {
		if err != nil {
			return storage.Object{}, err
		}
		made, err := d.insert(ctx, in.Bucket, o, body, in.IfAbsent)
		if err != nil {
			return storage.Object{}, taken(err, in.IfAbsent, in.Name)
		}
		return objectOf(made), nil
	}
	body := &source{ctx: ctx, r: in.Body, size: in.Size, sum: crc32.New(castagnoli)}
	first := make([]byte, chunk)
	n, err := io.ReadFull(body, first)
	if body.err != nil {
		return storage.Object{}, body.err
	}
	whole := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	media, size := io.Reader(bytes.NewReader(first[:n])), 0
	if whole {
		o.Crc32c = encoded(body.sum)
	} else {
		media, size = io.MultiReader(media, body), chunk
	}
	call := d.api.Objects.Insert(in.Bucket, o).Context(ctx).WithRetry(nil, func(error) bool { return false }).
		Media(media, googleapi.ContentType(o.ContentType), googleapi.ChunkSize(size))
	if in.IfAbsent {
		call.IfGenerationMatch(0)
	}
	made, err := call.Do()
	switch {
	case body.err != nil:
		return storage.Object{}, body.err
	case err != nil:
		return storage.Object{}, taken(failed(err), in.IfAbsent, in.Name)
	}
	if want := encoded(body.sum); made.Crc32c != want {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err := op.Errorf(op.Internal, "%s: the body was damaged on its way: its CRC32C is %s, and %s was sent", in.Name, made.Crc32c, want)
		return storage.Object{}, errors.Join(err, done(d.api.Objects.Delete(in.Bucket, in.Name).Generation(made.Generation).Context(undo)))
	}
	return objectOf(made), nil
}

// taken is what a failed condition means where there was to be no object.
func taken(err error, ifAbsent bool, name string) error {
	if ifAbsent && isStatus(err, http.StatusPreconditionFailed) {
		return &op.Error{Kind: op.AlreadyExists, Message: fmt.Sprintf("there is an object %q already", name), Err: err}
	}
	return err
}

func encoded(sum hash.Hash32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
}

// A source is the body to send. What is wrong with it is in err, whatever the SDK
// makes of that.
type source struct {
	ctx  context.Context
	r    io.Reader
	size *int64 // that it is to have
	sum  hash.Hash32
	n    int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.err = s.ctx.Err(); s.err != nil {
		s.err = op.AsError(s.err)
		return 0, s.err
	}
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.sum.Write(p[:n])
	switch {
	case s.size != nil && s.n > *s.size:
		s.err = op.Errorf(op.InvalidArgument, "the body has more than the %d bytes that were announced", *s.size)
	case err == io.EOF && s.size != nil && s.n < *s.size:
		s.err = op.Errorf(op.InvalidArgument, "the body has %d bytes, and %d were announced", s.n, *s.size)
	case err != nil && err != io.EOF:
		s.err = err
		if _, ok := errors.AsType[*op.Error](err); !ok {
			s.err = op.Errorf(op.Internal, "reading the body: %w", err)
		}
	}
	if s.err != nil {
		return 0, s.err
	}
	return n, err
}

// ReadObject reads the generation that it has looked up. Where that is written over
// in between it is gone, and the new one is looked up.
func (d *gcsDriver) ReadObject(ctx context.Context, in storage.ReadObject) (storage.Download, error) {
	if in.Offset < 0 || in.Length < 0 {
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d and length %d: neither can be negative", in.Offset, in.Length)
	}
	for try := 1; ; try++ {
		o, err := d.object(ctx, in.Bucket, in.Name)
		if err != nil {
			return storage.Download{}, err
		}
		download, err := d.read(ctx, in, o)
		if try == 10 || op.KindOf(err) != op.NotFound {
			return download, err
		}
	}
}

func (d *gcsDriver) read(ctx context.Context, in storage.ReadObject, o *gcs.Object) (storage.Download, error) {
	object := objectOf(o)
	switch {
	case in.IfETag != "" && in.IfETag != object.ETag:
		return storage.Download{}, op.Errorf(op.Conflict, "%s has the etag %s, not %s", in.Name, object.ETag, in.IfETag)
	case in.Offset > 0 && in.Offset >= object.Size:
		return storage.Download{}, op.Errorf(op.InvalidArgument, "offset %d is beyond the %d bytes of %s", in.Offset, object.Size, in.Name)
	}
	// Not by the SDK, which does not let one ask for the bytes as they are kept: of
	// what is kept compressed, Google would give others, whose sum nobody knows.
	media := fmt.Sprintf("%sb/%s/o/%s?alt=media&generation=%d", d.api.BasePath, url.PathEscape(in.Bucket), url.PathEscape(in.Name), o.Generation)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, media, nil)
	if err != nil {
		return storage.Download{}, op.Errorf(op.Internal, "%w", err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	b := &storage.Checked{Context: ctx, Name: in.Name, Left: object.Size, Kind: "CRC32C"}
	if rest := object.Size - in.Offset; in.Offset > 0 || in.Length > 0 && in.Length < rest {
		if b.Left = rest; in.Length > 0 {
			b.Left = min(in.Length, rest)
		}
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", in.Offset, in.Offset+b.Left-1))
	} else if sum := object.Checksums["crc32c"]; sum != "" {
		b.Sum, b.Want = crc32.New(castagnoli), sum
	}
	resp, err := d.client.Do(r)
	if err == nil {
		if err = googleapi.CheckResponse(resp); err != nil {
			resp.Body.Close()
		}
	}
	if err != nil {
		return storage.Download{}, failed(err)
	}
	b.ReadCloser = resp.Body
	return storage.Download{Object: object, Body: b}, nil
}
