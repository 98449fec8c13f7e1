package libvirt

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kdomanski/iso9660"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A seed is what cloud-init finds at a node's first start: the data source
// NoCloud, a small CD with the label cidata.
type seed struct {
	id, name, key, userData string
	macs                    []string
}

func seedImage(s seed) ([]byte, error) {
	meta := fmt.Sprintf("instance-id: %s\nlocal-hostname: %s\n", s.id, hostName(s.name))
	if s.key != "" {
		meta += "public-keys:\n  - " + s.key + "\n"
	}
	user := s.userData
	if user == "" {
		user = "#cloud-config\n"
	}
	files := map[string]string{"meta-data": meta, "user-data": user}
	if len(s.macs) > 1 { // by itself, cloud-init would configure one interface alone
		var b strings.Builder
		b.WriteString("version: 2\nethernets:\n")
		for i, mac := range s.macs {
			fmt.Fprintf(&b, "  nic%d:\n    match: {macaddress: %q}\n    dhcp4: true\n", i, mac)
		}
		files["network-config"] = b.String()
	}
	w, err := iso9660.NewWriter()
	if err != nil {
		return nil, op.Errorf(op.Internal, "making the seed: %w", err)
	}
	defer w.Cleanup()
	for name, text := range files {
		if err := w.AddFile(strings.NewReader(text), name); err != nil {
			return nil, op.Errorf(op.Internal, "making the seed: %w", err)
		}
	}
	var b bytes.Buffer
	if err := w.WriteTo(&b, "cidata"); err != nil {
		return nil, op.Errorf(op.Internal, "making the seed: %w", err)
	}
	return b.Bytes(), nil
}

// hostName makes a host name of a node's name: letters, digits and hyphens.
func hostName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
	if len(name) > 63 {
		name = name[:63]
	}
	if name = strings.Trim(name, "-"); name == "" {
		name = "node"
	}
	return name
}
