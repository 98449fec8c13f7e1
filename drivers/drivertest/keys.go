package drivertest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
)

// publicKey makes an SSH public key in authorized_keys form, for which nobody
// has the private key.
func publicKey() string {
	key, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err) // the system has no randomness
	}
	var wire []byte
	for _, part := range [][]byte{[]byte("ssh-ed25519"), key} {
		wire = binary.BigEndian.AppendUint32(wire, uint32(len(part)))
		wire = append(wire, part...)
	}
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(wire) + " cloudlark-conformance"
}
