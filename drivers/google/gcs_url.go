package google

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	oauthgoogle "golang.org/x/oauth2/google"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"golang.org/x/crypto/ssh"
)

// address is an object's, with the bucket in the path.
func (d *gcsDriver) address(bucket, name string) *url.URL {
	u := *d.root
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(p), "+", "%20")
	}
	u.Path = "/" + bucket + "/" + name
	u.RawPath = "/" + bucket + "/" + strings.Join(parts, "/")
	return &u
}

func (d *gcsDriver) GetObjectURL(_ context.Context, in storage.GetObjectURL) (storage.URL, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.URL{}, err
	}
	return storage.URL{URL: d.address(in.Bucket, in.Name).String(), Method: storage.Get}, nil
}

// PresignObject signs as Google's V4 scheme has it, with a service account's key:
// nobody else's credentials can sign.
func (d *gcsDriver) PresignObject(ctx context.Context, in storage.PresignObject) (storage.URL, error) {
	if err := known(in.Bucket, in.Name); err != nil {
		return storage.URL{}, err
	}
	if in.Expires < 1 || in.Expires > 7*24*3600 {
		return storage.URL{}, op.Errorf(op.InvalidArgument, "expires: a URL works for 1 second to 7 days, not %d seconds", in.Expires)
	}
	a, err := d.credentials.find(ctx)
	if err != nil {
		return storage.URL{}, err
	}
	config, err := oauthgoogle.JWTConfigFromJSON(a.json)
	if err != nil || len(config.PrivateKey) == 0 {
		return storage.URL{}, op.Errorf(op.Unsupported, "only a service account's key can sign: give credentials_file, or set GOOGLE_APPLICATION_CREDENTIALS, to a file with one")
	}
	parsed, err := ssh.ParseRawPrivateKey(config.PrivateKey)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return storage.URL{}, op.Errorf(op.Unauthenticated, "the service account's key cannot be read")
	}
	now := time.Now().UTC()
	u := d.address(in.Bucket, in.Name)
	method, headers := "GET", map[string]string{}
	if in.Method == storage.Put {
		method = "PUT"
		if in.ContentType != "" {
			headers["Content-Type"] = in.ContentType
		}
	}
	signed := []string{"host:" + u.Host}
	names := []string{"host"}
	for k, v := range headers {
		names, signed = append(names, strings.ToLower(k)), append(signed, strings.ToLower(k)+":"+strings.TrimSpace(v))
	}
	slices.Sort(names)
	slices.Sort(signed)
	stamp, scope := now.Format("20060102T150405Z"), now.Format("20060102")+"/auto/storage/goog4_request"
	query := url.Values{"X-Goog-Algorithm": {"GOOG4-RSA-SHA256"}, "X-Goog-Credential": {config.Email + "/" + scope}, "X-Goog-Date": {stamp},
		"X-Goog-Expires": {fmt.Sprint(in.Expires)}, "X-Goog-SignedHeaders": {strings.Join(names, ";")}}
	encoded := strings.ReplaceAll(query.Encode(), "+", "%20")
	request := strings.Join([]string{method, u.EscapedPath(), encoded, strings.Join(signed, "\n") + "\n", strings.Join(names, ";"), "UNSIGNED-PAYLOAD"}, "\n")
	sum := sha256.Sum256([]byte(request))
	digest := sha256.Sum256([]byte("GOOG4-RSA-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(sum[:])))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return storage.URL{}, op.Errorf(op.Internal, "signing: %w", err)
	}
	u.RawQuery = encoded + "&X-Goog-Signature=" + hex.EncodeToString(signature)
	return storage.URL{URL: u.String(), Method: in.Method, Headers: headers, ExpiresAt: now.Add(time.Duration(in.Expires) * time.Second).Truncate(time.Second)}, nil
}
