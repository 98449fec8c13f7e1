//go:build !wasip1

package sim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A proxyPlan is a balancer that is to run, and the address that is its own.
type proxyPlan struct {
	lb.Balancer
	ip      string
	members []memberPlan
}

// A proxy is a balancer that runs. It is a server for requests, of http and https,
// or for connections, of tcp and tls; the members that it chooses from are a pool's.
type proxy struct {
	pool pool

	mu     sync.Mutex
	plan   proxyPlan
	front  *front
	failed error // why there is no front
}

func newProxy(want proxyPlan) *proxy {
	p := &proxy{}
	p.pool.members = map[string]*backend{}
	p.update(want)
	return p
}

// update makes the proxy what it is to be now.
func (p *proxy) update(want proxyPlan) {
	p.pool.update(want)
	p.mu.Lock()
	defer p.mu.Unlock()
	moved := p.plan.Port != want.Port || p.plan.Protocol != want.Protocol || p.plan.Certificate != want.Certificate
	p.plan = want
	if p.front != nil && !moved {
		return
	}
	old := p.front
	if p.front, p.failed = listen(&p.pool, want); p.front == nil {
		p.front = old // it goes on as it was, and says why
		return
	}
	if old != nil {
		old.close()
	}
}

// show says where the balancer listens.
func (p *proxy) show(b *lb.Balancer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.Extra = map[string]any{}
	if p.failed != nil {
		b.Extra["error"] = p.failed.Error()
	}
	if p.front == nil {
		b.State = lb.Error
		return
	}
	at := p.front.listener.Addr().(*net.TCPAddr)
	b.Address, b.Port = at.IP.String(), at.Port
	b.Extra["url"] = fmt.Sprintf("%s://%s", b.Protocol, at)
	if p.front.certificate != "" {
		b.Extra["certificate_pem"] = p.front.certificate
	}
}

func (p *proxy) health(member string) lb.Health { return p.pool.health(member) }

// idle are the members that leave and have nothing left to do.
func (p *proxy) idle() []string { return p.pool.idle() }

func (p *proxy) close() {
	p.mu.Lock()
	front := p.front
	p.mu.Unlock()
	if front != nil {
		front.close()
	}
	p.pool.close()
}

// A front is where a proxy listens.
type front struct {
	listener    net.Listener
	certificate string // the PEM of it, with TLS
	end         context.CancelFunc
	server      *http.Server // of http and https
	done        sync.WaitGroup
}

// listen opens a front: on the balancer's port, of its own address or of the usual
// one, or on any other.
func listen(pool *pool, want proxyPlan) (*front, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(want.ip, fmt.Sprint(want.Port)))
	if err != nil {
		listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(want.Port)))
	}
	if err != nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &front{listener: listener, end: cancel}
	serving := listener
	if want.Protocol == lb.HTTPS || want.Protocol == lb.TLS {
		certificate, text, err := selfSigned(listener.Addr().(*net.TCPAddr).IP)
		if err != nil {
			listener.Close()
			cancel()
			return nil, err
		}
		f.certificate, serving = text, tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	if want.Protocol == lb.HTTP || want.Protocol == lb.HTTPS {
		f.server = &http.Server{Handler: pool.web(), ReadHeaderTimeout: 30 * time.Second, ErrorLog: silence,
			BaseContext: func(net.Listener) context.Context { return ctx }}
		f.done.Go(func() { _ = f.server.Serve(serving) }) // it ends with close
	} else {
		f.done.Go(func() { f.accept(ctx, serving, pool) })
	}
	return f, nil
}

func (f *front) close() {
	f.end()
	f.listener.Close()
	if f.server != nil {
		f.server.Close()
	}
	f.done.Wait()
}

func (f *front) accept(ctx context.Context, listener net.Listener, pool *pool) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return // it is closed
		}
		f.done.Go(func() { pool.carry(ctx, c) })
	}
}

// silence is a log for what is the business of a client or a member alone.
var silence = log.New(io.Discard, "", 0)

var dialer = net.Dialer{Timeout: 5 * time.Second}

// web hands on requests. Each has a connection to its member for itself, so that a
// member that has gone is noticed before anything was sent to it, and the
// request can go to another.
func (p *pool) web() http.Handler {
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return p.roundTrip(transport, r) }),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetXForwarded()
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", "member", r.In.Host
		},
		FlushInterval: -1, // at once: what is followed is not held back
		ErrorLog:      silence,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if errors.Is(err, errNobody) {
				http.Error(w, "no healthy member", http.StatusServiceUnavailable)
				return
			}
			http.Error(w, "the member failed", http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{client: clientOf(r.RemoteAddr)}
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), visitKey{}, v))
		v.cancel = cancel
		defer cancel()
		defer p.leave(v) // a response that is cut off panics
		proxy.ServeHTTP(w, r.WithContext(ctx))
	})
}

type visitKey struct{}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (p *pool) roundTrip(transport http.RoundTripper, r *http.Request) (*http.Response, error) {
	v := r.Context().Value(visitKey{}).(*visit)
	body := r.Body
	for {
		target, err := p.choose(v)
		if err != nil {
			return nil, err
		}
		try := r.Clone(r.Context())
		if try.URL.Host = target; body != nil {
			try.Body = io.NopCloser(body) // it is still there for another if there was no connection
		}
		answer, err := transport.RoundTrip(try)
		if !unreached(err) || r.Context().Err() != nil {
			return answer, err
		}
		p.leave(v)
	}
}

// unreached reports whether an error is one of connecting, before anything was sent.
func unreached(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}

func clientOf(address string) netip.Addr {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr()
}

// carry hands a connection on, until both sides have ended.
func (p *pool) carry(ctx context.Context, client net.Conn) {
	defer client.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := &visit{client: clientOf(client.RemoteAddr().String()), cancel: cancel}
	defer p.leave(v)
	var member net.Conn
	for member == nil {
		target, err := p.choose(v)
		if err != nil {
			return
		}
		if member, err = dialer.DialContext(ctx, "tcp", target); err != nil {
			if ctx.Err() != nil {
				return
			}
			p.leave(v)
		}
	}
	defer member.Close()
	defer context.AfterFunc(ctx, func() { client.Close(); member.Close() })()
	var back sync.WaitGroup
	back.Go(func() { hand(client, member, cancel) })
	hand(member, client, cancel)
	back.Wait()
}

// hand copies one direction, and passes its end on. One that breaks ends both.
func hand(to, from net.Conn, broken func()) {
	if _, err := io.Copy(to, from); err != nil {
		broken()
		return
	}
	if c, ok := to.(interface{ CloseWrite() error }); !ok || c.CloseWrite() != nil {
		broken()
	}
}

// selfSigned makes a certificate for an address, and its PEM.
func selfSigned(ip net.IP) (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, "", err
	}
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "Cloudlark's embedded cloud"}, IPAddresses: []net.IP{ip}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

var errNobody = op.Errorf(op.Unavailable, "no healthy member")
