package wasm

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// An allowList is where requests may go. It is made of patterns and a
// connection's configuration; docs/driver-abi.md has the forms.
type allowList []rule

// A rule allows one host, or with wildcard every name under it, at one port.
type rule struct {
	scheme, host, port string
	wildcard           bool
	named              bool // by the user: private addresses too
}

var hostValue = regexp.MustCompile(`^[a-z0-9.-]+$`)

// newAllowList expands patterns. named tells which configuration values the
// user has set, rather than the module.
func newAllowList(patterns []string, config map[string]any, named map[string]bool) (allowList, error) {
	var list allowList
	for _, p := range patterns {
		rest, wildcard := strings.CutPrefix(p, "*.")
		refs := abi.References(rest)
		if len(refs) == 1 && rest == "{"+refs[0]+"}" { // a whole address
			name := refs[0]
			value := fmt.Sprint(config[name])
			if config[name] == nil || value == "" {
				continue
			}
			r, err := ruleOf(value)
			if err != nil {
				return nil, op.Errorf(op.InvalidArgument, "%s: %w", name, err)
			}
			if r.named = named[name]; !r.named && r.scheme != "https" {
				return nil, op.Errorf(op.PermissionDenied, "%s: the module's own default %q is not https", name, value)
			}
			r.wildcard = wildcard
			list = append(list, r)
			continue
		}
		expanded := strings.ToLower(abi.Expand(p, func(name string) string { return fmt.Sprint(config[name]) }))
		host, port, ok := strings.Cut(strings.TrimPrefix(expanded, "*."), ":")
		if !ok {
			port = "443"
		}
		if !hostValue.MatchString(host) || portNumber(port) == 0 {
			return nil, op.Errorf(op.InvalidArgument, "the host %s cannot be made of %s: a value has more than letters, digits, \"-\" and \".\"", p, strings.Join(refs, ", "))
		}
		list = append(list, rule{scheme: "https", host: strings.TrimSuffix(host, "."), port: port, wildcard: wildcard})
	}
	return list, nil
}

// ruleOf reads an address: a URL, or a host with or without a port.
func ruleOf(address string) (rule, error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return rule{}, fmt.Errorf("%.200q is no address like https://api.example.com", address)
	}
	return rule{scheme: u.Scheme, host: canonical(u.Hostname()), port: portOf(u)}, nil
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// canonical is a host as rules have it: in lower case, without a dot at the
// end, and an address in its shortest form.
func canonical(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return host
}

// find returns the rule that allows u.
func (l allowList) find(u *url.URL) (rule, error) {
	if u.Scheme != "https" && u.Scheme != "http" {
		return rule{}, op.Errorf(op.PermissionDenied, "a request to %.80q: only http and https are there", u.Scheme+"://…")
	}
	if u.User != nil {
		return rule{}, op.Errorf(op.PermissionDenied, "a request to %.200s with a user name in its address", u.Host)
	}
	host, port := canonical(u.Hostname()), portOf(u)
	for _, r := range l {
		if r.scheme == u.Scheme && r.port == port && r.covers(host) {
			return r, nil
		}
	}
	return rule{}, op.Errorf(op.PermissionDenied, "a request to %.200s, which the driver was not granted", u.Scheme+"://"+u.Host)
}

func (r rule) covers(host string) bool {
	if r.wildcard {
		return strings.HasSuffix(host, "."+r.host)
	}
	return host == r.host
}

// named reports whether the user named this host and port, so that its
// addresses may be private.
func (l allowList) named(host, port string) bool {
	host = canonical(host)
	for _, r := range l {
		if r.named && r.port == port && r.covers(host) {
			return true
		}
	}
	return false
}

// notPublic are the ranges that no provider's API is in and that net/netip
// does not tell by itself.
var notPublic = func() []netip.Prefix {
	var list []netip.Prefix
	for _, s := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "3fff::/20",
		"168.63.129.16/32"} { // Azure's own service for its machines
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}()

var (
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
	sixTo = netip.MustParsePrefix("2002::/16")
	open6 = netip.MustParsePrefix("2000::/3") // what was ever given out of IPv6
)

// public reports whether an address is one of the open Internet: not of this
// machine, of a private network, of a link with its metadata service, nor one
// of these written as IPv6.
func public(ip netip.Addr) bool {
	if ip.Zone() != "" {
		return false
	}
	ip = ip.Unmap()
	if ip.Is6() {
		b := ip.As16()
		switch {
		case nat64.Contains(ip):
			return public(netip.AddrFrom4([4]byte(b[12:16])))
		case sixTo.Contains(ip):
			return public(netip.AddrFrom4([4]byte(b[2:6])))
		case !open6.Contains(ip):
			return false
		}
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// splitPort is net.SplitHostPort for an address that has a port for certain.
func splitPort(address string) (host, port string) {
	host, port, _ = net.SplitHostPort(address)
	return host, port
}
