package openstack

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// address is an object's URL.
func (d *swiftDriver) address(ctx context.Context, bucket, name string) (*url.URL, error) {
	if err := knownObject(bucket, name); err != nil {
		return nil, err
	}
	client, err := d.service(ctx, "object-store")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.TrimSuffix(client.Endpoint, "/") + pathOf(bucket, name))
	if err != nil {
		return nil, op.Errorf(op.Internal, "%w", err)
	}
	return u, nil
}

func (d *swiftDriver) GetObjectURL(ctx context.Context, in storage.GetObjectURL) (storage.URL, error) {
	u, err := d.address(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.URL{}, err
	}
	return storage.URL{URL: u.String(), Method: storage.Get, Headers: map[string]string{}}, nil
}

// PresignObject makes a temporary URL, which is signed with a key of the account's.
func (d *swiftDriver) PresignObject(ctx context.Context, in storage.PresignObject) (storage.URL, error) {
	if in.Expires < 1 {
		return storage.URL{}, op.Errorf(op.InvalidArgument, "expires is %d s: it can be 1 s and more", in.Expires)
	}
	u, err := d.address(ctx, in.Bucket, in.Name)
	if err != nil {
		return storage.URL{}, err
	}
	key, digest, err := d.signing.with(ctx, d)
	if err != nil {
		return storage.URL{}, err
	}
	out := storage.URL{Method: in.Method, Headers: map[string]string{}, ExpiresAt: time.Now().Add(time.Duration(in.Expires) * time.Second).Truncate(time.Second)}
	method := http.MethodGet
	if in.Method == storage.Put {
		method = http.MethodPut
		if in.ContentType != "" {
			out.Headers["Content-Type"] = in.ContentType
		}
	}
	expires := strconv.FormatInt(out.ExpiresAt.Unix(), 10)
	mac := hmac.New(digest, []byte(key))
	fmt.Fprintf(mac, "%s\n%s\n%s", method, expires, strings.TrimPrefix(u.Path, "/swift")) // Ceph's gateway leaves that out
	u.RawQuery = url.Values{"temp_url_sig": {hex.EncodeToString(mac.Sum(nil))}, "temp_url_expires": {expires}}.Encode()
	out.URL = u.String()
	return out, nil
}

// signing is what temporary URLs are signed with, once that is known.
type signing struct {
	mu     sync.Mutex
	key    string
	digest func() hash.Hash
}

func (s *signing) with(ctx context.Context, d *swiftDriver) (string, func() hash.Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != "" {
		return s.key, s.digest, nil
	}
	digest, err := d.digest(ctx)
	if err != nil {
		return "", nil, err
	}
	key := d.tempURLKey
	if key == "" {
		if key, err = d.accountKey(ctx); err != nil {
			return "", nil, err
		}
	}
	s.key, s.digest = key, digest
	return key, digest, nil
}

// accountKey is the account's key for temporary URLs. One that has none is given one.
func (d *swiftDriver) accountKey(ctx context.Context) (string, error) {
	h, err := d.head(ctx, swiftRequest{method: http.MethodHead})
	if err != nil {
		return "", err
	}
	for _, name := range []string{"X-Account-Meta-Temp-Url-Key", "X-Account-Meta-Temp-Url-Key-2"} {
		if v := h.Get(name); v != "" {
			return v, nil
		}
	}
	key := rand.Text()
	if _, err := d.head(ctx, swiftRequest{method: http.MethodPost, headers: map[string]string{"X-Account-Meta-Temp-Url-Key": key}}); err != nil {
		return "", op.Errorf(op.KindOf(err), "the account has no key for temporary URLs, and cannot be given one: give temp_url_key: %w", err)
	}
	return key, nil
}

// digest is the best that the cluster takes of what URLs can be signed with.
func (d *swiftDriver) digest(ctx context.Context) (func() hash.Hash, error) {
	client, err := d.service(ctx, "object-store")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(client.Endpoint)
	if err != nil {
		return nil, op.Errorf(op.Internal, "%w", err)
	}
	before, _, _ := strings.Cut(u.Path, "/v1")
	u.Path, u.RawPath, u.RawQuery = before+"/info", "", ""
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, op.Errorf(op.Internal, "%w", err)
	}
	resp, err := (&http.Client{Transport: d.transport}).Do(r)
	if err != nil {
		return nil, failed(err)
	}
	defer resp.Body.Close()
	var info struct {
		TempURL *struct {
			Digests []string `json:"allowed_digests"`
		} `json:"tempurl"`
	}
	switch err := json.NewDecoder(resp.Body).Decode(&info); {
	case resp.StatusCode != http.StatusOK || err != nil: // a cluster may keep it to itself
		return sha256.New, nil
	case info.TempURL == nil:
		return nil, op.Errorf(op.Unsupported, "the cluster has no temporary URLs")
	case slices.Contains(info.TempURL.Digests, "sha256"):
		return sha256.New, nil
	}
	return sha1.New, nil
}
