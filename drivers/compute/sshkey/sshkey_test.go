package sshkey

import (
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestNewSignsForItsPublicHalf(t *testing.T) {
	private, public, err := New("ops")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey([]byte(private.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(public.Line + " somebody@somewhere")
	if err != nil {
		t.Fatal(err)
	}
	if got := ssh.FingerprintSHA256(signer.PublicKey()); got != public.Fingerprint || got != again.Fingerprint {
		t.Errorf("the private key is %s, the public one %s, and read again %s", got, public.Fingerprint, again.Fingerprint)
	}
	if public.Comment != "ops" || again.Comment != "somebody@somewhere" || again.Line != public.Line {
		t.Errorf("made %+v, read %+v", public, again)
	}
}

// The fingerprint is ssh-keygen's own of this key.
func TestParse(t *testing.T) {
	const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
	p, err := Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	if p.Line != line {
		t.Errorf("the line is %q", p.Line)
	}
	if p.Fingerprint != "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA" {
		t.Errorf("the fingerprint is %s", p.Fingerprint)
	}
	for _, bad := range []string{"", "nonsense", "ssh-ed25519 AAAA", "ssh-ed25519 !!!"} {
		if _, err := Parse(bad); op.KindOf(err) != op.InvalidArgument {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
