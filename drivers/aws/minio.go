package aws

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func openMinIO(ctx context.Context, c minioConfig) (*s3Driver, error) {
	if c.Alias != "" {
		if c.Endpoint != "" || c.AccessKeyID != "" {
			return nil, op.Errorf(op.InvalidArgument, "alias has the endpoint and the keys: give it, or them")
		}
		a, err := alias(c.Alias)
		if err != nil {
			return nil, err
		}
		c.Endpoint, c.AccessKeyID, c.SecretAccessKey, c.SessionToken = a.URL, a.AccessKey, a.SecretKey, a.SessionToken
	}
	return minioDialect.open(ctx, c.compatibleConfig)
}

// mcAlias is a server as MinIO's client writes it down.
type mcAlias struct {
	URL          string         `json:"url"`
	AccessKey    string         `json:"accessKey"`
	SecretKey    drivers.Secret `json:"secretKey"`
	SessionToken drivers.Secret `json:"sessionToken"`
}

// alias looks for a server where MinIO's client does: first in the environment.
func alias(name string) (mcAlias, error) {
	if v := os.Getenv("MC_HOST_" + name); v != "" {
		u, err := url.Parse(v) // whose error would show the secret
		if err != nil || u.Host == "" {
			return mcAlias{}, op.Errorf(op.InvalidArgument, "MC_HOST_%s is no URL like https://KEY:SECRET@minio.example.com", name)
		}
		secret, _ := u.User.Password()
		secret, token, _ := strings.Cut(secret, ":")
		key := u.User.Username()
		u.User = nil
		return mcAlias{URL: u.String(), AccessKey: key, SecretKey: drivers.Secret(secret), SessionToken: drivers.Secret(token)}, nil
	}
	dir := os.Getenv("MC_CONFIG_DIR")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return mcAlias{}, op.Errorf(op.InvalidArgument, "alias: %w", err)
		}
		dir = filepath.Join(home, ".mc")
	}
	file := filepath.Join(dir, "config.json")
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return mcAlias{}, op.Errorf(op.InvalidArgument, "alias: %w", err)
	}
	var c struct {
		Aliases map[string]mcAlias `json:"aliases"`
	}
	if err == nil && json.Unmarshal(b, &c) != nil {
		return mcAlias{}, op.Errorf(op.InvalidArgument, "alias: %s is no configuration of mc", file)
	}
	a, ok := c.Aliases[name]
	if !ok {
		return a, op.Errorf(op.InvalidArgument, "there is no alias %q in %s, and no MC_HOST_%s%s", name, file, name, op.DidYouMean(name, slices.Sorted(maps.Keys(c.Aliases))))
	}
	return a, nil
}
