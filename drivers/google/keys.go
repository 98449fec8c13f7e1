package google

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"unicode"

	gce "google.golang.org/api/compute/v1"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// sshKeys is the metadata, of a project or an instance, that tells Google's
// guest agent and cloud-init whom to let in. It has a line for each key:
//
//	user:ssh-ed25519 AAAA… comment
//
// A key pair is a line of the project's; its name is the comment. A key without
// a comment, or with one that a line before it has, goes by its fingerprint,
// and so does a key that gcloud put there for a while, whose comment is
// "google-ssh" and says until when.
const sshKeys = "ssh-keys"

// A key is one line.
type key struct {
	user   string
	public sshkey.Public
	name   string
	expiry string // of those for a while
}

func (k key) line() string {
	return strings.TrimSpace(k.user + ":" + k.public.Line + " " + k.public.Comment)
}

func (k key) pair() compute.KeyPair {
	return compute.KeyPair{Name: k.name, PublicKey: k.public.Line, Fingerprint: k.public.Fingerprint,
		Extra: extras(map[string]any{"user": k.user, "expireOn": k.expiry})}
}

// parseKeys reads the metadata. What is no key's line is passed over.
func parseKeys(text string) []key {
	var keys []key
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		user, rest, found := strings.Cut(strings.TrimSpace(line), ":")
		public, err := sshkey.Parse(rest)
		if !found || err != nil {
			continue
		}
		k := key{user: user, public: public, name: public.Comment}
		if about, ok := strings.CutPrefix(public.Comment, temporary+" "); ok {
			var until struct {
				ExpireOn string `json:"expireOn"`
			}
			if json.Unmarshal([]byte(about), &until) == nil {
				k.expiry = until.ExpireOn
			}
			k.name = ""
		}
		if k.name == "" || seen[k.name] {
			k.name = public.Fingerprint
		}
		if !seen[k.name] {
			keys = append(keys, k)
		}
		seen[k.name] = true
	}
	return keys
}

// temporary begins the comment of a key that is there for a while.
const temporary = "google-ssh"

// value is a metadata value; empty if there is none.
func value(m *gce.Metadata, name string) string {
	if m != nil {
		for _, i := range m.Items {
			if i.Key == name && i.Value != nil {
				return *i.Value
			}
		}
	}
	return ""
}

// keyIn is the key pair that an instance was made with: the first of its own keys.
func keyIn(m *gce.Metadata) string {
	if keys := parseKeys(value(m, sshKeys)); len(keys) > 0 {
		return keys[0].name
	}
	return ""
}

// commonMetadata is the metadata that all the project's instances share.
func (d *gceDriver) commonMetadata(ctx context.Context) (*gce.Metadata, error) {
	project, err := d.project(ctx)
	if err != nil {
		return nil, err
	}
	p, err := do(d.api.Projects.Get(project).Fields("commonInstanceMetadata").Context(ctx))
	if err != nil {
		return nil, err
	}
	if p.CommonInstanceMetadata == nil {
		return &gce.Metadata{}, nil
	}
	return p.CommonInstanceMetadata, nil
}

func (d *gceDriver) ListKeyPairs(ctx context.Context, _ compute.ListKeyPairs) iter.Seq2[compute.KeyPair, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.KeyPair, string, error) {
		m, err := d.commonMetadata(ctx)
		if err != nil {
			return nil, "", err
		}
		var pairs []compute.KeyPair
		for _, k := range parseKeys(value(m, sshKeys)) {
			pairs = append(pairs, k.pair())
		}
		return pairs, "", nil
	})
}

// key looks a key pair up.
func (d *gceDriver) key(ctx context.Context, name string) (key, error) {
	m, err := d.commonMetadata(ctx)
	if err != nil {
		return key{}, err
	}
	for _, k := range parseKeys(value(m, sshKeys)) {
		if k.name == name {
			return k, nil
		}
	}
	return key{}, op.Errorf(op.NotFound, "there is no key pair %q", name)
}

