package openstack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

type swiftConfig struct {
	sessionConfig
	TempURLKey drivers.Secret `json:"temp_url_key,omitzero" help:"The account's key for temporary URLs; that which the account has if not given."`
}

// swiftDriver is the driver "swift".
type swiftDriver struct {
	*session
	tempURLKey string

	largest  atomic.Int64 // how many items a page can have; 0 if that is not known to be less than common
	segments sync.Map     // bucket: whether it has a container of segments (bool)
	uploads  sync.Map     // ids of uploads that are known to be there: true
	signing  signing

	// Constants, but for tests.
	partSize   func(part int) int64
	inManifest int
}

func openSwift(_ context.Context, c swiftConfig) (*swiftDriver, error) {
	// The variables of Swift's own client, for version 1.
	if c.Cloud == "" && c.AuthURL == "" && c.Token == "" && os.Getenv("OS_CLOUD") == "" && os.Getenv("OS_AUTH_URL") == "" && os.Getenv("ST_AUTH") != "" {
		c.AuthURL = os.Getenv("ST_AUTH")
		if c.Username == "" && c.UserID == "" {
			c.Username, c.Password = os.Getenv("ST_USER"), drivers.Secret(cmp.Or(c.Password.Reveal(), os.Getenv("ST_KEY")))
		}
	}
	pageSize := c.PageSize
	if pageSize > 1000 && pageSize <= 10_000 {
		c.PageSize = 0
	}
	s, err := newSession(c.sessionConfig, "object-store")
	if err != nil {
		return nil, err
	}
	s.pageSize = pageSize
	return &swiftDriver{session: s, tempURLKey: c.TempURLKey.Reveal(), partSize: partSize, inManifest: inManifest}, nil
}

// A swiftRequest is a request of the account, or of what is in it.
type swiftRequest struct {
	method            string
	container, object string
	query             url.Values
	headers           map[string]string
	body              io.Reader
	ok                []int // the statuses of success
}

// do makes a request. The caller closes the answer's body.
func (d *swiftDriver) do(ctx context.Context, c swiftRequest) (*http.Response, error) {
	client, err := d.service(ctx, "object-store")
	if err != nil {
		return nil, err
	}
	headers := map[string]string{"Accept-Encoding": "identity"} // what is kept compressed is given so
	for k, v := range c.headers {
		headers[k] = v
	}
	if c.method == http.MethodHead && c.object == "" {
		// The server that Swift runs in ends such an answer as if it had a body.
		headers["Connection"] = "close"
	}
	if c.body == nil && (c.method == http.MethodPut || c.method == http.MethodPost) {
		c.body = http.NoBody
	}
	target := strings.TrimSuffix(client.Endpoint, "/") + pathOf(c.container, c.object)
	if len(c.query) > 0 {
		target += "?" + c.query.Encode()
	}
	if c.ok == nil {
		c.ok = []int{200, 201, 202, 204}
	}
	resp, err := client.Request(ctx, c.method, target, &gophercloud.RequestOpts{RawBody: c.body, MoreHeaders: headers, OkCodes: c.ok, KeepResponseBody: true})
	if err != nil {
		return nil, failed(err)
	}
	return resp, nil
}

// head makes a request of whose answer only the headers are wanted.
func (d *swiftDriver) head(ctx context.Context, c swiftRequest) (http.Header, error) {
	resp, err := d.do(ctx, c)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	resp.Body.Close()
	return resp.Header, nil
}

// read makes a request that is answered in JSON.
func (d *swiftDriver) read(ctx context.Context, c swiftRequest, into any) (http.Header, error) {
	resp, err := d.do(ctx, c)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return resp.Header, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(into); !errors.Is(err, io.EOF) { // of nothing
		return resp.Header, failed(err)
	}
	return resp.Header, nil
}

// pathOf is the path of a container or an object below the account's.
func pathOf(container, object string) string {
	switch {
	case container == "":
		return ""
	case object == "":
		return "/" + storage.EscapeName(container)
	}
	return "/" + storage.EscapeName(container) + "/" + storage.EscapeName(object)
}

