package aws

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// TestCompatible: where each service is, whose keys it gets, and what requests
// are signed for.
func TestCompatible(t *testing.T) {
	amazons := map[string]string{"AWS_ACCESS_KEY_ID": "amazon", "AWS_SECRET_ACCESS_KEY": "hush"}
	for what, c := range map[string]struct {
		driver      string
		config      map[string]any
		environment map[string]string
		url, signed string
	}{
		"ceph":                {"ceph", map[string]any{"endpoint": "https://rgw.example.com"}, amazons, "https://rgw.example.com/bucket/a%20b", "amazon/us-east-1"},
		"a key of its own":    {"ceph", map[string]any{"endpoint": "https://rgw.example.com", "access_key_id": "own", "secret_access_key": "hush"}, amazons, "https://rgw.example.com/bucket/a%20b", "own/us-east-1"},
		"hosts for buckets":   {"ceph", map[string]any{"endpoint": "https://rgw.example.com", "path_style": false}, amazons, "https://bucket.rgw.example.com/a%20b", "amazon/us-east-1"},
		"a profile":           {"ceph", map[string]any{"profile": "ours"}, nil, "https://ours.example.com/bucket/a%20b", "profiled/eu-1"},
		"minio":               {"minio", map[string]any{"endpoint": "http://127.0.0.1:9000"}, map[string]string{"MINIO_ROOT_USER": "root", "MINIO_ROOT_PASSWORD": "hush"}, "http://127.0.0.1:9000/bucket/a%20b", "root/us-east-1"},
		"an alias":            {"minio", map[string]any{"alias": "play"}, nil, "https://play.example.com/bucket/a%20b", "player/us-east-1"},
		"an alias's variable": {"minio", map[string]any{"alias": "work"}, map[string]string{"MC_HOST_work": "https://worker:hush@work.example.com"}, "https://work.example.com/bucket/a%20b", "worker/us-east-1"},
		"r2":                  {"cloudflare_r2", map[string]any{"account_id": "abc"}, amazons, "https://abc.r2.cloudflarestorage.com/bucket/a%20b", "amazon/auto"},
		"b2":                  {"backblaze_b2", map[string]any{"region": "us-west-004"}, map[string]string{"B2_APPLICATION_KEY_ID": "b2", "B2_APPLICATION_KEY": "hush"}, "https://bucket.s3.us-west-004.backblazeb2.com/a%20b", "b2/us-west-004"},
		"spaces":              {"digitalocean_spaces", map[string]any{"region": "fra1"}, map[string]string{"SPACES_ACCESS_KEY_ID": "do", "SPACES_SECRET_ACCESS_KEY": "hush"}, "https://bucket.fra1.digitaloceanspaces.com/a%20b", "do/fra1"},
		"ovh":                 {"ovh", map[string]any{"region": "gra"}, amazons, "https://bucket.s3.gra.io.cloud.ovh.net/a%20b", "amazon/gra"},
		"scaleway":            {"scaleway", nil, map[string]string{"SCW_ACCESS_KEY": "scw", "SCW_SECRET_KEY": "hush", "SCW_DEFAULT_REGION": "fr-par"}, "https://bucket.s3.fr-par.scw.cloud/a%20b", "scw/fr-par"},
		"wasabi":              {"wasabi", map[string]any{"region": "eu-central-1"}, amazons, "https://bucket.s3.eu-central-1.wasabisys.com/a%20b", "amazon/eu-central-1"},
	} {
		t.Run(what, func(t *testing.T) {
			alone(t, "[profile ours]\nregion = eu-1\nendpoint_url = https://ours.example.com\n", "[ours]\naws_access_key_id = profiled\naws_secret_access_key = hush\n")
			dir := t.TempDir()
			t.Setenv("MC_CONFIG_DIR", dir)
			if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"aliases": {"play": {"url": "https://play.example.com", "accessKey": "player", "secretKey": "hush"}}}`), 0o600); err != nil {
				t.Fatal(err)
			}
			for k, v := range c.environment {
				t.Setenv(k, v)
			}
			conn := opener(c.driver, c.config)(t, nil)
			defer conn.Close()
			if u := call[storage.URL](t, conn, storage.GetObjectURL{Bucket: "bucket", Name: "a b"}); u.URL != c.url {
				t.Errorf("the URL is %s, not %s", u.URL, c.url)
			}
			u, err := url.Parse(call[storage.URL](t, conn, storage.PresignObject{Bucket: "bucket", Name: "a b"}).URL)
			if err != nil {
				t.Fatal(err)
			}
			scope := strings.Split(u.Query().Get("X-Amz-Credential"), "/")
			if signed := scope[0] + "/" + scope[2]; signed != c.signed {
				t.Errorf("signed by %s, not %s", signed, c.signed)
			}
		})
	}
}

func TestCompatibleRefuses(t *testing.T) {
	alone(t, "", "")
	for _, name := range []string{"CLOUDFLARE_ACCOUNT_ID", "SCW_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("MC_CONFIG_DIR", t.TempDir())
	t.Setenv("MC_HOST_bad", "https://key:hush@ho st")
	for want, c := range map[string]struct {
		driver string
		config map[string]any
	}{
		"give endpoint":          {"ceph", nil},
		"it would be a URL":      {"ceph", map[string]any{"endpoint": "rgw.example.com:80"}},
		"go together":            {"minio", map[string]any{"endpoint": "http://localhost", "access_key_id": "a"}},
		`there is no alias "no"`: {"minio", map[string]any{"alias": "no"}},
		"give it, or them":       {"minio", map[string]any{"alias": "no", "endpoint": "http://localhost"}},
		"MC_HOST_bad is no URL":  {"minio", map[string]any{"alias": "bad"}},
		"give account_id":        {"cloudflare_r2", nil},
		`region = "us-west-004"`: {"backblaze_b2", nil},
		"nobody":                 {"wasabi", map[string]any{"profile": "nobody"}},
	} {
		_, err := provider(t, c.driver).Open(t.Context(), c.driver, c.config)
		if op.KindOf(err) != op.InvalidArgument || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	c := opener("backblaze_b2", map[string]any{"region": "us-west-004"})(t, nil)
	defer c.Close()
	_, err := drivers.Call[storage.Bucket](t.Context(), c, storage.GetBucket{Bucket: "bucket"})
	if op.KindOf(err) != op.Unauthenticated || !strings.Contains(err.Error(), "B2_APPLICATION_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
}

// TestWithoutChecksums: a service that knows none of S3's checksums gets none, and
// is asked whether there is an object, which it would not look for itself.
func TestWithoutChecksums(t *testing.T) {
	alone(t, "", "")
	var seen []string
	there := false
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		seen = append(seen, r.Method)
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Checksum") || strings.HasPrefix(name, "X-Amz-Sdk-Checksum") {
				t.Errorf("%s has the header %s", r.Method, name)
			}
		}
		if r.Method == http.MethodPut && len(r.Header.Get("X-Amz-Content-Sha256")) != 64 {
			t.Errorf("the body is not signed but %s", r.Header.Get("X-Amz-Content-Sha256"))
		}
		if r.Method == http.MethodHead && !there {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	c := opener("wasabi", map[string]any{"endpoint": s, "region": "r", "access_key_id": "a", "secret_access_key": "hush"})(t, nil)
	defer c.Close()
	put := func() error {
		_, err := drivers.Call[storage.Object](t.Context(), c, storage.PutObject{Bucket: "bucket", Name: "o", Body: strings.NewReader("body"), IfAbsent: true})
		return err
	}
	if err := put(); err != nil || !slices.Equal(seen, []string{"HEAD", "PUT"}) {
		t.Errorf("%v: %v", seen, err)
	}
	there, seen = true, nil
	if err := put(); op.KindOf(err) != op.AlreadyExists || !slices.Equal(seen, []string{"HEAD"}) {
		t.Errorf("%v: %v", seen, err)
	}
}

// TestIfAbsentUnheeded: where a service heeds no condition, the driver looks before it
// writes, however the body is given.
func TestIfAbsentUnheeded(t *testing.T) {
	alone(t, "", "")
	var written []string
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.Method != http.MethodHead {
			written = append(written, r.Method+" "+r.URL.String())
		}
		w.Header().Set("ETag", `"there"`)
	})
	c := opener("wasabi", map[string]any{"endpoint": url, "region": "eu-central-1", "access_key_id": "a", "secret_access_key": "hush"})(t, nil)
	defer c.Close()
	size, large := int64(4), strings.Repeat("0123456789abcdef", 1<<19)
	for what, in := range map[string]storage.PutObject{
		"seekable, of known size": {Body: strings.NewReader("body"), Size: &size},
		"of unknown size":         {Body: strings.NewReader("body")},
		"a stream":                {Body: io.LimitReader(strings.NewReader("body"), 4), Size: &size},
		"in parts":                {Body: strings.NewReader(large)},
	} {
		in.Bucket, in.Name, in.IfAbsent = "bucket", "o", true
		if _, err := drivers.Call[storage.Object](t.Context(), c, in); op.KindOf(err) != op.AlreadyExists || len(written) > 0 {
			t.Errorf("%s: %v, after %q", what, err, written)
		}
	}
}
