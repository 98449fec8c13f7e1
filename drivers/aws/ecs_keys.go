package aws

import (
	"context"
	"crypto/aes"
	"crypto/cipher"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// sessionKeys encrypt what goes over a data channel, where the cluster's
// configuration names a key of KMS for that: one key for each direction.
type sessionKeys struct {
	sealed      []byte // both of them, for the other side to have decrypted by KMS
	write, read cipher.AEAD
}

// newSessionKeys has KMS make the keys of one session of a target.
func newSessionKeys(ctx context.Context, client *kms.Client, key, session, target string) (*sessionKeys, error) {
	out, err := client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &key, NumberOfBytes: aws.Int32(64),
		EncryptionContext: map[string]string{"aws:ssm:SessionId": session, "aws:ssm:TargetId": target}})
	if err != nil {
		return nil, err
	}
	k := &sessionKeys{sealed: out.CiphertextBlob}
	half := len(out.Plaintext) / 2
	if k.read, err = newAEAD(out.Plaintext[:half]); err != nil {
		return nil, err
	}
	k.write, err = newAEAD(out.Plaintext[half:])
	return k, err
}

// newAEAD puts a nonce before each text that it encrypts, as the channel wants.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, op.Errorf(op.Internal, "the key of the session: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (k *sessionKeys) seal(plain []byte) []byte { return k.write.Seal(nil, nil, plain, nil) }

func (k *sessionKeys) open(text []byte) ([]byte, error) {
	plain, err := k.read.Open(nil, nil, text, nil)
	if err != nil {
		return nil, op.Errorf(op.Internal, "the session's output does not decrypt: %w", err)
	}
	return plain, nil
}
