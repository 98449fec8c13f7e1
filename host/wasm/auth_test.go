package wasm

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// signature is AWS Signature Version 4, written anew from its specification.
func signature(secret, date, region, service, method, path, query string, headers map[string]string, hash string) string {
	names := []string{}
	for name := range headers {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", method, path, query)
	for _, name := range names {
		fmt.Fprintf(&b, "%s:%s\n", name, headers[name])
	}
	fmt.Fprintf(&b, "\n%s\n%s", strings.Join(names, ";"), hash)
	sum := sha256.Sum256([]byte(b.String()))
	scope := strings.Join([]string{date[:8], region, service, "aws4_request"}, "/")
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hex.EncodeToString(sum[:])))
}

const (
	awsID     = "AKIAIOSFODNN7EXAMPLE"
	awsSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	noBytes   = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// TestSignature checks the tests' own signature by Amazon's examples.
func TestSignature(t *testing.T) {
	got := signature(awsSecret, "20130524T000000Z", "us-east-1", "s3", "GET", "/test.txt", "", map[string]string{"host": "examplebucket.s3.amazonaws.com",
		"range": "bytes=0-9", "x-amz-content-sha256": noBytes, "x-amz-date": "20130524T000000Z"}, noBytes)
	if want := "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"; got != want {
		t.Errorf("the header: %s, want %s", got, want)
	}
	got = signature(awsSecret, "20130524T000000Z", "us-east-1", "s3", "GET", "/test.txt", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+awsID+
		"%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host",
		map[string]string{"host": "examplebucket.s3.amazonaws.com"}, "UNSIGNED-PAYLOAD")
	if want := "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"; got != want {
		t.Errorf("the query: %s, want %s", got, want)
	}
}

func slotFor(t *testing.T, c abi.Credential, secrets map[string]op.Secret, env map[string]string) *slot {
	t.Helper()
	s, err := newSlot(c, secrets, env)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSlot(c abi.Credential, secrets map[string]op.Secret, env map[string]string) (*slot, error) {
	m := &Module{options: Options{Getenv: func(name string) string { return env[name] }}.complete()}
	return m.slot(c, map[string]any{"region": "eu-west-3", "endpoint": "http://localhost:9000"}, map[string]bool{"endpoint": true}, secrets)
}

func request(t *testing.T, method, address, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSchemes(t *testing.T) {
	hosts := []string{"api.example.com"}
	for name, c := range map[string]struct {
		slot         abi.Credential
		secrets      map[string]op.Secret
		env          map[string]string
		header, want string
	}{
		"bearer":                {slot: abi.Credential{Name: "token", Scheme: abi.Bearer}, secrets: map[string]op.Secret{"token": "s"}, header: "Authorization", want: "Bearer s"},
		"from the environment":  {slot: abi.Credential{Name: "token", Scheme: abi.Bearer, Env: []string{"T"}}, env: map[string]string{"T": "e"}, header: "Authorization", want: "Bearer e"},
		"given and environment": {slot: abi.Credential{Name: "token", Scheme: abi.Bearer, Env: []string{"T"}}, secrets: map[string]op.Secret{"token": "s"}, env: map[string]string{"T": "e"}, header: "Authorization", want: "Bearer s"},
		"basic":                 {slot: abi.Credential{Name: "b", Scheme: abi.Basic}, secrets: map[string]op.Secret{"username": "Aladdin", "password": "open sesame"}, header: "Authorization", want: "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		"a header":              {slot: abi.Credential{Name: "k", Scheme: abi.Header, Header: "X-Key", Prefix: "key="}, secrets: map[string]op.Secret{"k": "s"}, header: "X-Key", want: "key=s"},
	} {
		t.Run(name, func(t *testing.T) {
			c.slot.Hosts = hosts
			s := slotFor(t, c.slot, c.secrets, c.env)
			r := request(t, "GET", "https://api.example.com/x", "")
			if err := s.add(t.Context(), r, nil); err != nil || r.Header.Get(c.header) != c.want {
				t.Errorf("%v, %v", r.Header, err)
			}
			for _, elsewhere := range []string{"http://api.example.com", "https://api.example.com:444", "https://evil.example", "https://x.api.example.com"} {
				r := request(t, "GET", elsewhere, "")
				if err := s.add(t.Context(), r, nil); op.KindOf(err) != op.PermissionDenied || len(r.Header) != 0 {
					t.Errorf("%s: %v, %v", elsewhere, r.Header, err)
				}
			}
			if _, err := newSlot(c.slot, nil, nil); op.KindOf(err) != op.Unauthenticated {
				t.Errorf("without: %v", err)
			}
			c.slot.Optional = true
			s = slotFor(t, c.slot, nil, nil)
			if err := s.add(t.Context(), request(t, "GET", "https://api.example.com", ""), nil); op.KindOf(err) != op.Unauthenticated {
				t.Errorf("optional and not there: %v", err)
			}
		})
	}
	for _, value := range []op.Secret{"a\r\nX-Evil: 1", "a\nb", "a\x00b"} {
		_, err := newSlot(abi.Credential{Name: "token", Scheme: abi.Bearer, Hosts: hosts}, map[string]op.Secret{"token": value}, nil)
		if op.KindOf(err) != op.InvalidArgument || strings.Contains(err.Error(), value.Reveal()) {
			t.Errorf("%q: %v", value.Reveal(), err)
		}
	}
}

func TestSigV4(t *testing.T) {
	keys := map[string]op.Secret{"access_key_id": awsID, "secret_access_key": awsSecret, "session_token": "session"}
	for name, c := range map[string]struct {
		service, method, address, body string
		signedPath, query, hash        string
	}{
		"S3 by TLS":       {"s3", "PUT", "https://b.example.com/a%20b/c", "hello", "/a%20b/c", "", "UNSIGNED-PAYLOAD"},
		"S3 in the clear": {"s3", "PUT", "http://localhost:9000/b/k", "hello", "/b/k", "", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
		"S3 by query":     {"s3", "GET", "http://localhost:9000/b?prefix=a%2Fb&list-type=2", "", "/b", "list-type=2&prefix=a%2Fb", noBytes},
		"another service": {"ec2", "POST", "https://b.example.com/a%20b", "hello", "/a%2520b", "", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
	} {
		t.Run(name, func(t *testing.T) {
			s := slotFor(t, abi.Credential{Name: "aws", Scheme: abi.SigV4, Service: c.service, Region: "{region}", Hosts: []string{"*.example.com", "{endpoint}"}}, keys, nil)
			r := request(t, c.method, c.address, c.body)
			if c.body == "" {
				r.Body, r.ContentLength = nil, 0
			}
			body := []byte(c.body)
			if err := s.add(t.Context(), r, body); err != nil {
				t.Fatal(err)
			}
			got := r.Header.Get("Authorization")
			_, names, ok := strings.Cut(got, "SignedHeaders=")
			names, sum, ok2 := strings.Cut(names, ", Signature=")
			if !ok || !ok2 {
				t.Fatal(got)
			}
			headers := map[string]string{}
			for name := range strings.SplitSeq(names, ";") {
				switch name {
				case "host":
					headers[name] = r.URL.Host
				case "content-length":
					headers[name] = fmt.Sprint(r.ContentLength)
				default:
					headers[name] = r.Header.Get(name)
				}
			}
			if headers["x-amz-security-token"] != "session" || headers["host"] == "" {
				t.Errorf("signed are %s", names)
			}
			if c.service == "s3" && headers["x-amz-content-sha256"] != c.hash {
				t.Errorf("the body's hash: %s", headers["x-amz-content-sha256"])
			}
			if want := signature(awsSecret, headers["x-amz-date"], "eu-west-3", c.service, c.method, c.signedPath, c.query, headers, c.hash); sum != want {
				t.Errorf("the signature is %s, want %s", sum, want)
			}
		})
	}
}

func TestPresign(t *testing.T) {
	keys := map[string]op.Secret{"access_key_id": awsID, "secret_access_key": awsSecret}
	s := slotFor(t, abi.Credential{Name: "aws", Scheme: abi.SigV4, Service: "s3", Region: "{region}", Hosts: []string{"*.example.com"}}, keys, nil)
	p, err := s.presign(t.Context(), abi.Presign{Method: "PUT", URL: "https://b.example.com/a%20b?x=1", Headers: map[string]string{"Content-Type": "text/plain"}, ExpiresMS: 3_600_000})
	if err != nil {
		t.Fatal(err)
	}
	u := mustURL(t, p.URL)
	q := u.Query()
	sum := q.Get("X-Amz-Signature")
	q.Del("X-Amz-Signature")
	if q.Get("X-Amz-Expires") != "3600" || q.Get("x") != "1" || p.Headers["Content-Type"] != "text/plain" || len(p.Headers) != 1 {
		t.Errorf("%+v", p)
	}
	headers := map[string]string{}
	for name := range strings.SplitSeq(q.Get("X-Amz-SignedHeaders"), ";") {
		headers[name] = map[string]string{"host": "b.example.com", "content-type": "text/plain"}[name]
	}
	if len(headers) != 2 {
		t.Errorf("signed are %v", headers)
	}
	query := strings.ReplaceAll(q.Encode(), "+", "%20")
	if want := signature(awsSecret, q.Get("X-Amz-Date"), "eu-west-3", "s3", "PUT", "/a%20b", query, headers, "UNSIGNED-PAYLOAD"); sum != want {
		t.Errorf("the signature is %s, want %s", sum, want)
	}
	for name, c := range map[string]struct {
		p    abi.Presign
		kind op.Kind
	}{
		"another host":   {abi.Presign{Method: "GET", URL: "https://evil.example/x"}, op.PermissionDenied},
		"not TLS":        {abi.Presign{Method: "GET", URL: "http://b.example.com/x"}, op.PermissionDenied},
		"a user name":    {abi.Presign{Method: "GET", URL: "https://a:b@b.example.com/x"}, op.PermissionDenied},
		"no address":     {abi.Presign{Method: "GET", URL: "::"}, op.InvalidArgument},
		"a bad method":   {abi.Presign{Method: "GET /", URL: "https://b.example.com"}, op.InvalidArgument},
		"not an address": {abi.Presign{Method: "GET", URL: "b.example.com"}, op.PermissionDenied},
	} {
		if p, err := s.presign(t.Context(), c.p); op.KindOf(err) != c.kind {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	bearer := slotFor(t, abi.Credential{Name: "token", Scheme: abi.Bearer, Hosts: []string{"b.example.com"}}, map[string]op.Secret{"token": "s"}, nil)
	if _, err := bearer.presign(t.Context(), abi.Presign{Method: "GET", URL: "https://b.example.com"}); op.KindOf(err) != op.InvalidArgument {
		t.Errorf("a slot that signs nothing: %v", err)
	}
}
