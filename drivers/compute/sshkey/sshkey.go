// Package sshkey makes and reads SSH keys, for drivers whose providers keep
// public keys but make none, and so that a key's fingerprint is the same at
// every provider.
package sshkey

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Public is a public key.
type Public struct {
	Line        string // in the form of authorized_keys, without a comment: "ssh-ed25519 AAAA…"
	Comment     string // what followed in the line that was read
	Fingerprint string // as ssh-keygen shows it: "SHA256:…"
}

// Parse reads a public key in the form of authorized_keys. What is none is an
// invalid_argument error.
func Parse(line string) (Public, error) {
	key, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return Public{}, op.Errorf(op.InvalidArgument, "public_key: this is no public key in the form of authorized_keys, like \"ssh-ed25519 AAAA…\": %w", err)
	}
	p := public(key)
	p.Comment = comment
	return p, nil
}

func public(key ssh.PublicKey) Public {
	return Public{Line: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), Fingerprint: ssh.FingerprintSHA256(key)}
}

// Of returns the public half of a private key in PEM form.
func Of(private op.Secret) (Public, error) {
	key, err := ssh.ParsePrivateKey([]byte(private.Reveal()))
	if err != nil {
		return Public{}, err
	}
	return public(key.PublicKey()), nil
}

// New makes an ed25519 key; comment, which is often the key's name, is written
// into the private one.
func New(comment string) (op.Secret, Public, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", Public{}, err
	}
	return Marshal(key, comment)
}

// Marshal returns an ed25519 key in OpenSSH's form, which is PEM, and its public half.
func Marshal(key ed25519.PrivateKey, comment string) (op.Secret, Public, error) {
	block, err := ssh.MarshalPrivateKey(key, comment)
	if err != nil {
		return "", Public{}, err
	}
	half, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		return "", Public{}, err
	}
	p := public(half)
	p.Comment = comment
	return op.Secret(pem.EncodeToMemory(block)), p, nil
}
