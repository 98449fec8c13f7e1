package aws

import (
	"context"
	"encoding/base64"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/registry"
)

// ecrConfig is the configuration of the driver "ecr".
type ecrConfig struct {
	sessionConfig
	Registry  string `json:"registry,omitzero" help:"The registry's host, as 123456789012.dkr.ecr.eu-west-1.amazonaws.com: that of the account and region if not given."`
	ConfigDir string `json:"config_dir,omitzero" help:"Docker's configuration folder, for the logins of other registries; DOCKER_CONFIG or ~/.docker if not given."`
}

// ecrDriver is the driver "ecr": lists come from ECR's own API, images from the
// registry that it is, with a token of that API.
type ecrDriver struct {
	*session
	config ecrConfig
	client *ecr.Client

	mu       sync.Mutex
	token    *authn.Basic
	renew    time.Time // when the token is to be asked for anew
	protocol *registry.Client
}

func openECR(ctx context.Context, c ecrConfig) (*ecrDriver, error) {
	s, err := newSession(ctx, c.sessionConfig)
	if err != nil {
		return nil, err
	}
	return &ecrDriver{session: s, config: c, client: ecr.NewFromConfig(s.config)}, nil
}

// Close drops the idle connections.
func (d *ecrDriver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.protocol != nil {
		_ = d.protocol.Close() // which has nothing that can fail
	}
	return d.session.Close()
}

func (d *ecrDriver) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return service{d.client}.call(ctx, in)
}

func (d *ecrDriver) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return service{d.client}.pages(ctx, in)
}

// authorize asks for a token, unless there is one that is good for a while, and
// returns the registry's host as ECR tells it.
func (d *ecrDriver) authorize(ctx context.Context) (*authn.Basic, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.token != nil && time.Now().Before(d.renew) && d.config.Registry != "" {
		return d.token, d.config.Registry, nil
	}
	out, err := d.client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return nil, "", err
	}
	if len(out.AuthorizationData) == 0 {
		return nil, "", op.Errorf(op.Internal, "ECR gave no token")
	}
	data := out.AuthorizationData[0]
	decoded, err := base64.StdEncoding.DecodeString(aws.ToString(data.AuthorizationToken))
	user, password, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok {
		return nil, "", op.Errorf(op.Internal, "ECR's token is not in the form that it documents")
	}
	d.token = &authn.Basic{Username: user, Password: password}
	d.renew = aws.ToTime(data.ExpiresAt).Add(-5 * time.Minute)
	if d.config.Registry == "" {
		d.config.Registry = registry.Host(aws.ToString(data.ProxyEndpoint))
	}
	return d.token, d.config.Registry, nil
}

// A tokens is the keychain of an account's registry. It asks for a token when one
// is needed: they are good for twelve hours.
type tokens struct {
	d    *ecrDriver
	host string
}

func (t tokens) Resolve(r authn.Resource) (authn.Authenticator, error) {
	if r.RegistryStr() == t.host {
		return t, nil
	}
	return authn.Anonymous, nil
}

func (t tokens) Authorization() (*authn.AuthConfig, error) {
	return t.AuthorizationContext(context.Background())
}

func (t tokens) AuthorizationContext(ctx context.Context) (*authn.AuthConfig, error) {
	basic, _, err := t.d.authorize(ctx)
	if err != nil {
		return nil, err
	}
	return basic.Authorization()
}

// images is the client of the registry.
func (d *ecrDriver) images(ctx context.Context) (*registry.Client, error) {
	_, host, err := d.authorize(ctx)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.protocol == nil {
		others := registry.Credentials{Dir: d.config.ConfigDir}.Keychain()
		d.protocol, err = registry.NewClient(host, authn.NewMultiKeychain(tokens{d, registry.Host(host)}, others), 0)
	}
	return d.protocol, err
}

func (d *ecrDriver) ListRepositories(ctx context.Context, in container.ListRepositories) iter.Seq2[container.Repository, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Repository, string, error) {
		request := &ecr.DescribeRepositoriesInput{MaxResults: d.page()}
		if cursor != "" {
			request.NextToken = &cursor
		}
		out, err := d.client.DescribeRepositories(ctx, request)
		if err != nil {
			return nil, "", err
		}
		all := make([]container.Repository, len(out.Repositories))
		for i, r := range out.Repositories {
			all[i] = container.Repository{Name: aws.ToString(r.RepositoryName), CreatedAt: aws.ToTime(r.CreatedAt),
				Extra: map[string]any{"arn": aws.ToString(r.RepositoryArn), "uri": aws.ToString(r.RepositoryUri), "tag_mutability": string(r.ImageTagMutability)}}
		}
		return all, aws.ToString(out.NextToken), nil
	})
}

