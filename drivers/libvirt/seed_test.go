package libvirt

import (
	"bytes"
	"io"
	"testing"

	"github.com/kdomanski/iso9660"
)

func TestSeed(t *testing.T) {
	data, err := seedImage(seed{id: "1-2-3", name: "Küche 1", key: "ssh-ed25519 AAAA", userData: "#!/bin/sh\n", macs: []string{"52:54:00:00:00:01", "52:54:00:00:00:02"}})
	if err != nil {
		t.Fatal(err)
	}
	cd, err := iso9660.OpenImage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if label, err := cd.Label(); err != nil || label != "cidata" {
		t.Errorf("the label is %q, %v", label, err)
	}
	root, err := cd.RootDir()
	if err != nil {
		t.Fatal(err)
	}
	files, err := root.GetChildren()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		text, err := io.ReadAll(f.Reader())
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name()] = string(text)
	}
	for name, want := range map[string]string{
		"meta-data": "instance-id: 1-2-3\nlocal-hostname: k-che-1\npublic-keys:\n  - ssh-ed25519 AAAA\n",
		"user-data": "#!/bin/sh\n",
		"network-config": "version: 2\nethernets:\n  nic0:\n    match: {macaddress: \"52:54:00:00:00:01\"}\n    dhcp4: true\n" +
			"  nic1:\n    match: {macaddress: \"52:54:00:00:00:02\"}\n    dhcp4: true\n",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}
