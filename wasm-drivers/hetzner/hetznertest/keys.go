package hetznertest

import (
	"crypto/md5"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

func (s *Server) keyRoutes() {
	s.handle("POST /ssh_keys", 201, func(c *call) (object, error) {
		public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(c.in["public_key"].(string)))
		if err != nil {
			return nil, invalid("public_key: %v", err)
		}
		if err := s.fresh("ssh_keys", c.in, 0); err != nil {
			return nil, err
		}
		sum := md5.Sum(public.Marshal())
		fingerprint := strings.ReplaceAll(fmt.Sprintf("% x", sum[:]), " ", ":")
		for _, k := range s.all["ssh_keys"].items {
			if k["fingerprint"] == fingerprint {
				return nil, refuse(409, "uniqueness_error", "SSH key with the same fingerprint already exists")
			}
		}
		k := s.add("ssh_keys", c.in, object{"public_key": c.in["public_key"], "fingerprint": fingerprint})
		return object{"ssh_key": k}, nil
	})
	s.updates("ssh_keys")
	s.deletes("ssh_keys", nil)
}

func (s *Server) imageRoutes() {
	s.handle("PUT /images/{id}", 200, func(c *call) (object, error) {
		o, err := s.find("images", c.id)
		if err == nil && o["type"] == "system" {
			err = refuse(403, "forbidden", "system images cannot be changed")
		}
		if err == nil {
			err = s.fresh("images", c.in, c.id)
		}
		if err != nil {
			return nil, err
		}
		for _, f := range []string{"description", "labels", "type"} {
			if v, ok := c.in[f]; ok {
				o[f] = v
			}
		}
		return object{"image": o}, nil
	})
	s.protects("images")
	s.deletes("images", func(o object) error {
		if o["type"] == "system" || o["type"] == "app" {
			return refuse(403, "forbidden", "only snapshots and backups can be deleted")
		}
		return nil
	})
}