// about puts into the message what is missing: the answer to a HEAD has no words.
func about(err error, what, name string) error {
	if err == nil {
		return nil
	}
	e := *op.AsError(err)
	if e.Kind == op.NotFound || e.Kind == op.Conflict || e.Kind == op.AlreadyExists {
		e.Message = what + " " + name + ": " + e.Message
	}
	return &e
}

// status is that of an answer that is an error, 0 of other errors.
func status(err error) int {
	if e, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err); ok {
		return e.Actual
	}
	return 0
}

// knownContainer answers not_found for what cannot be a container's name: put into a
// request, it would be another's path.
func knownContainer(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > 256 || strings.ContainsAny(name, "/\x00") || !utf8.ValidString(name) {
		return op.Errorf(op.NotFound, "there is no container %.80q: names are of 1 to 256 bytes of UTF-8 without slashes", name)
	}
	return nil
}

// listed is an item of a list of containers or objects.
type listed struct {
	Name         string `json:"name"`
	Subdir       string `json:"subdir"`
	Hash         string `json:"hash"`
	SLOETag      string `json:"slo_etag"`
	Bytes        int64  `json:"bytes"`
	Count        int64  `json:"count"`
	ContentType  string `json:"content_type"`
	LastModified string `json:"last_modified"`
}

func (l listed) modified() time.Time {
	t, _ := time.Parse("2006-01-02T15:04:05.999999", strings.TrimSuffix(l.LastModified, "Z"))
	return t
}

var maximum = regexp.MustCompile(`(?i)maximum limit is (\d+)`)

// list is a page of the account's containers or a container's objects, and the
// marker of the next one, empty after the last.
func (d *swiftDriver) list(ctx context.Context, container, prefix, delimiter, marker string) ([]listed, string, error) {
	for {
		limit := int64(10_000) // what Swift and Ceph allow unless they are told otherwise
		if n := d.largest.Load(); n > 0 {
			limit = n
		}
		if d.pageSize > 0 {
			limit = min(limit, int64(d.pageSize))
		}
		query := url.Values{"format": {"json"}, "limit": {strconv.FormatInt(limit, 10)}}
		for name, value := range map[string]string{"prefix": prefix, "delimiter": delimiter, "marker": marker} {
			if value != "" {
				query.Set(name, value)
			}
		}
		var items []listed
		_, err := d.read(ctx, swiftRequest{method: http.MethodGet, container: container, query: query}, &items)
		if m := maximum.FindStringSubmatch(messageOf(err)); m != nil && status(err) == http.StatusPreconditionFailed {
			if n, _ := strconv.ParseInt(m[1], 10, 64); n > 0 && n < limit {
				d.largest.Store(n)
				continue
			}
		}
		if err != nil {
			return nil, "", err
		}
		if int64(len(items)) < limit {
			return items, "", nil
		}
		last := items[len(items)-1]
		return items, cmp.Or(last.Name, last.Subdir), nil
	}
}

func messageOf(err error) string {
	if err == nil {
		return ""
	}
	return op.AsError(err).Message
}

func (d *swiftDriver) ListBuckets(ctx context.Context, in storage.ListBuckets) iter.Seq2[storage.Bucket, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]storage.Bucket, string, error) {
		items, next, err := d.list(ctx, "", in.Name, "", cursor)
		if err != nil {
			return nil, "", err
		}
		buckets := make([]storage.Bucket, len(items))
		for i, c := range items {
			buckets[i] = storage.Bucket{Name: c.Name, Extra: map[string]any{"count": c.Count, "bytes": c.Bytes}}
		}
		return buckets, next, nil
	})
}

