package sim

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"iter"
	"time"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

const keyPairs = table[compute.KeyPair]("key_pairs")

func keyPairNames(tx *txn) (names []string) {
	for name := range keyPairs.from(tx, "") {
		names = append(names, name)
	}
	return names
}

func keyPair(tx *txn, name string) (compute.KeyPair, error) {
	k, ok := keyPairs.get(tx, name)
	if !ok {
		return k, notFound("key pair", name, keyPairNames(tx)...)
	}
	return k, nil
}

func (d computeDriver) ListKeyPairs(ctx context.Context, in compute.ListKeyPairs) iter.Seq2[compute.KeyPair, error] {
	return list(ctx, d.driver, keyPairs, func(tx *txn, now time.Time, k compute.KeyPair) (compute.KeyPair, bool) { return k, true })
}

func (d computeDriver) GetKeyPair(ctx context.Context, in compute.GetKeyPair) (compute.KeyPair, error) {
	return read(ctx, d.driver, func(tx *txn, now time.Time) (compute.KeyPair, error) { return keyPair(tx, in.KeyPair) })
}

// CreateKeyPair makes the private key from the world's secret and the
// request's token. So it need not be kept anywhere, and a repeated request is
// still answered with it.
func (d computeDriver) CreateKeyPair(ctx context.Context, in compute.CreateKeyPair) (compute.KeyPair, error) {
	token := op.Token(ctx)
	ctx = op.WithToken(ctx, token)
	return create(ctx, d.driver, "create_key_pair", in, func(tx *txn, now time.Time) (string, error) {
		_, public, err := sshkey.Marshal(privateKey(tx, in.Name, token), in.Name)
		if err != nil {
			return "", err
		}
		return in.Name, putKeyPair(tx, now, in.Name, public)
	}, func(tx *txn, now time.Time, name string) (compute.KeyPair, error) {
		k, err := keyPair(tx, name)
		if err != nil {
			return k, err
		}
		k.PrivateKey, _, err = sshkey.Marshal(privateKey(tx, name, token), name)
		return k, err
	})
}

func privateKey(tx *txn, name, token string) ed25519.PrivateKey {
	secret, _ := meta.get(tx, "secret")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(name + "\x00" + token))
	return ed25519.NewKeyFromSeed(mac.Sum(nil))
}

func putKeyPair(tx *txn, now time.Time, name string, public sshkey.Public) error {
	if _, ok := keyPairs.get(tx, name); ok {
		return op.Errorf(op.AlreadyExists, "there is a key pair %q already", name)
	}
	keyPairs.put(tx, name, compute.KeyPair{Name: name, PublicKey: public.Line + " " + name, Fingerprint: public.Fingerprint, CreatedAt: now})
	return nil
}

func (d computeDriver) ImportKeyPair(ctx context.Context, in compute.ImportKeyPair) (compute.KeyPair, error) {
	return create(ctx, d.driver, "import_key_pair", in, func(tx *txn, now time.Time) (string, error) {
		public, err := sshkey.Parse(in.PublicKey)
		if err != nil {
			return "", err
		}
		return in.Name, putKeyPair(tx, now, in.Name, public)
	}, func(tx *txn, now time.Time, name string) (compute.KeyPair, error) { return keyPair(tx, name) })
}

func (d computeDriver) DeleteKeyPair(ctx context.Context, in compute.DeleteKeyPair) error {
	return change(ctx, d.driver, "delete_key_pair", in, func(tx *txn, now time.Time) error {
		k, err := keyPair(tx, in.KeyPair)
		if err == nil {
			keyPairs.delete(tx, k.Name)
		}
		return err
	})
}
