package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// openBlobsWith opens the driver "azure_blobs" with a configuration.
func openBlobsWith(t testing.TB, config map[string]any, chain ...op.Interceptor) *drivers.Conn {
	t.Helper()
	for _, p := range Providers() {
		if p.Name == "azure_blobs" {
			conn, err := p.Open(t.Context(), p.Name, config, chain...)
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
	}
	t.Fatal("there is no azure_blobs")
	return nil
}

func TestBlobsOnAzurite(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a server")
	}
	store := lab.Azurite(t)
	open := func(t testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
		c := map[string]any{"endpoint": store.Endpoint, "account": store.Account, "account_key": store.Key}
		maps.Copy(c, over)
		return openBlobsWith(t, c, chain...)
	}
	conn := open(t, nil)
	for _, name := range []string{"one", "two"} { // the pages that native_pages goes through
		if _, err := drivers.Call[storage.Bucket](t.Context(), conn, storage.CreateBucket{Name: name + "-page"}); err != nil {
			t.Fatal(err)
		}
	}
	conn.Close()
	drivertest.Storage(t, drivertest.Harness{
		Open:       open,
		SmallPages: map[string]any{"page_size": 4}, PageSize: 4,
		OnePage:      []string{"list_parts", "list_multipart_uploads"}, // Azure lists all of a blob's blocks at once; a page of names can have more uploads
		Native:       native.Call{Operation: "GET /?restype=service&comp=properties"},
		NativePages:  native.Call{Operation: "GET /?comp=list", Arguments: map[string]any{"query": map[string]any{"maxresults": 1}}},
		NativeChange: "PUT /container?restype=container",
		Deviations: map[string]string{
			"list/delimiter_of_two":        "takes the first character of a delimiter alone; Azure documents a character or a string",
			"list/delimiter_in_many_pages": "takes the first character of a delimiter alone; Azure documents a character or a string",
		},
	})
}

// signedIn opens the driver against Azurite over https, as it would Azure itself,
// with a token of Azure's form in place of a key.
func signedIn(t *testing.T, store lab.AzureBlobs) *drivers.Conn {
	t.Helper()
	conn := openBlobsWith(t, map[string]any{"account": store.Account, "access_token": op.Secret(token(t))})
	pem, err := os.ReadFile(store.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := conn.Driver().(*blobsDriver).transport
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, store.Addr)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// token is an access token for Azure Storage that nobody has signed.
func token(t *testing.T) string {
	t.Helper()
	now := time.Now().Unix()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	const tenant = "11111111-1111-1111-1111-111111111111"
	return part(map[string]any{"alg": "RS256", "typ": "JWT"}) + "." + part(map[string]any{"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/" + tenant + "/", "tid": tenant,
		"oid": "22222222-2222-2222-2222-222222222222", "sub": "lab", "iat": now - 60, "nbf": now - 60, "exp": now + 3600, "ver": "1.0"}) + "." + base64.RawURLEncoding.EncodeToString([]byte("nobody"))
}

// TestBlobsSignedIn: with a token instead of a key all is the same, and URLs are
// signed with a key that is lent.
func TestBlobsSignedIn(t *testing.T) {
	store := lab.AzuriteTLS(t)
	conn := signedIn(t, store)
	if _, err := drivers.Call[storage.Bucket](t.Context(), conn, storage.CreateBucket{Name: "signed-in"}); err != nil {
		t.Fatal(err)
	}
	name := "a b+c%20é?.txt"
	put := func(name string) {
		t.Helper()
		if _, err := drivers.Call[storage.Object](t.Context(), conn, storage.PutObject{Bucket: "signed-in", Name: name, Body: strings.NewReader("body")}); err != nil {
			t.Fatal(err)
		}
	}
	put(name)
	if _, err := drivers.Call[storage.Object](t.Context(), conn, storage.CopyObject{Bucket: "signed-in", Name: name, ToName: "copy"}); err != nil {
		t.Error(err)
	}
	if _, err := drivers.Call[native.Answer](t.Context(), conn, native.Call{Operation: "GET /?comp=list"}); err != nil {
		t.Error(err)
	}
	u, err := drivers.Call[storage.URL](t.Context(), conn, storage.PresignObject{Bucket: "signed-in", Name: name})
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: conn.Driver().(*blobsDriver).transport}
	fetch := func(address string) (string, int) {
		t.Helper()
		resp, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), resp.StatusCode
	}
	if got, status := fetch(u.URL); got != "body" {
		t.Errorf("the URL gives %d: %q", status, got)
	}
	signed, err := url.Parse(u.URL)
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{"skoid": "22222222-2222-2222-2222-222222222222", "sks": "b", "sr": "b", "sp": "r", "spr": "https"} {
		if got := signed.Query().Get(field); got != want {
			t.Errorf("%s is %q, not %q", field, got, want)
		}
	}
	signed.Path = "/signed-in/copy"
	if got, status := fetch(signed.String()); status != http.StatusForbidden {
		t.Errorf("for another blob it gives %d: %q", status, got)
	}
	w, err := drivers.Call[storage.URL](t.Context(), conn, storage.PresignObject{Bucket: "signed-in", Name: "written", Method: storage.Put, Expires: 60})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.URL, strings.NewReader("by URL"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range w.Headers {
		r.Header.Set(name, value)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if o, err := drivers.Call[storage.Object](t.Context(), conn, storage.GetObject{Bucket: "signed-in", Name: "written"}); err != nil || o.Size != 6 {
		t.Errorf("written by URL, which answers %s, it is %+v, %v", resp.Status, o, err)
	}
	if d, err := drivers.Call[storage.Deleted](t.Context(), conn, storage.DeleteObjects{Bucket: "signed-in", Names: []string{name, "copy", "never"}}); err != nil || d.Count != 3 {
		t.Errorf("deleted %+v: %v", d, err)
	}
}