func (d *swiftDriver) GetBucket(ctx context.Context, in storage.GetBucket) (storage.Bucket, error) {
	if err := knownContainer(in.Bucket); err != nil {
		return storage.Bucket{}, err
	}
	h, err := d.head(ctx, swiftRequest{method: http.MethodHead, container: in.Bucket})
	if err != nil {
		return storage.Bucket{}, about(err, "container", in.Bucket)
	}
	b := storage.Bucket{Name: in.Bucket, CreatedAt: epoch(h.Get("X-Timestamp")), Extra: map[string]any{}}
	for field, header := range map[string]string{"storage_policy": "X-Storage-Policy", "read_acl": "X-Container-Read", "write_acl": "X-Container-Write", "versions_enabled": "X-Versions-Enabled"} {
		if v := h.Get(header); v != "" {
			b.Extra[field] = v
		}
	}
	for field, header := range map[string]string{"count": "X-Container-Object-Count", "bytes": "X-Container-Bytes-Used"} {
		if n, err := strconv.ParseInt(h.Get(header), 10, 64); err == nil {
			b.Extra[field] = n
		}
	}
	return b, nil
}

// epoch is a time in seconds with a fraction.
func epoch(s string) time.Time {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(f * 1e6)).UTC()
}

// containerExtra is what create_bucket takes beyond the contract.
type containerExtra struct {
	StoragePolicy string            `json:"storage_policy,omitzero" help:"The storage policy; the cluster's default if not given."`
	ReadACL       string            `json:"read_acl,omitzero" help:"Who may read, as \".r:*\" for everyone."`
	WriteACL      string            `json:"write_acl,omitzero" help:"Who may write."`
	Metadata      map[string]string `json:"metadata,omitzero" help:"Its metadata."`
}

func (d *swiftDriver) CreateBucket(ctx context.Context, in storage.CreateBucket) (storage.Bucket, error) {
	extra, err := op.Extra[containerExtra](in.Extra)
	if err != nil {
		return storage.Bucket{}, err
	}
	if knownContainer(in.Name) != nil {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "%.80q cannot be a container's name: it needs 1 to 256 bytes of UTF-8 without slashes", in.Name)
	}
	if in.Location != "" {
		return storage.Bucket{}, op.Errorf(op.InvalidArgument, "location: a container is where its cluster is; extra takes a storage_policy")
	}
	headers := map[string]string{}
	for name, value := range map[string]string{"X-Storage-Policy": extra.StoragePolicy, "X-Container-Read": extra.ReadACL, "X-Container-Write": extra.WriteACL} {
		if value != "" {
			headers[name] = value
		}
	}
	if err := withMetadata(headers, "X-Container-Meta-", extra.Metadata); err != nil {
		return storage.Bucket{}, err
	}
	if len(headers) > 0 { // which would change one that is there
		if _, err := d.GetBucket(ctx, storage.GetBucket{Bucket: in.Name}); err == nil {
			return storage.Bucket{}, op.Errorf(op.AlreadyExists, "the container %q exists already", in.Name)
		}
	}
	resp, err := d.do(ctx, swiftRequest{method: http.MethodPut, container: in.Name, headers: headers})
	if err != nil {
		return storage.Bucket{}, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusAccepted {
		return storage.Bucket{}, op.Errorf(op.AlreadyExists, "the container %q exists already", in.Name)
	}
	return d.GetBucket(ctx, storage.GetBucket{Bucket: in.Name})
}

// DeleteBucket deletes a container, and that of its segments if it is empty too.
func (d *swiftDriver) DeleteBucket(ctx context.Context, in storage.DeleteBucket) error {
	if err := knownContainer(in.Bucket); err != nil {
		return err
	}
	if _, err := d.head(ctx, swiftRequest{method: http.MethodDelete, container: in.Bucket}); err != nil {
		return about(err, "container", in.Bucket)
	}
	d.segments.Delete(in.Bucket)
	return d.dropSegments(ctx, in.Bucket)
}

// withMetadata adds metadata to headers.
func withMetadata(headers map[string]string, prefix string, metadata map[string]string) error {
	// Not underscores: Swift takes them for hyphens.
	encoded, err := storage.EncodeMetadata(metadata, "-")
	for k, v := range encoded {
		headers[prefix+k] = v
	}
	return err
}
