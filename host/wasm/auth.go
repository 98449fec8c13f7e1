package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A slot is a credential of one connection: filled by the user, added to
// requests by the host, never seen by the guest.
type slot struct {
	abi.Credential
	values  []op.Secret // by the names of Fields
	allowed allowList   // where it may go
	missing []string    // what the user would have to set
	service string      // sigv4
	region  string
}

func (m *Module) slot(c abi.Credential, config map[string]any, named map[string]bool, secrets map[string]op.Secret) (*slot, error) {
	s := &slot{Credential: c}
	var err error
	if s.allowed, err = newAllowList(c.Hosts, config, named); err != nil {
		return nil, err
	}
	for i, name := range c.Fields() {
		value, source := secrets[name], strconv.Quote(name)
		if i < len(c.Env) {
			if value == "" {
				value = op.Secret(m.options.Getenv(c.Env[i]))
			}
			source += " or $" + c.Env[i]
		}
		if strings.ContainsAny(value.Reveal(), "\r\n\x00") {
			return nil, op.Errorf(op.InvalidArgument, "%s: a credential cannot have a line break in it", name)
		}
		if value == "" && name != "session_token" {
			s.missing = append(s.missing, source)
		}
		s.values = append(s.values, value)
	}
	if len(s.missing) > 0 && !c.Optional {
		return nil, op.Errorf(op.Unauthenticated, "no credential %q: set %s", c.Name, strings.Join(s.missing, " and "))
	}
	value := func(name string) string { return fmt.Sprint(config[name]) }
	s.service, s.region = abi.Expand(c.Service, value), abi.Expand(c.Region, value)
	return s, nil
}

// use checks that the slot may be used for u.
func (s *slot) use(u *url.URL) error {
	if _, err := s.allowed.find(u); err != nil {
		return op.Errorf(op.PermissionDenied, "the credential %q may not go to %.200s", s.Name, u.Scheme+"://"+u.Host)
	}
	if len(s.missing) > 0 {
		return op.Errorf(op.Unauthenticated, "no credential %q: set %s", s.Name, strings.Join(s.missing, " and "))
	}
	return nil
}

// header is the one that the slot fills.
func (s *slot) header() string {
	if s.Scheme == abi.Header {
		return s.Header
	}
	return "Authorization"
}

// add adds the credential to a request. body is what it sends, if that is at hand.
func (s *slot) add(ctx context.Context, r *http.Request, body []byte) error {
	if err := s.use(r.URL); err != nil {
		return err
	}
	switch s.Scheme {
	case abi.Bearer:
		r.Header.Set("Authorization", "Bearer "+s.values[0].Reveal())
	case abi.Basic:
		r.SetBasicAuth(s.values[0].Reveal(), s.values[1].Reveal())
	case abi.Header:
		r.Header.Set(s.Header, s.Prefix+s.values[0].Reveal())
	case abi.SigV4:
		hash := "UNSIGNED-PAYLOAD"
		// TLS keeps a body from being changed on its way.
		if s.service != "s3" || r.URL.Scheme != "https" && (body != nil || r.ContentLength == 0) {
			sum := sha256.Sum256(body)
			hash = hex.EncodeToString(sum[:])
		}
		if s.service == "s3" {
			r.Header.Set("X-Amz-Content-Sha256", hash)
		}
		err := v4.NewSigner(s.escaping).SignHTTP(ctx, s.keys(), r, hash, s.service, s.region, time.Now())
		if err != nil {
			return op.Errorf(op.InvalidArgument, "the request cannot be signed: %w", err)
		}
	}
	return nil
}

func (s *slot) keys() aws.Credentials {
	return aws.Credentials{AccessKeyID: s.values[0].Reveal(), SecretAccessKey: s.values[1].Reveal(), SessionToken: s.values[2].Reveal()}
}

// escaping: S3 alone signs the path as it is sent.
func (s *slot) escaping(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.service == "s3" }

// presign puts a signature into a URL.
func (s *slot) presign(ctx context.Context, p abi.Presign) (*abi.Presigned, error) {
	if s.Scheme != abi.SigV4 {
		return nil, op.Errorf(op.InvalidArgument, "a URL can be signed with a credential of scheme sigv4, not %s", s.Scheme)
	}
	r, err := http.NewRequestWithContext(ctx, p.Method, p.URL, nil)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%w", err)
	}
	if err := s.use(r.URL); err != nil {
		return nil, err
	}
	for name, value := range p.Headers {
		r.Header.Set(name, value)
	}
	q := r.URL.Query()
	q.Set("X-Amz-Expires", strconv.FormatInt(p.ExpiresMS/1000, 10))
	r.URL.RawQuery = q.Encode()
	signed, headers, err := v4.NewSigner(s.escaping).PresignHTTP(ctx, s.keys(), r, "UNSIGNED-PAYLOAD", s.service, s.region, time.Now())
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "the URL cannot be signed: %w", err)
	}
	out := &abi.Presigned{URL: signed, Headers: map[string]string{}}
	for name := range headers {
		if !slices.Contains([]string{"Host", "Content-Length"}, http.CanonicalHeaderKey(name)) {
			out.Headers[name] = headers.Get(name)
		}
	}
	return out, nil
}
