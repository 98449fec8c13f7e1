package compute

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Fingerprint is that of a public key in the form of authorized_keys, as
// ssh-keygen shows it and [KeyPair] has it: "SHA256:…". Providers have several
// forms of their own. It is empty if the line is no public key.
func Fingerprint(publicKey string) string {
	fields := strings.Fields(publicKey)
	if len(fields) < 2 {
		return ""
	}
	wire, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(wire)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
