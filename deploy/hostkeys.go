package deploy

import (
	"bufio"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// HostKeys say how a machine proves that it is the one that was meant. There is no
// way to do without.
type HostKeys struct {
	// Pinned are its keys, any of them: public keys in the form of authorized_keys
	// or known_hosts, or fingerprints, "SHA256:…". With it, File is not looked at.
	Pinned []string

	// File is one in the form of OpenSSH's known_hosts. The key of a machine that it
	// does not know is written down at the first connection; another key later is
	// refused.
	File string

	// Alias is the name that the machine has in File, where an address says too
	// little: those of clouds are given to one machine after the other. It is the
	// address if empty.
	Alias string
}

// algorithms are the kinds of key there are, as a server names them, by what a
// client may ask for.
var algorithms = map[string][]string{
	ssh.KeyAlgoED25519:  {ssh.KeyAlgoED25519},
	ssh.KeyAlgoECDSA256: {ssh.KeyAlgoECDSA256},
	ssh.KeyAlgoECDSA384: {ssh.KeyAlgoECDSA384},
	ssh.KeyAlgoECDSA521: {ssh.KeyAlgoECDSA521},
	ssh.KeyAlgoRSA:      {ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
}

// A check is one way to ask a server for its key: the kinds of key that it may
// show, and what is said of the one that it shows.
type check struct {
	algorithms []string
	callback   ssh.HostKeyCallback
}

// checks are the ways to try, one after the other, until a server has a key of the
// kind. A server with several keys shows the first that the client asks for.
func (h HostKeys) checks(addr string) ([]check, error) {
	switch {
	case len(h.Pinned) > 0:
		return h.pinned(addr)
	case h.File != "":
		return h.recorded(addr)
	}
	return nil, op.Errorf(op.InvalidArgument, "no host key is pinned for %s, and no file is named to write it down in", addr)
}

func (h HostKeys) pinned(addr string) ([]check, error) {
	var prints, kinds []string
	loose := false
	for _, p := range h.Pinned {
		if p = strings.TrimSpace(p); strings.HasPrefix(p, "SHA256:") {
			prints, loose = append(prints, p), true
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(p))
		if err != nil {
			if _, _, key, _, _, err = ssh.ParseKnownHosts([]byte(p)); err != nil {
				return nil, op.Errorf(op.InvalidArgument, "the host key %q is neither a public key nor a fingerprint like SHA256:…", p)
			}
		}
		prints = append(prints, ssh.FingerprintSHA256(key))
		if !slices.Contains(kinds, key.Type()) {
			kinds = append(kinds, key.Type())
		}
	}
	callback := func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if slices.Contains(prints, ssh.FingerprintSHA256(key)) {
			return nil
		}
		return mismatch(addr, key, "pinned is "+strings.Join(prints, ", "))
	}
	var checks []check
	if len(kinds) > 0 {
		var all []string
		for _, k := range kinds {
			all = append(all, algorithms[k]...)
		}
		checks = append(checks, check{all, callback})
	}
	if loose { // a fingerprint does not tell of which kind its key is
		checks = append(checks, each(callback, kinds)...)
	}
	return checks, nil
}

// each asks for every kind of key but some, one at a time and the best first. There are
// servers that agree to a kind of which they have no key, and then hang up.
func each(callback ssh.HostKeyCallback, but []string) []check {
	var checks []check
	for _, k := range []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoRSA, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521} {
		if !slices.Contains(but, k) {
			checks = append(checks, check{algorithms[k], callback})
		}
	}
	return checks
}

// recording keeps two connections of this process from writing one machine down twice.
var recording sync.Mutex

func (h HostKeys) recorded(addr string) ([]check, error) {
	name := addr
	if h.Alias != "" {
		name = h.Alias
	}
	// The package tells what it knows when it is shown a key that cannot be right.
	nobody, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil, err
	}
	known, _, err := h.look(name, nobody)
	if err != nil {
		return nil, err
	}
	var kinds []string
	for _, k := range known {
		kinds = append(kinds, algorithms[k.Type()]...)
	}
	callback := func(_ string, _ net.Addr, key ssh.PublicKey) error {
		recording.Lock()
		defer recording.Unlock()
		known, right, err := h.look(name, key) // it may be known by now
		switch {
		case err != nil || right:
			return err
		case len(known) == 0:
			return h.record(name, key)
		}
		var prints []string
		for _, k := range known {
			prints = append(prints, ssh.FingerprintSHA256(k))
		}
		return mismatch(addr, key, fmt.Sprintf("%s has %s for %q; if the machine was made anew, remove that line", h.File, strings.Join(prints, ", "), name))
	}
	if len(kinds) == 0 {
		return each(callback, nil), nil
	}
	return []check{{kinds, callback}}, nil
}

// look looks up whether a key is the one that the file has for a name, and if it
// is not, which it has. One that is revoked there is nobody's.
func (h HostKeys) look(name string, key ssh.PublicKey) (known []ssh.PublicKey, right bool, err error) {
	lookup, err := knownhosts.New(h.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, op.Errorf(op.InvalidArgument, "known hosts: %w", err)
	}
	err = lookup(address(name), &net.TCPAddr{}, key)
	if _, ok := errors.AsType[*knownhosts.RevokedError](err); ok {
		return nil, false, &op.Error{Kind: op.PermissionDenied, Code: "host_key_revoked", Message: fmt.Sprintf(
			"the host key of %s is %s (%s), which %s revokes", name, ssh.FingerprintSHA256(key), key.Type(), h.File), Err: err}
	}
	unlike, ok := errors.AsType[*knownhosts.KeyError](err)
	if !ok {
		return nil, err == nil, err
	}
	for _, k := range unlike.Want {
		known = append(known, k.Key)
	}
	return known, false, nil
}

// address is a name in the form that knownhosts looks up: with a port.
func address(name string) string {
	if _, _, err := net.SplitHostPort(name); err != nil {
		return net.JoinHostPort(name, "22")
	}
	return name
}

// record writes a key down, in one write at the file's end.
func (h HostKeys) record(name string, key ssh.PublicKey) error {
	if err := os.MkdirAll(filepath.Dir(h.File), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(h.File, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	line := knownhosts.Line([]string{knownhosts.Normalize(address(name))}, key) + "\n"
	if !endsLine(f) {
		line = "\n" + line
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// endsLine reports whether a file is empty or ends with a line's end.
func endsLine(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return true
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] == '\n'
}

func mismatch(addr string, key ssh.PublicKey, want string) error {
	return &op.Error{Kind: op.PermissionDenied, Code: "host_key", Message: fmt.Sprintf(
		"the host key of %s is %s (%s), and %s: somebody may be in between", addr, ssh.FingerprintSHA256(key), key.Type(), want)}
}

// ConsoleKeys returns the host keys that cloud-init wrote to a machine's console,
// for [HostKeys].Pinned: what the provider itself reports. There are none before
// the machine has started.
func ConsoleKeys(console string) []string {
	var keys []string
	inside := false
	for lines := bufio.NewScanner(strings.NewReader(console)); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.Contains(line, "-----BEGIN SSH HOST KEY KEYS-----"):
			inside, keys = true, nil // the last start counts
		case strings.Contains(line, "-----END SSH HOST KEY KEYS-----"):
			inside = false
		case inside:
			// A console may put something before a line.
			for kind := range algorithms {
				if i := strings.Index(line, kind+" "); i >= 0 {
					if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line[i:])); err == nil {
						keys = append(keys, strings.TrimSpace(line[i:]))
						break
					}
				}
			}
		}
	}
	if inside {
		return nil // it is still being written
	}
	return keys
}