// ListImages lists the images, whether or not they have tags, of one repository
// after the other.
func (d *ecrDriver) ListImages(ctx context.Context, in container.ListImages) iter.Seq2[container.Image, error] {
	return registry.InRepositories(ctx, d.uris, func(ctx context.Context, uri, cursor string) ([]container.Image, string, error) {
		_, name, _ := strings.Cut(uri, "/")
		out, err := d.client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &name, MaxResults: d.page(), NextToken: optional(cursor)})
		if err != nil {
			return nil, "", err
		}
		all := make([]container.Image, len(out.ImageDetails))
		for n, i := range out.ImageDetails {
			digest := aws.ToString(i.ImageDigest)
			all[n] = container.Image{ID: uri + "@" + digest, Name: registry.Called(uri, digest, i.ImageTags, in.Name), Digest: digest, Size: aws.ToInt64(i.ImageSizeInBytes),
				Extra: map[string]any{"media_type": aws.ToString(i.ImageManifestMediaType), "artifact_type": aws.ToString(i.ArtifactMediaType), "tags": plainList(i.ImageTags),
					"pushed_at": aws.ToTime(i.ImagePushedAt)}}
		}
		return all, aws.ToString(out.NextToken), nil
	})
}

// uris is a page of the repositories, each with its registry.
func (d *ecrDriver) uris(ctx context.Context, cursor string) (all []string, next string, err error) {
	out, err := d.client.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{MaxResults: d.page(), NextToken: optional(cursor)})
	if err != nil {
		return nil, "", err
	}
	for _, r := range out.Repositories {
		uri := aws.ToString(r.RepositoryUri)
		if d.config.Registry != "" {
			uri = registry.Host(d.config.Registry) + "/" + aws.ToString(r.RepositoryName)
		}
		all = append(all, uri)
	}
	return all, aws.ToString(out.NextToken), nil
}

// ListTags lists the images that have tags, each with all of them.
func (d *ecrDriver) ListTags(ctx context.Context, in container.ListTags) iter.Seq2[container.Tag, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]container.Tag, string, error) {
		request := &ecr.DescribeImagesInput{RepositoryName: &in.Repository, MaxResults: d.page(), Filter: &types.DescribeImagesFilter{TagStatus: types.TagStatusTagged}}
		if cursor != "" {
			request.NextToken = &cursor
		}
		out, err := d.client.DescribeImages(ctx, request)
		if err != nil {
			return nil, "", err
		}
		var all []container.Tag
		for _, i := range out.ImageDetails {
			for _, tag := range i.ImageTags {
				all = append(all, container.Tag{Repository: in.Repository, Name: tag, Digest: aws.ToString(i.ImageDigest), Size: aws.ToInt64(i.ImageSizeInBytes), CreatedAt: aws.ToTime(i.ImagePushedAt),
					Extra: map[string]any{"media_type": aws.ToString(i.ImageManifestMediaType), "artifact_type": aws.ToString(i.ArtifactMediaType)}})
			}
		}
		return all, aws.ToString(out.NextToken), nil
	})
}

func (d *ecrDriver) GetImage(ctx context.Context, in container.GetImage) (container.Image, error) {
	r, err := d.images(ctx)
	if err != nil {
		return container.Image{}, err
	}
	return r.GetImage(ctx, in)
}

func (d *ecrDriver) CopyImage(ctx context.Context, in container.CopyImage) (container.Image, error) {
	r, err := d.images(ctx)
	if err != nil {
		return container.Image{}, err
	}
	return r.CopyImage(ctx, in)
}

// DeleteImage deletes a tag or, by its digest, an image with all its tags: by
// ECR's own API, as its registry deletes nothing.
func (d *ecrDriver) DeleteImage(ctx context.Context, in container.DeleteImage) error {
	r, err := d.images(ctx)
	if err != nil {
		return err
	}
	repository, tag, digest, err := r.Parts(in.Image)
	if err != nil {
		return err
	}
	id := types.ImageIdentifier{ImageTag: &tag}
	if digest != "" {
		id = types.ImageIdentifier{ImageDigest: &digest}
	}
	out, err := d.client.BatchDeleteImage(ctx, &ecr.BatchDeleteImageInput{RepositoryName: &repository, ImageIds: []types.ImageIdentifier{id}})
	if err != nil {
		return err
	}
	if len(out.Failures) > 0 { // one image was named
		f := out.Failures[0]
		e := &op.Error{Kind: op.Conflict, Code: string(f.FailureCode), Message: "deleting " + in.Image + ": " + aws.ToString(f.FailureReason)}
		switch f.FailureCode {
		case types.ImageFailureCodeImageNotFound:
			e.Kind = op.NotFound
		case types.ImageFailureCodeInvalidImageDigest, types.ImageFailureCodeInvalidImageTag, types.ImageFailureCodeMissingDigestAndTag:
			e.Kind = op.InvalidArgument
		}
		return e
	}
	return nil
}
