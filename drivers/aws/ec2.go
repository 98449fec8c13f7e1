package aws

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// ec2Driver is the driver "ec2".
type ec2Driver struct {
	*session
	client *ec2.Client
}

func openEC2(ctx context.Context, c sessionConfig) (*ec2Driver, error) {
	if c.PageSize != 0 && c.PageSize < 5 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is %d: EC2 has no pages of less than 5", c.PageSize)
	}
	s, err := newSession(ctx, c)
	if err != nil {
		return nil, err
	}
	return &ec2Driver{session: s, client: ec2.NewFromConfig(s.config)}, nil
}

// HonoursToken makes the driver an [op.Idempotent]: these pass a ClientToken.
func (d *ec2Driver) HonoursToken(o *op.Op) bool {
	switch o.Name {
	case "create_node", "create_nodes", "create_volume", "copy_image":
		return true
	}
	return false
}

// token is the operation's idempotency token, cut to what EC2 takes.
func token(ctx context.Context) *string {
	t := op.Token(ctx)
	return aws.String(t[:min(len(t), 64)])
}

// nameTag is where EC2 keeps names.
const nameTag = "Name"

// ec2Tags are a name and tags as EC2 takes them.
func ec2Tags(name string, tags map[string]string) []types.Tag {
	var list []types.Tag
	if name != "" {
		list = append(list, types.Tag{Key: aws.String(nameTag), Value: &name})
	}
	for k, v := range tags {
		if k != nameTag || name == "" {
			list = append(list, types.Tag{Key: &k, Value: &v})
		}
	}
	return list
}

// specify gives a new thing its tags in the request that makes it.
func specify(kind types.ResourceType, name string, tags map[string]string) []types.TagSpecification {
	list := ec2Tags(name, tags)
	if len(list) == 0 {
		return nil
	}
	return []types.TagSpecification{{ResourceType: kind, Tags: list}}
}

// namedTags are a thing's name and its other tags.
func namedTags(list []types.Tag) (name string, tags map[string]string) {
	tags = map[string]string{}
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	name = tags[nameTag]
	delete(tags, nameTag)
	return name, tags
}

// filters are what EC2 is asked to filter by, which spares pages: what is let
// through is filtered again. EC2 reads * and ? in a value as wildcards.
type filters []types.Filter

func (f *filters) is(name string, values ...string) {
	for _, v := range values {
		if v == "" {
			return
		}
	}
	literal := make([]string, len(values))
	for i, v := range values {
		literal[i] = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(v)
	}
	*f = append(*f, types.Filter{Name: &name, Values: literal})
}

func (f *filters) tagged(name string, tags map[string]string) {
	f.is("tag:"+nameTag, name)
	for k, v := range tags {
		f.is("tag:"+k, v)
	}
}

// one returns the only item of an answer about one id.
func one[T any](items []T, what, id string) (T, error) {
	if len(items) == 0 {
		return *new(T), op.Errorf(op.NotFound, "there is no %s %q", what, id)
	}
	return items[0], nil
}

// identifier answers not_found for what cannot be an id. EC2 says of some that
// a parameter is invalid, and reads others as wildcards.
func identifier(what, id string, prefixes ...string) error {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(id, p); ok && rest != "" && strings.Trim(rest, "0123456789abcdefghijklmnopqrstuvwxyz") == "" {
			return nil
		}
	}
	return op.Errorf(op.NotFound, "there is no %s %q: its id would begin with %q", what, id, prefixes[0])
}

// extras leaves out what is empty, so that extra holds what is to be said.
func extras(m map[string]any) map[string]any {
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == "" || v == nil || v == false })
	return m
}

func architecture(s string) compute.Architecture {
	switch {
	case strings.HasPrefix(s, "x86_64"):
		return compute.X86_64
	case strings.HasPrefix(s, "arm64"):
		return compute.ARM64
	case s == "i386":
		return compute.I386
	}
	return ""
}
