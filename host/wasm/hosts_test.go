package wasm

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestPublic(t *testing.T) {
	for _, s := range []string{
		"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.1.1", "192.0.1.1", "198.17.1.1", "223.255.255.255",
		"2606:4700::1111", "2a01:4f8::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2600::", "3ffe::1",
	} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.170.2",
		"172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
		"239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:7f00:1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe",
		"64:ff9b::ffff:7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:1::1", "2001::1", "2001:0:53aa:64c:0:0:80ff:fffe", "2001:10::1",
		"2001:20::1", "2001:db8::1", "100::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fec0::1", "ff02::1", "3fff::1", "5f00::1", "4000::1", "fe80::1%lo", "2606:4700::1%lo",
	} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is not public")
	}
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestAllowList: what each form allows, and nothing beside it.
func TestAllowList(t *testing.T) {
	type named = map[string]bool
	for name, c := range map[string]struct {
		patterns []string
		config   map[string]any
		named    named
		yes, no  []string
	}{
		"a host": {patterns: []string{"api.example.com"},
			yes: []string{"https://api.example.com", "https://API.Example.COM/x?y#z", "https://api.example.com.", "https://api.example.com:443", "https://api.example.com:"},
			no: []string{"http://api.example.com", "https://api.example.com:80", "https://api.example.com:8443", "https://x.api.example.com", "https://example.com",
				"https://api.example.com..", "https://api.example.com.evil.com", "https://evil-api.example.com", "https://u@api.example.com", "https://u:p@api.example.com",
				"wss://api.example.com", "ftp://api.example.com", "https://api。example.com", "https://аpi.example.com", "https://xn--pi-7ba.example.com", "https://[::1]"}},
		"a port": {patterns: []string{"api.example.com:8443"},
			yes: []string{"https://api.example.com:8443"}, no: []string{"https://api.example.com", "http://api.example.com:8443", "https://api.example.com:08443"}},
		"any under": {patterns: []string{"*.example.com"},
			yes: []string{"https://a.example.com", "https://a.b.example.com", "https://A.EXAMPLE.com."},
			no:  []string{"https://example.com", "https://aexample.com", "https://a.example.com:444", "https://a.example.com.evil.com", "http://a.example.com"}},
		"a value": {patterns: []string{"s3.{region}.example.com"}, config: map[string]any{"region": "EU-1"},
			yes: []string{"https://s3.eu-1.example.com"}, no: []string{"https://s3.eu-2.example.com", "https://s3.example.com"}},
		"the module's address": {patterns: []string{"{endpoint}"}, config: map[string]any{"endpoint": "https://api.example.com/v1"},
			yes: []string{"https://api.example.com/v2"}, no: []string{"http://api.example.com", "https://api.example.com:8443", "https://x.api.example.com"}},
		"the user's address": {patterns: []string{"{endpoint}", "*.{endpoint}"}, config: map[string]any{"endpoint": "http://LocalHost:9000/x"}, named: named{"endpoint": true},
			yes: []string{"http://localhost:9000/y", "http://bucket.localhost:9000"}, no: []string{"https://localhost:9000", "http://localhost", "http://localhost:9001", "http://127.0.0.1:9000"}},
		"an address as it likes": {patterns: []string{"{endpoint}"}, config: map[string]any{"endpoint": "http://[::FFFF:127.0.0.1]"}, named: named{"endpoint": true},
			yes: []string{"http://127.0.0.1", "http://[::ffff:7f00:1]", "http://127.0.0.1."}, no: []string{"http://127.1", "http://2130706433", "http://[::1]"}},
		"a host of the user": {patterns: []string{"{endpoint}"}, config: map[string]any{"endpoint": "nas.local:5001"}, named: named{"endpoint": true},
			yes: []string{"https://nas.local:5001"}, no: []string{"http://nas.local:5001", "https://nas.local"}},
		"no value": {patterns: []string{"{endpoint}"}, no: []string{"https://api.example.com", "https://<nil>", "https://"}},
		"nothing":  {no: []string{"https://api.example.com", "https://localhost", "https://"}},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := newAllowList(c.patterns, c.config, c.named)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range c.yes {
				if r, err := l.find(mustURL(t, s)); err != nil || r.named != (c.named != nil) {
					t.Errorf("%s: %+v, %v", s, r, err)
				}
			}
			for _, s := range c.no {
				if _, err := l.find(mustURL(t, s)); err == nil {
					t.Errorf("%s was allowed", s)
				}
			}
		})
	}
}

func TestAllowListErrors(t *testing.T) {
	for name, c := range map[string]struct {
		pattern, value string
		named          bool
		want           string
	}{
		"the module's own http":    {"{x}", "http://api.example.com", false, "is not https"},
		"a file":                   {"{x}", "file:///etc/passwd", true, "is no address"},
		"no host":                  {"{x}", "https://", true, "is no address"},
		"a word":                   {"{x}", "https://a b", true, "is no address"},
		"a value that ends a host": {"s3.{x}.example.com", "evil.com/", true, "cannot be made of"},
		"a value with a port":      {"s3.{x}.example.com", "evil.com:443", true, "cannot be made of"},
		"a value with a user":      {"s3.{x}.example.com", "a@evil.com", true, "cannot be made of"},
		"a value with a question":  {"s3.{x}.example.com", "evil.com?", true, "cannot be made of"},
		"a value with a line":      {"s3.{x}.example.com", "a\nb", true, "cannot be made of"},
		"a value in another alphabet": {"s3.{x}.example.com", "ｅvil", true,
			"cannot be made of"},
	} {
		if l, err := newAllowList([]string{c.pattern}, map[string]any{"x": c.value}, map[string]bool{"x": c.named}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want %q", name, l, err, c.want)
		}
	}
}