func (d *gceDriver) GetKeyPair(ctx context.Context, in compute.GetKeyPair) (compute.KeyPair, error) {
	k, err := d.key(ctx, in.KeyPair)
	if err != nil {
		return compute.KeyPair{}, err
	}
	return k.pair(), nil
}

func (d *gceDriver) CreateKeyPair(ctx context.Context, in compute.CreateKeyPair) (compute.KeyPair, error) {
	private, public, err := sshkey.New(in.Name)
	if err != nil {
		return compute.KeyPair{}, err
	}
	pair, err := d.addKey(ctx, in.Name, public)
	pair.PrivateKey = private
	return pair, err
}

func (d *gceDriver) ImportKeyPair(ctx context.Context, in compute.ImportKeyPair) (compute.KeyPair, error) {
	public, err := sshkey.Parse(in.PublicKey)
	if err != nil {
		return compute.KeyPair{}, err
	}
	return d.addKey(ctx, in.Name, public)
}

func (d *gceDriver) addKey(ctx context.Context, name string, public sshkey.Public) (compute.KeyPair, error) {
	if name != strings.TrimSpace(name) || name == "" || strings.ContainsFunc(name, unicode.IsControl) ||
		strings.HasPrefix(name, temporary) || strings.HasPrefix(name, "SHA256:") {
		return compute.KeyPair{}, op.Errorf(op.InvalidArgument, "a key pair cannot be %q: the name is the comment of a line of metadata, "+
			"without spaces around it or line breaks, and does not begin with %q or \"SHA256:\"", name, temporary)
	}
	public.Comment = name
	k := key{user: d.sshUser, public: public, name: name}
	err := d.changeKeys(ctx, func(text string) (string, error) {
		if slices.ContainsFunc(parseKeys(text), func(k key) bool { return k.name == name }) {
			return "", op.Errorf(op.AlreadyExists, "there is a key pair %q already", name)
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + k.line(), nil
	})
	if err != nil {
		return compute.KeyPair{}, err
	}
	return k.pair(), nil
}

func (d *gceDriver) DeleteKeyPair(ctx context.Context, in compute.DeleteKeyPair) error {
	return d.changeKeys(ctx, func(text string) (string, error) {
		keys := parseKeys(text)
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == in.KeyPair })
		if i < 0 {
			return "", op.Errorf(op.NotFound, "there is no key pair %q", in.KeyPair)
		}
		var kept strings.Builder
		gone := false
		for line := range strings.Lines(text) {
			if !gone && strings.TrimSpace(line) == keys[i].line() {
				gone = true
				continue
			}
			kept.WriteString(line)
		}
		if !gone {
			return "", op.Errorf(op.Conflict, "the key pair %q is not in a form that can be deleted safely: the metadata ssh-keys of the project has it", in.KeyPair)
		}
		return kept.String(), nil
	})
}

// changeKeys edits the project's ssh-keys. The fingerprint sees to it that
// nobody's change in between is lost.
func (d *gceDriver) changeKeys(ctx context.Context, edit func(text string) (string, error)) error {
	return optimistically(ctx, func(ctx context.Context) error {
		m, err := persist(ctx, func() (*gce.Metadata, error) { return d.commonMetadata(ctx) })
		if err != nil {
			return err
		}
		text, err := edit(value(m, sshKeys))
		if err != nil {
			return err
		}
		items := slices.DeleteFunc(slices.Clone(m.Items), func(i *gce.MetadataItems) bool { return i.Key == sshKeys })
		if text != "" {
			items = append(items, &gce.MetadataItems{Key: sshKeys, Value: &text})
		}
		project, err := d.project(ctx)
		if err != nil {
			return err
		}
		o, err := change(ctx, "setCommonInstanceMetadata "+m.Fingerprint, d.api.Projects.SetCommonInstanceMetadata(project, &gce.Metadata{Fingerprint: m.Fingerprint, Items: items}))
		if err != nil {
			return err
		}
		return d.start(project, o).finished(ctx)
	})
}
