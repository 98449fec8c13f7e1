package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// An exchange is one request that is under way, and its response.
type exchange struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the response's head is there, or err
	err    error
	resp   *http.Response
	body   *source // the response's
	sent   abi.Info
	late   bool        // goes on for a while when the call is given up
	memory *held       // the request's body, until it is known to be sent
	unbind func() bool // from the module's end
	once   sync.Once
}

// over reports whether the request was answered, or failed.
func (x *exchange) over() bool {
	select {
	case <-x.done:
		return true
	default:
		return false
	}
}

// wait waits for the response's head.
func (x *exchange) wait(ctx context.Context) error {
	if x.late {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-x.done:
		return x.err
	case <-ctx.Done():
		return op.AsError(context.Cause(ctx))
	}
}

// release ends the request, wherever it is.
func (x *exchange) release() {
	x.once.Do(func() {
		x.unbind()
		x.cancel(context.Canceled)
		<-x.done
		if x.resp != nil {
			_ = x.resp.Body.Close()
		}
	})
}

// A payload is a request's body: one of a source, which can be read once,
// memory, and a spool.
type payload struct {
	source *source
	data   []byte // in memory
	held   *held  // that which data is of, if it was taken
	spool  *spool
}

func (p payload) reader() (io.Reader, int64) {
	switch {
	case p.source != nil:
		return p.source, p.source.left()
	case p.spool != nil:
		return p.spool.reader()
	case len(p.data) > 0:
		return bytes.NewReader(p.data), int64(len(p.data))
	}
	return nil, 0
}

// forbidden are headers that are the host's affair: what they say is how the
// message is framed and where it goes.
var forbidden = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "Te", "Trailer", "Keep-Alive"}

// begin checks a request and sends it on its way.
func (c *call) begin(message []byte, body payload, memory *held) (int32, error) {
	if c.net == nil {
		return 0, c.denied("http_send")
	}
	if c.requests++; c.requests > c.limits.Requests {
		return 0, op.Errorf(op.Internal, "the driver made more than %d requests in one call", c.limits.Requests)
	}
	var s abi.Send
	if err := json.Unmarshal(message, &s); err != nil {
		return 0, op.Errorf(op.Internal, "http_send: %w", err)
	}
	if err := c.net.check(s); err != nil {
		return 0, err
	}
	parent := c.caller
	if s.Cleanup {
		parent = c.hard
	}
	ctx, cancel := context.WithCancelCause(parent)
	x := &exchange{cancel: cancel, done: make(chan struct{}), late: s.Cleanup, memory: memory, unbind: func() bool { return true }}
	if !s.Cleanup {
		x.unbind = context.AfterFunc(c.closed, func() { cancel(context.Cause(c.closed)) })
	}
	if body.held != nil {
		body.held.use()
	}
	c.running.Go(func() {
		defer close(x.done)
		if body.held != nil {
			defer body.held.release()
		}
		stop := func() bool { return true }
		if s.TimeoutMS > 0 {
			stop = time.AfterFunc(time.Duration(s.TimeoutMS)*time.Millisecond, func() {
				cancel(op.Errorf(op.Timeout, "%s answered nothing within %d ms", hostOf(s.URL), s.TimeoutMS))
			}).Stop
		}
		x.resp, x.sent, x.err = c.net.exchange(ctx, s, body)
		if !stop() && x.err == nil {
			x.resp.Body.Close()
			x.resp, x.err = nil, context.Cause(ctx)
		}
		if x.err != nil {
			x.err = requestError(ctx, s.URL, x.err)
			cancel(nil)
			return
		}
		x.body = newSource(&responseBody{ctx, newPatient(x.resp.Body, c.limits.Silence, cancel)}, x.resp.ContentLength)
	})
	return c.add(x), nil
}

// responseBody says why a body broke off: the context knows better.
type responseBody struct {
	ctx context.Context
	r   io.Reader
}

func (b *responseBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); cause != nil {
			err = op.AsError(cause)
		} else {
			err = op.Errorf(op.Unavailable, "the response broke off: %w", err)
		}
	}
	return n, err
}

func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Host
	}
	return "the provider"
}

// requestError is err in the contract's words, without the address, whose
// query may be private.
func requestError(ctx context.Context, address string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return op.AsError(cause)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	return op.Errorf(op.Unavailable, "the request to %.200s failed: %w", hostOf(address), err)
}

// check refuses what a guest may not ask for.
func (n *network) check(s abi.Send) error {
	if _, err := n.parse(s.URL); err != nil {
		return err
	}
	if strings.EqualFold(s.Method, "CONNECT") || strings.EqualFold(s.Method, "TRACE") {
		return op.Errorf(op.PermissionDenied, "the method %s is not there", s.Method)
	}
	if !slices.Contains([]string{"", "follow", "manual"}, s.Redirect) {
		return op.Errorf(op.Internal, "http_send: redirect: %.40q is neither follow nor manual", s.Redirect)
	}
	own := ""
	if s.Auth != "" {
		slot, ok := n.slots[s.Auth]
		if !ok {
			return op.Errorf(op.Internal, "http_send: the driver has no credential %.40q", s.Auth)
		}
		own = slot.header()
	}
	for name := range s.Headers {
		name = http.CanonicalHeaderKey(name)
		if slices.Contains(forbidden, name) || strings.HasPrefix(name, "Proxy-") || name == http.CanonicalHeaderKey(own) && own != "" {
			return op.Errorf(op.PermissionDenied, "a driver may not set the header %.80s", name)
		}
	}
	return nil
}

