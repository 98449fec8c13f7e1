package azure

import (
	"context"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// keyName is a key pair's name: of the session's group its own, of another
// "group/name".
func (d *computeDriver) keyName(k *armcompute.SSHPublicKeyResource) string {
	r, ok := refOf(value(k.ID))
	if ok && (ref{d.group, r.names}).String() != r.String() {
		return r.String()
	}
	return value(k.Name)
}

// keyOf has no fingerprint where Azure's key is none: one that was never given or made.
func (d *computeDriver) keyOf(k *armcompute.SSHPublicKeyResource) compute.KeyPair {
	pair := compute.KeyPair{Name: d.keyName(k), Extra: extras(map[string]any{"location": place(value(k.Location)), "tags": tagsOf(k.Tags)})}
	if k.SystemData != nil {
		pair.CreatedAt = when(k.SystemData.CreatedAt)
	}
	if k.Properties == nil {
		return pair
	}
	// Keys that came by the portal can be broken into lines.
	pair.PublicKey = strings.NewReplacer("\r", "", "\n", "").Replace(value(k.Properties.PublicKey))
	if public, err := sshkey.Parse(pair.PublicKey); err == nil {
		pair.PublicKey, pair.Fingerprint = public.Line, public.Fingerprint
	}
	return pair
}

func (d *computeDriver) ListKeyPairs(ctx context.Context, _ compute.ListKeyPairs) iter.Seq2[compute.KeyPair, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.KeyPair, string, error) {
		a, err := d.api(ctx)
		if err != nil {
			return nil, "", err
		}
		var found []*armcompute.SSHPublicKeyResource
		var next string
		if d.group != "" {
			found, next, err = page(ctx, cursor, a.keys.NewListByResourceGroupPager(d.group, nil), func(r armcompute.SSHPublicKeysClientListByResourceGroupResponse) ([]*armcompute.SSHPublicKeyResource, *string) {
				return r.Value, r.NextLink
			})
		} else {
			found, next, err = page(ctx, cursor, a.keys.NewListBySubscriptionPager(nil), func(r armcompute.SSHPublicKeysClientListBySubscriptionResponse) ([]*armcompute.SSHPublicKeyResource, *string) {
				return r.Value, r.NextLink
			})
		}
		return convert(found, d.keyOf), next, err
	})
}

func (d *computeDriver) keyPair(ctx context.Context, name string) (compute.KeyPair, error) {
	r, err := d.ref("key pair", name, 1)
	if err != nil {
		return compute.KeyPair{}, err
	}
	a, err := d.api(ctx)
	if err != nil {
		return compute.KeyPair{}, err
	}
	found, err := get(a.keys.Get(ctx, r.group, r.name(), nil))
	if err != nil {
		return compute.KeyPair{}, err
	}
	return d.keyOf(&found.SSHPublicKeyResource), nil
}

func (d *computeDriver) GetKeyPair(ctx context.Context, in compute.GetKeyPair) (compute.KeyPair, error) {
	return d.keyPair(ctx, in.KeyPair)
}

// CreateKeyPair makes the key here: so its private half never travels.
func (d *computeDriver) CreateKeyPair(ctx context.Context, in compute.CreateKeyPair) (compute.KeyPair, error) {
	private, public, err := sshkey.New(in.Name)
	if err != nil {
		return compute.KeyPair{}, err
	}
	pair, err := d.register(ctx, in.Name, public)
	if err != nil {
		return compute.KeyPair{}, err
	}
	pair.PrivateKey = private
	return pair, nil
}

func (d *computeDriver) ImportKeyPair(ctx context.Context, in compute.ImportKeyPair) (compute.KeyPair, error) {
	public, err := sshkey.Parse(in.PublicKey)
	if err != nil {
		return compute.KeyPair{}, err
	}
	return d.register(ctx, in.Name, public)
}

func (d *computeDriver) register(ctx context.Context, name string, public sshkey.Public) (compute.KeyPair, error) {
	if err := named("a key pair", name, 80); err != nil {
		return compute.KeyPair{}, err
	}
	a, group, err := d.into(ctx)
	if err != nil {
		return compute.KeyPair{}, err
	}
	location, err := d.at("")
	if err != nil {
		return compute.KeyPair{}, err
	}
	// Without a token: a key pair that was made twice would have another private half.
	made, err := create(ctx, d.manager, "key pair", ref{group, []string{name}}, "", func() (*armcompute.SSHPublicKeyResource, map[string]*string, error) {
		found, err := a.keys.Get(ctx, group, name, nil)
		return &found.SSHPublicKeyResource, found.Tags, err
	}, func() (*armcompute.SSHPublicKeyResource, error) {
		out, err := get(a.keys.Create(ctx, group, name, armcompute.SSHPublicKeyResource{Location: &location,
			Properties: &armcompute.SSHPublicKeyResourceProperties{PublicKey: &public.Line}}, nil))
		return &out.SSHPublicKeyResource, err
	})
	if err != nil {
		return compute.KeyPair{}, err
	}
	return d.keyOf(made), nil
}

func (d *computeDriver) DeleteKeyPair(ctx context.Context, in compute.DeleteKeyPair) error {
	r, err := d.ref("key pair", in.KeyPair, 1)
	if err != nil {
		return err
	}
	a, err := d.api(ctx)
	if err != nil {
		return err
	}
	if _, err := get(a.keys.Get(ctx, r.group, r.name(), nil)); err != nil {
		return err // Azure is content when there is nothing to delete
	}
	_, err = get(a.keys.Delete(ctx, r.group, r.name(), nil))
	return err
}
