package compute_test

import (
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
)

func TestFingerprint(t *testing.T) {
	_, public, err := sshkey.New("somebody")
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public.Line))
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		public.Line:                   ssh.FingerprintSHA256(key),
		public.Line + " some comment": ssh.FingerprintSHA256(key),
		"":                            "",
		"ssh-ed25519":                 "",
		"ssh-ed25519 !!!":             "",
	} {
		if got := compute.Fingerprint(line); got != want {
			t.Errorf("the fingerprint of %q is %q, want %q", line, got, want)
		}
	}
}
