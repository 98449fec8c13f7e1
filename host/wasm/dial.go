package wasm

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A network is what one connection of a module reaches.
type network struct {
	allowed allowList
	slots   map[string]*slot
	client  *http.Client
}

func (m *Module) network(config map[string]any, named map[string]bool, secrets map[string]op.Secret) (*network, error) {
	n := &network{slots: map[string]*slot{}}
	var err error
	if n.allowed, err = newAllowList(m.description.Hosts, config, named); err != nil {
		return nil, err
	}
	for _, c := range m.description.Credentials {
		s, err := m.slot(c, config, named, secrets)
		if err != nil {
			return nil, err
		}
		n.slots[c.Name] = s
	}
	d := dialer{allowed: n.allowed, resolve: m.options.Resolve}
	n.client = &http.Client{
		Transport: &http.Transport{
			// A proxy would connect to where the guest says, unseen.
			Proxy:                  nil,
			DialContext:            d.dial,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			MaxResponseHeaderBytes: 256 << 10,
			// What comes in and is not read is the host's memory, for every request of a call.
			HTTP2:           &http.HTTP2Config{MaxReceiveBufferPerConnection: 64 << 20},
			WriteBufferSize: 64 << 10,
			ReadBufferSize:  64 << 10,
			// The guest says what it accepts, and gets what the provider sent.
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return n, nil
}

// A dialer connects to public addresses, and to those that the user named. It
// resolves a name once and connects to what it has checked: a name that means
// something else a moment later changes nothing.
type dialer struct {
	allowed allowList
	resolve func(context.Context, string) ([]netip.Addr, error)
	direct  net.Dialer
}

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port := splitPort(address)
	var addrs []netip.Addr
	if ip, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{ip}
	} else if addrs, err = d.resolve(ctx, host); err != nil {
		return nil, op.Errorf(op.Unavailable, "the name %.200s cannot be resolved: %w", host, err)
	}
	named := d.allowed.named(host, port)
	var errs []error
	for _, ip := range addrs {
		if !named && !public(ip) {
			errs = append(errs, op.Errorf(op.PermissionDenied, "%.200s is at %s, which is not a public address; only the user's configuration can allow that, by naming the host", host, ip))
			continue
		}
		conn, err := d.direct.DialContext(ctx, network, netip.AddrPortFrom(ip.Unmap(), portNumber(port)).String())
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil, op.Errorf(op.Unavailable, "the name %.200s has no address", host)
	}
	// A refusal says more than a connection that failed.
	for _, err := range errs {
		if op.KindOf(err) == op.PermissionDenied {
			return nil, err
		}
	}
	return nil, errors.Join(errs...)
}

func portNumber(port string) uint16 {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