// TestNamed: private addresses are for what the user named, at its port.
func TestNamed(t *testing.T) {
	l, err := newAllowList([]string{"{mine}", "*.{mine}", "{its}", "api.example.com"}, map[string]any{"mine": "http://box.local:9000", "its": "https://own.example.com"}, map[string]bool{"mine": true})
	if err != nil {
		t.Fatal(err)
	}
	for hostPort, want := range map[string]bool{"box.local:9000": true, "BOX.local.:9000": true, "b.box.local:9000": true, "box.local:80": false, "own.example.com:443": false, "api.example.com:443": false} {
		host, port := splitPort(hostPort)
		if got := l.named(host, port); got != want {
			t.Errorf("%s: %v", hostPort, got)
		}
	}
}

// FuzzAllowList: a URL that is allowed has the host of the rule that allows it,
// and what the client makes of the URL is no other host.
func FuzzAllowList(f *testing.F) {
	for _, s := range []string{"https://api.example.com", "https://API.example.com.:443/x", "https://a.b.example.org", "https://u@api.example.com", "https://api.example.com\\@evil.com",
		"https://api.example.com%2f.evil.com", "https:api.example.com", "//api.example.com", "https://[::ffff:1.2.3.4]", "http://box.local:9000", "https://s3.eu.example.com"} {
		f.Add(s, "eu", "http://box.local:9000")
	}
	f.Add("https://s3.evil.com", "evil.com/", "::1")
	f.Add("https://s3.x", "", "https://[::1]:8080/x")
	f.Fuzz(func(t *testing.T, address, region, endpoint string) {
		patterns := []string{"api.example.com", "*.example.org", "s3.{region}.example.com", "{endpoint}"}
		l, err := newAllowList(patterns, map[string]any{"region": region, "endpoint": endpoint}, map[string]bool{"endpoint": true})
		if err != nil {
			if l, err = newAllowList(patterns[:2], nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		n := &network{allowed: l}
		u, err := n.parse(address)
		if err != nil {
			return
		}
		sent, err := url.Parse(u.String())
		if err != nil {
			return // the client refuses it
		}
		if sent.Host != u.Host || sent.Scheme != u.Scheme || sent.User != nil {
			t.Fatalf("%q is checked as %q and sent as %q", address, u.Host, sent.Host)
		}
		host := canonical(sent.Hostname())
		if !slices.ContainsFunc(l, func(r rule) bool { return r.covers(host) && r.port == portOf(sent) && r.scheme == sent.Scheme }) {
			t.Fatalf("%q was allowed", address)
		}
		if strings.ContainsAny(host, "/\\@?#\r\n\x00 ") {
			t.Fatalf("%q has the host %q", address, host)
		}
	})
}

// TestIsDefault: what the module gives is not what the user has set, in
// whatever way the module writes it.
func TestIsDefault(t *testing.T) {
	fields := []abi.Field{{Name: "s", Default: "http://x"}, {Name: "i", Type: "int", Default: "+017"}, {Name: "u", Type: "int", Unit: "s", Default: "5m"},
		{Name: "f", Type: "float", Default: "1.50"}, {Name: "b", Type: "bool", Default: "T"}, {Name: "l", Type: "list", Default: "a, b"}, {Name: "d", Type: "dict", Default: "a=b"}}
	own := []any{"http://x", int64(17), int64(300), 1.5, true, []string{"a", "b"}, map[string]string{"a": "b"}}
	other := []any{"http://x/", int64(18), int64(5), 1.51, false, []string{"a"}, map[string]string{"a": "c"}}
	typ := abi.TypeOf(fields)
	for i := range fields {
		if f := &typ.Fields[i]; !isDefault(f, own[i]) || isDefault(f, other[i]) {
			t.Errorf("%s: %v %v", f.Name, isDefault(f, own[i]), isDefault(f, other[i]))
		}
	}
}

// TestDialer: a refusal is said even if another address could not be reached,
// and nothing is connected to that was not checked.
func TestDialer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port := splitPort(l.Addr().String())
	asked := 0
	d := dialer{resolve: func(context.Context, string) ([]netip.Addr, error) {
		asked++
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}}
	for _, address := range []string{"api.example.com", "127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "2130706433", "localhost"} {
		if c, err := d.dial(t.Context(), "tcp", address+":"+port); op.KindOf(err) != op.PermissionDenied {
			t.Errorf("%s: %v, %v", address, c, err)
		}
	}
	d.allowed = allowList{{scheme: "http", host: "box.local", port: port, named: true}}
	asked = 0
	c, err := d.dial(t.Context(), "tcp", "box.local:"+port)
	if err != nil || asked != 1 {
		t.Fatalf("the user's own: %v, asked %d times", err, asked)
	}
	c.Close()
	if _, err := d.dial(t.Context(), "tcp", "box.local:1"); op.KindOf(err) != op.PermissionDenied {
		t.Errorf("another port of it: %v", err)
	}
	d.resolve = func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	if _, err := d.dial(t.Context(), "tcp", "box.local:"+port); op.KindOf(err) != op.Unavailable {
		t.Errorf("no address: %v", err)
	}
}