// parse reads an address that requests may go to.
func (n *network) parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, op.Errorf(op.PermissionDenied, "a request to %.80q, which is no address", address)
	}
	u.Fragment, u.RawFragment = "", ""
	_, err = n.allowed.find(u)
	return u, err
}

const (
	maxRedirects = 5
	firstPause   = 100 * time.Millisecond
	maxPause     = 5 * time.Second
)

// exchange sends a request, again if that does no harm, and follows redirects.
func (n *network) exchange(ctx context.Context, s abi.Send, body payload) (*http.Response, abi.Info, error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		resp, sent, err := n.follow(ctx, s, body)
		if !s.Repeatable || body.source != nil || !passing(resp, err) || ctx.Err() != nil || !op.TakeRetry(ctx) {
			return resp, sent, err
		}
		if resp != nil {
			resp.Body.Close()
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, sent, ctx.Err()
		case <-timer.C:
		}
	}
}

// passing reports whether a request failed in a way that may pass.
func passing(resp *http.Response, err error) bool {
	if err != nil {
		e, ok := errors.AsType[*op.Error](err)
		return !ok || e.Kind == op.Unavailable
	}
	return slices.Contains([]int{429, 500, 502, 503, 504}, resp.StatusCode)
}

func (n *network) follow(ctx context.Context, s abi.Send, body payload) (*http.Response, abi.Info, error) {
	first, err := n.parse(s.URL)
	if err != nil {
		return nil, abi.Info{}, err
	}
	u := first
	for hop := 0; ; hop++ {
		resp, sent, err := n.once(ctx, s, u, body, sameOrigin(u, first))
		if err != nil || s.Redirect == "manual" || s.Method != "GET" && s.Method != "HEAD" {
			return resp, sent, err
		}
		to := resp.Header.Get("Location")
		if !slices.Contains([]int{301, 302, 303, 307, 308}, resp.StatusCode) || to == "" {
			return resp, sent, nil
		}
		resp.Body.Close()
		if hop == maxRedirects {
			return nil, sent, op.Errorf(op.Unavailable, "%s redirects more than %d times", first.Host, maxRedirects)
		}
		next, err := u.Parse(to)
		if err == nil {
			next, err = n.parse(next.String())
		}
		if err != nil {
			return nil, sent, op.Errorf(op.PermissionDenied, "%s redirects to where the driver may not go: %w", u.Host, err)
		}
		u = next
	}
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && canonical(a.Hostname()) == canonical(b.Hostname()) && portOf(a) == portOf(b)
}

// once sends a request to u. Credentials go along only if trusted.
func (n *network) once(ctx context.Context, s abi.Send, u *url.URL, body payload, trusted bool) (*http.Response, abi.Info, error) {
	reader, length := body.reader()
	// A reader that is not nil makes the client send a body, even an empty one.
	var counted *source
	var content io.Reader
	if reader != nil {
		counted = newSource(reader, length)
		counted.summed = body.held != nil
		content = struct{ io.Reader }{counted}
	}
	r, err := http.NewRequestWithContext(ctx, s.Method, u.String(), content)
	if err != nil {
		return nil, abi.Info{}, op.Errorf(op.Internal, "http_send: %w", err)
	}
	if counted != nil {
		r.ContentLength = length
		if length == 0 {
			r.Body = http.NoBody
		}
	}
	for name, value := range s.Headers {
		r.Header.Set(name, value)
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "cloudlark")
	}
	switch {
	case !trusted:
		r.Header.Del("Authorization")
		r.Header.Del("Cookie")
		if slot, ok := n.slots[s.Auth]; ok {
			r.Header.Del(slot.header())
		}
	case s.Auth != "":
		if err := n.slots[s.Auth].add(ctx, r, body.data); err != nil {
			return nil, abi.Info{}, err
		}
	}
	resp, err := n.client.Do(r)
	var sent abi.Info
	if counted != nil {
		counted.leave() // the transport may still be at it when the answer came early
		if counted.summed {
			if counted.crc = body.held.crc; counted.moved < length {
				counted.crc = crc32.Checksum(body.data[:counted.moved], castagnoli)
			}
		}
		sent = counted.info(false)
	}
	if err != nil {
		if counted != nil && counted.err != nil && counted.err != io.EOF && ctx.Err() == nil {
			cause := counted.err
			err = &op.Error{Kind: op.KindOf(cause), Message: "reading the body: " + cause.Error(), Err: cause}
		}
		return nil, sent, err
	}
	return resp, sent, nil
}

// head is the response's head for the guest.
func (x *exchange) head() abi.Head {
	h := abi.Head{Status: x.resp.StatusCode, URL: x.resp.Request.URL.String(), Headers: make(map[string]string, len(x.resp.Header)),
		Length: x.resp.ContentLength, Sent: x.sent}
	for name, values := range x.resp.Header {
		h.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return h
}
