package lock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

const maxModule = 256 << 20

// A Fetcher gets modules from where they are.
type Fetcher struct {
	Dir    string       // what files are relative to
	Cache  *Cache       // keeps what came over the network
	Client *http.Client // for https; nil is http.DefaultClient
}

// Resolve returns the source as a lock file has it: an OCI reference with its
// digest in place of a tag.
func (f *Fetcher) Resolve(ctx context.Context, source string) (string, error) {
	reference, ok := strings.CutPrefix(source, "oci://")
	if !ok || strings.Contains(reference, "@") {
		return source, nil
	}
	repo, err := repository(reference)
	if err != nil {
		return "", err
	}
	d, err := repo.Resolve(ctx, repo.Reference.ReferenceOrDefault())
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	return "oci://" + repo.Reference.Registry + "/" + repo.Reference.Repository + "@" + d.Digest.String(), nil
}

// Fetch gets a module.
func (f *Fetcher) Fetch(ctx context.Context, source string) ([]byte, error) {
	switch {
	case strings.HasPrefix(source, "oci://"):
		return f.oci(ctx, strings.TrimPrefix(source, "oci://"))
	case strings.HasPrefix(source, "https://"):
		return f.https(ctx, source)
	case strings.Contains(source, "://"):
		return nil, fmt.Errorf("%s: a module comes from a file, an https URL or an oci:// reference", source)
	}
	if !filepath.IsAbs(source) {
		source = filepath.Join(f.Dir, source)
	}
	return os.ReadFile(source)
}

// Pinned gets the module of an entry; any other is refused.
func (f *Fetcher) Pinned(ctx context.Context, d Driver) ([]byte, error) {
	remote := strings.Contains(d.Source, "://")
	if remote {
		if data, ok := f.Cache.Module(d.SHA256); ok && Digest(data) == d.SHA256 {
			return data, nil
		}
	}
	data, err := f.Fetch(ctx, d.Source)
	if err != nil {
		return nil, err
	}
	if sum := Digest(data); sum != d.SHA256 {
		return nil, fmt.Errorf("%s is not the module that was granted: its sha256 is %s, not %s; if that is meant, add it again: cloudlark driver add %[1]s", d.Source, sum, d.SHA256)
	}
	if remote {
		return data, f.Cache.KeepModule(d.SHA256, data)
	}
	return data, nil
}

// Digest is a module's sha256 in hex.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (f *Fetcher) https(ctx context.Context, source string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{}
	if f.Client != nil {
		client = *f.Client
	}
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		switch {
		case r.URL.Scheme != "https":
			return fmt.Errorf("it redirects to %s, which is not https", r.URL.Redacted())
		case len(via) >= 10:
			return errors.New("it redirects too often")
		}
		return nil
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: the server says %s", source, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxModule+1))
	if err == nil && len(data) > maxModule {
		err = fmt.Errorf("%s: the module has more than %d MiB", source, maxModule>>20)
	}
	return data, err
}

// repository opens the repository of a reference, with the credentials that
// the user's container tools have.
func repository(reference string) (*remote.Repository, error) {
	repo, err := remote.NewRepository(reference)
	if err != nil {
		return nil, fmt.Errorf("oci://%s: %w", reference, err)
	}
	host, _, err := net.SplitHostPort(repo.Reference.Registry)
	if err != nil {
		host = repo.Reference.Registry
	}
	// As container tools have it: a registry on this machine needs no certificate.
	ip := net.ParseIP(host)
	repo.PlainHTTP = host == "localhost" || ip != nil && ip.IsLoopback()
	client := &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache()}
	if store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{}); err == nil {
		client.Credential = credentials.Credential(store)
	}
	repo.Client = client
	return repo, nil
}

// oci gets the module of an artifact: its one layer, or the one that says that
// it is WebAssembly.
func (f *Fetcher) oci(ctx context.Context, reference string) ([]byte, error) {
	repo, err := repository(reference)
	if err != nil {
		return nil, err
	}
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("oci://%s: %w", reference, err) }
	d, err := repo.Resolve(ctx, repo.Reference.ReferenceOrDefault())
	if err != nil {
		return fail(err)
	}
	data, err := content.FetchAll(ctx, repo, d)
	if err != nil {
		return fail(err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fail(err)
	}
	layer, err := moduleLayer(m)
	if err != nil {
		return fail(err)
	}
	if layer.Size > maxModule {
		return fail(fmt.Errorf("the module has more than %d MiB", maxModule>>20))
	}
	if data, err = content.FetchAll(ctx, repo, layer); err != nil {
		return fail(err)
	}
	return data, nil
}

func moduleLayer(m ocispec.Manifest) (ocispec.Descriptor, error) {
	for _, l := range m.Layers {
		if strings.HasPrefix(l.MediaType, "application/") && strings.Contains(l.MediaType, "wasm") {
			return l, nil
		}
	}
	if len(m.Layers) == 1 {
		return m.Layers[0], nil
	}
	return ocispec.Descriptor{}, fmt.Errorf("it has %d layers, and none says that it is WebAssembly", len(m.Layers))
}
