package libvirt

import (
	"context"
	"iter"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A key pair is a file in the pool: libvirt has none, and its users share the pool.
type keyFile struct {
	PublicKey string    `json:"public_key"`
	Created   time.Time `json:"created"`
}

func (f keyFile) pair(name string) (compute.KeyPair, error) {
	p, err := sshkey.Parse(f.PublicKey)
	if err != nil {
		return compute.KeyPair{}, op.Errorf(op.Internal, "the key pair %s is damaged: %w", name, err)
	}
	return compute.KeyPair{Name: name, PublicKey: p.Line, Fingerprint: p.Fingerprint, CreatedAt: f.Created}, nil
}

const keySuffix = ".key.json"

func (d *driver) ListKeyPairs(ctx context.Context, _ compute.ListKeyPairs) iter.Seq2[compute.KeyPair, error] {
	return op.Pages(ctx, func(ctx context.Context, _ string) ([]compute.KeyPair, string, error) {
		all, err := get(ctx, d.link, func(w wire) ([]keyed, error) { return w.StoragePoolListAllVolumes(d.Pool) })
		if err != nil {
			return nil, "", err
		}
		var files []keyed
		for _, v := range all {
			if k, _ := kindOf(v.Name); k == keyPair {
				files = append(files, v)
			}
		}
		pairs, err := each(ctx, files, func(ctx context.Context, v keyed) (compute.KeyPair, error) {
			_, name := kindOf(v.Name)
			var f keyFile
			if err := d.read(ctx, v.Key, &f); err != nil {
				return compute.KeyPair{}, err
			}
			return f.pair(name)
		})
		return pairs, "", err
	})
}

func (d *driver) GetKeyPair(ctx context.Context, in compute.GetKeyPair) (compute.KeyPair, error) {
	v, err := d.find(ctx, d.Pool, in.KeyPair+keySuffix)
	var f keyFile
	if err == nil {
		err = d.read(ctx, v.Key, &f)
	}
	if op.KindOf(err) == op.NotFound {
		return compute.KeyPair{}, op.Errorf(op.NotFound, "there is no key pair %q", in.KeyPair)
	}
	if err != nil {
		return compute.KeyPair{}, err
	}
	return f.pair(in.KeyPair)
}

func (d *driver) CreateKeyPair(ctx context.Context, in compute.CreateKeyPair) (compute.KeyPair, error) {
	private, public, err := sshkey.New(in.Name)
	if err != nil {
		return compute.KeyPair{}, err
	}
	k, err := d.keep(ctx, in.Name, public)
	k.PrivateKey = private
	return k, err
}

func (d *driver) ImportKeyPair(ctx context.Context, in compute.ImportKeyPair) (compute.KeyPair, error) {
	public, err := sshkey.Parse(in.PublicKey)
	if err != nil {
		return compute.KeyPair{}, err
	}
	return d.keep(ctx, in.Name, public)
}

func (d *driver) keep(ctx context.Context, name string, public sshkey.Public) (compute.KeyPair, error) {
	if err := called("key pair", name); err != nil {
		return compute.KeyPair{}, err
	}
	f := keyFile{public.Line, time.Now().UTC()}
	err := d.write(ctx, d.Pool, name+keySuffix, f, false)
	if op.KindOf(err) == op.AlreadyExists {
		err = op.Errorf(op.AlreadyExists, "there is a key pair %q already", name)
	}
	if err != nil {
		return compute.KeyPair{}, err
	}
	return f.pair(name)
}

func (d *driver) DeleteKeyPair(ctx context.Context, in compute.DeleteKeyPair) error {
	v, err := d.find(ctx, d.Pool, in.KeyPair+keySuffix)
	if op.KindOf(err) == op.NotFound {
		return op.Errorf(op.NotFound, "there is no key pair %q", in.KeyPair)
	}
	if err != nil {
		return err
	}
	return do(ctx, d.link, func(w wire) error { return w.StorageVolDelete(v.Key) })
}
