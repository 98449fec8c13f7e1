package lib

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/drivers/op"
)

const (
	httpTimeout = 30 * time.Second // unless the script says otherwise
	maxResponse = 16 << 20
)

// httpModule is http: get(url, headers={}, timeout=30), post(url, body, …) and
// request(method, url, …), to hosts that are granted. The answer has status,
// headers and body. A status of 400 and more is an answer, not an error.
//
// A name is granted, but what is dialled is an address: one that is this
// machine, its network, or the cloud's metadata is refused unless a grant names
// the address itself, or a network of addresses that has it. It is looked at when it is dialled, so no name can change
// in between. A redirect is looked at like a request of its own.
func httpModule(granted []string) *starlarkstruct.Module {
	c := &httpClient{granted: granted}
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: c.control}
	c.client = &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 8, IdleConnTimeout: 10 * time.Second},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) >= 10 {
				return errors.New("more than 10 redirects")
			}
			return c.allowed(r.URL)
		},
	}
	return module("http", map[string]function{
		"get":     c.builtin(http.MethodGet, false),
		"post":    c.builtin(http.MethodPost, true),
		"request": c.builtin("", true),
	})
}

type httpClient struct {
	granted []string
	client  *http.Client
}

func (c *httpClient) builtin(method string, hasBody bool) function {
	return func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		method := method
		var address string
		var body starlark.Value = starlark.String("")
		var headers *starlark.Dict
		var timeout starlark.Value
		var pairs []any
		if method == "" {
			pairs = append(pairs, "method", &method)
		}
		pairs = append(pairs, "url", &address)
		if hasBody {
			pairs = append(pairs, "body?", &body)
		}
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, append(pairs, "headers?", &headers, "timeout?", &timeout)...); err != nil {
			return nil, err
		}
		src, err := reader(b.Name(), body)
		if err != nil {
			return nil, err
		}
		limit, err := Duration(timeout, httpTimeout)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "%s: timeout: %w", b.Name(), err)
		}
		ctx, cancel := context.WithTimeout(Context(t), limit)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, strings.ToUpper(method), address, src)
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "%s: %w", b.Name(), err)
		}
		if err := c.allowed(req.URL); err != nil {
			return nil, err
		}
		if headers != nil {
			for _, kv := range headers.Items() {
				k, ok1 := starlark.AsString(kv[0])
				v, ok2 := starlark.AsString(kv[1])
				if !ok1 || !ok2 {
					return nil, op.Errorf(op.InvalidArgument, "%s: headers: want a dict of strings", b.Name())
				}
				req.Header.Set(k, v)
			}
		}
		return c.do(b.Name(), req)
	}
}

func (c *httpClient) do(builtin string, req *http.Request) (starlark.Value, error) {
	resp, err := c.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*op.Error](err); ok {
			return nil, e
		}
		kind := op.Unavailable
		if req.Context().Err() != nil {
			kind = op.KindOf(req.Context().Err())
		}
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the query, which may hold a secret
		}
		return nil, op.Errorf(kind, "%s: %s: %w", builtin, req.URL.Host, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return nil, op.Errorf(op.Unavailable, "%s: %s: %w", builtin, req.URL.Host, err)
	}
	if len(data) > maxResponse {
		return nil, op.Errorf(op.InvalidArgument, "%s: %s answered with more than %d MiB", builtin, req.URL.Host, maxResponse>>20)
	}
	headers := starlark.NewDict(len(resp.Header))
	for k, v := range resp.Header {
		if err := headers.SetKey(starlark.String(strings.ToLower(k)), starlark.String(strings.Join(v, ", "))); err != nil {
			return nil, err
		}
	}
	return starlarkstruct.FromStringDict(starlark.String("response"), starlark.StringDict{
		"status": starlark.MakeInt(resp.StatusCode), "headers": headers, "body": starlark.String(data),
	}), nil
}

// allowed reports whether a URL's host is granted by name.
func (c *httpClient) allowed(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return op.Errorf(op.InvalidArgument, "http: %q is no URL that begins with http:// or https://", u.Redacted())
	}
	if HostGranted(c.granted, u.Host) || HostGranted(c.granted, u.Hostname()) {
		return nil
	}
	return op.Errorf(op.PermissionDenied, "http: the host %s is not granted: allow it with --allow-http %s, or with http in the [policy] of cloudlark.toml", u.Host, u.Host)
}

// HostGranted reports whether a host is granted: by a pattern of its name, its
// address or a network of addresses.
func HostGranted(granted []string, host string) bool {
	addr, err := netip.ParseAddr(host)
	return slices.ContainsFunc(granted, func(g string) bool {
		if err == nil && withinNetwork(g, addr) {
			return true
		}
		ok, perr := path.Match(strings.ToLower(g), strings.ToLower(host))
		return perr == nil && ok
	})
}

// withinNetwork reports whether a grant is a network that has the address.
func withinNetwork(granted string, addr netip.Addr) bool {
	network, err := netip.ParsePrefix(granted)
	return err == nil && network.Contains(addr.Unmap())
}

// control looks at the address that is about to be dialled.
func (c *httpClient) control(_, address string, _ syscall.RawConn) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := addr.Addr().Unmap()
	inside := slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
	if ip.IsGlobalUnicast() && !ip.IsPrivate() && !inside {
		return nil
	}
	for _, g := range c.granted {
		// The address itself, its network, or a name that can mean no other machine.
		if g == ip.String() || g == address || withinNetwork(g, ip) || ip.IsLoopback() && (g == "localhost" || g == fmt.Sprintf("localhost:%d", addr.Port())) {
			return nil
		}
	}
	return op.Errorf(op.PermissionDenied, "http: the address %s is this machine's or its network's: grant the address itself, or its network, to reach it", ip)
}

// special are addresses that look like the world's and are not.
var special = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"),    // carrier-grade NAT: Alibaba's metadata
	netip.MustParsePrefix("192.0.0.0/24"),     // Oracle's metadata
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's metadata
	netip.MustParsePrefix("198.18.0.0/15"),    // tests of networks
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved: routed inside of some clouds
	netip.MustParsePrefix("64:ff9b::/96"),     // IPv4 in IPv6
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"),
}
