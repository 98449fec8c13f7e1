package openstack

import (
	"cmp"
	"context"
	"iter"
	"net/http"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

type keyPair struct {
	Name        string
	PublicKey   string `json:"public_key"`
	Fingerprint string
	Created     stamp `json:"created_at"`
}

// keyOf has the fingerprint that other providers' keys have: Nova's own, of MD5,
// is in extra.
func keyOf(k keyPair) compute.KeyPair {
	w := compute.KeyPair{Name: k.Name, PublicKey: k.PublicKey, Fingerprint: k.Fingerprint, CreatedAt: k.Created.Time}
	if p, err := sshkey.Parse(k.PublicKey); err == nil {
		w.Fingerprint, w.Extra = p.Fingerprint, map[string]any{"fingerprint": k.Fingerprint}
	}
	return w
}

// ListKeyPairs gets them all at once: Nova has them in pages only in newer
// versions of its API than every cloud has.
func (d *computeDriver) ListKeyPairs(ctx context.Context, _ compute.ListKeyPairs) iter.Seq2[compute.KeyPair, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.KeyPair, string, error) {
		found, err := fetch[[]struct{ KeyPair keyPair }](ctx, d.session, nova, http.MethodGet, "os-keypairs", nil, "keypairs")
		keys := make([]compute.KeyPair, len(found))
		for i, k := range found {
			keys[i] = keyOf(k.KeyPair)
		}
		return keys, "", err
	})
}

func (d *computeDriver) GetKeyPair(ctx context.Context, in compute.GetKeyPair) (compute.KeyPair, error) {
	k, err := fetch[keyPair](ctx, d.session, nova, http.MethodGet, path("os-keypairs", in.KeyPair), nil, "keypair")
	return keyOf(k), err
}

// CreateKeyPair makes the key here: an ed25519 one, where Nova's would be RSA,
// and the private half stays here.
func (d *computeDriver) CreateKeyPair(ctx context.Context, in compute.CreateKeyPair) (compute.KeyPair, error) {
	private, public, err := sshkey.New(in.Name)
	if err != nil {
		return compute.KeyPair{}, err
	}
	k, err := d.ImportKeyPair(ctx, compute.ImportKeyPair{Name: in.Name, PublicKey: public.Line})
	if err == nil {
		k.PrivateKey = private
	}
	return k, err
}

func (d *computeDriver) ImportKeyPair(ctx context.Context, in compute.ImportKeyPair) (compute.KeyPair, error) {
	if _, err := sshkey.Parse(in.PublicKey); err != nil {
		return compute.KeyPair{}, err
	}
	k, err := fetch[keyPair](ctx, d.session, nova, http.MethodPost, "os-keypairs", object{"keypair": object{"name": in.Name, "public_key": in.PublicKey}}, "keypair")
	k.PublicKey = cmp.Or(k.PublicKey, in.PublicKey)
	return keyOf(k), err
}

func (d *computeDriver) DeleteKeyPair(ctx context.Context, in compute.DeleteKeyPair) error {
	_, err := d.send(ctx, nova, http.MethodDelete, path("os-keypairs", in.KeyPair), nil, nil)
	return err
}
