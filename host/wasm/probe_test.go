package wasm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
)

const secret = "hidden-in-the-test"

// A probe is a module that does what it is told, behind a connection.
type probe struct {
	t    *testing.T
	conn *drivers.Conn
	log  *lines
}

// lines is a log in memory.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newProbe(t *testing.T, config map[string]any, limits wasm.Limits, resolve func(context.Context, string) ([]netip.Addr, error)) *probe {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
			goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("internal/poll.runtime_pollWait")); err != nil {
			t.Errorf("after everything is closed: %v", err)
		}
	})
	p := &probe{t: t, log: &lines{}}
	m := wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "./testdata/probe"), Grant: wasm.Grant{All: true}, Limits: limits},
		wasm.Options{Logger: slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Resolve: resolve})
	if config == nil {
		config = map[string]any{}
	}
	if config["token"] == nil {
		config["token"] = op.Secret(secret)
	}
	p.conn = drivertest.Opener(m.Providers()[0], config)(t, nil)
	t.Cleanup(func() { p.conn.Close() })
	return p
}

type command struct {
	Do      string      `json:"do"`
	Send    abi.Send    `json:"send,omitzero"`
	Body    string      `json:"body,omitempty"`
	Presign abi.Presign `json:"presign,omitzero"`
	N       int         `json:"n,omitempty"`
	Text    string      `json:"text,omitempty"`
}

type outcome struct {
	Head  *abi.Head  `json:"head"`
	Body  string     `json:"body"`
	Text  string     `json:"text"`
	Error *abi.Error `json:"error"`
}

// try tells the probe to do something; the error is the call's own.
func (p *probe) try(ctx context.Context, c command) (outcome, error) {
	data, err := json.Marshal(c)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := drivers.Call[compute.ConsoleOutput](ctx, p.conn, compute.GetConsoleOutput{Node: string(data)})
	if err != nil {
		return outcome{}, err
	}
	var o outcome
	if err := json.Unmarshal([]byte(out.Text), &o); err != nil {
		p.t.Fatal(err)
	}
	return o, nil
}

func (p *probe) do(c command) outcome {
	p.t.Helper()
	o, err := p.try(p.t.Context(), c)
	if err != nil {
		p.t.Fatal(err)
	}
	return o
}

// healthy checks that the next call is served.
func (p *probe) healthy() {
	p.t.Helper()
	if o := p.do(command{Do: "count"}); o.Text == "" {
		p.t.Errorf("the next call: %+v", o)
	}
}

// broken checks that a call ends with an error that names the driver.
func (p *probe) broken(c command, kind op.Kind, want string) {
	p.t.Helper()
	_, err := p.try(p.t.Context(), c)
	wantError(p.t, err, kind, want)
	p.healthy()
}

func wantError(t *testing.T, err error, kind op.Kind, want string) {
	t.Helper()
	e := op.AsError(err)
	if e == nil || e.Kind != kind || !strings.Contains(e.Message, want) {
		t.Fatalf("want an error of kind %s with %q, got %v", kind, want, err)
	}
	if e.Provider == "" {
		t.Errorf("the error does not name the driver: %v", err)
	}
	if strings.Contains(err.Error(), "goroutine ") || strings.Contains(err.Error(), ".go:") {
		t.Errorf("the error has a stack in it: %v", err)
	}
}

func TestBreakdowns(t *testing.T) {
	p := newProbe(t, nil, wasm.Limits{Grace: 50 * time.Millisecond}, nil)
	p.broken(command{Do: "memory"}, op.Internal, "broke down")
	p.broken(command{Do: "recursion"}, op.Internal, "broke down")
	p.broken(command{Do: "panic", Text: "the reason"}, op.Internal, "the reason")
	p.broken(command{Do: "exit", N: 3}, op.Internal, "exited with code 3")
	if p.do(command{Do: "files"}); strings.Contains(p.do(command{Do: "files"}).Text, "opened") {
		t.Errorf("a file was opened: %s", p.do(command{Do: "files"}).Text)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 20 {
		p.broken(command{Do: "panic", Text: "again"}, op.Internal, "again")
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapInuse) - int64(before.HeapInuse); grown > 32<<20 {
		t.Errorf("twenty breakdowns left %d MiB", grown>>20)
	}
}

// TestEnds gives calls up that would go on for ever.
func TestEnds(t *testing.T) {
	p := newProbe(t, nil, wasm.Limits{Grace: 100 * time.Millisecond}, nil)
	p.healthy() // an instance is there
	for _, what := range []string{"loop", "stubborn"} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := p.try(ctx, command{Do: what})
		cancel()
		wantError(t, err, op.Timeout, "was ended")
		p.healthy()

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		_, err = p.try(ctx, command{Do: what})
		wantError(t, err, op.Canceled, "was ended")
		p.healthy()
	}
	// One that heeds the host answers itself, and its instance lives on.
	before := p.do(command{Do: "count"}).Text
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	_, err := p.try(ctx, command{Do: "sleep", N: 60_000})
	if err == nil {
		t.Error("a call that was given up slept on")
	} else if strings.Contains(err.Error(), "was ended") {
		t.Errorf("an honest guest was ended: %v", err)
	}
	if after := p.do(command{Do: "count"}).Text; len(after) < len(before) || after <= before {
		t.Errorf("the instance was replaced: it had served %s calls, then %s", before, after)
	}
}

func TestLimits(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	p := newProbe(t, map[string]any{"endpoint": s.URL}, wasm.Limits{Requests: 5, LogLines: 10, Spool: 3 << 20, Message: 1 << 20}, nil)
	get := abi.Send{Method: "GET", URL: s.URL}
	if o := p.do(command{Do: "send", Send: get, N: 5}); o.Error != nil {
		t.Errorf("five requests: %+v", o.Error)
	}
	if o := p.do(command{Do: "send", Send: get, N: 6}); o.Error == nil || !strings.Contains(o.Error.Message, "more than 5 requests") {
		t.Errorf("six requests: %+v", o)
	}
	if o := p.do(command{Do: "spool", N: 3}); o.Error != nil {
		t.Errorf("3 MiB: %+v", o.Error)
	}
	if o := p.do(command{Do: "spool", N: 4}); o.Error == nil || !strings.Contains(o.Error.Message, "more than 3145728 bytes") {
		t.Errorf("4 MiB: %+v", o)
	}
	p.do(command{Do: "log", N: 5000, Text: "flood"})
	p.do(command{Do: "stderr", N: 5000, Text: "deluge"})
	if n := strings.Count(p.log.String(), "flood"); n != 10 {
		t.Errorf("%d lines were logged, want 10", n)
	}
	if n := strings.Count(p.log.String(), "deluge"); n != 10 {
		t.Errorf("%d lines were logged, want 10", n)
	}
	if n := strings.Count(p.log.String(), "logs too much"); n != 2 {
		t.Errorf("the log says %d times that lines were dropped, want 2", n)
	}
	_, err := p.try(t.Context(), command{Do: "echo", Text: strings.Repeat("x", 2<<20)})
	wantError(t, err, op.InvalidArgument, "a driver takes 1048576")
	p.broken(command{Do: "answer", N: 2 << 20}, op.Internal, "longer than a message")
}

func TestHandlesEndWithTheirCall(t *testing.T) {
	p := newProbe(t, nil, wasm.Limits{Instances: 1}, nil)
	p.do(command{Do: "keep"})
	if o := p.do(command{Do: "kept"}); o.Error == nil || !strings.Contains(o.Error.Message, "is of no stream") {
		t.Errorf("a handle of an earlier call: %+v", o)
	}
}

// TestForbiddenHosts asks for what was not granted, in every spelling.
func TestForbiddenHosts(t *testing.T) {
	reached := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	port := u.Port()
	resolve := func(_ context.Context, host string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil // a name can mean anything
	}
	p := newProbe(t, nil, wasm.Limits{}, resolve)
	for _, address := range []string{
		s.URL, "http://localhost:" + port, "http://LOCALHOST:" + port, "http://127.1:" + port, "http://2130706433:" + port,
		"http://0x7f000001:" + port, "http://0177.0.0.1:" + port, "http://127.0.0.1.:" + port, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port,
		"http://[64:ff9b::7f00:1]:" + port, "http://[2002:7f00:1::]:" + port, "http://0:" + port, "http://[::]:" + port,
		"http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "http://metadata.google.internal/",
		"http://api.probe.example", "https://api.probe.example:8443", "https://api.probe.example.evil.example", "https://evil.example/api.probe.example",
		"https://api.probe.example@evil.example", "https://user:password@api.probe.example", "https://wild.example", "https://evilwild.example",
		"https://a.wild.example:444", "https://api.probe.example\\@evil.example", "https://api.probe.example%2eevil.example", "https://api.probe.example%00.evil.example",
		"https://xn--pi-probe-example", "file:///etc/passwd", "ftp://api.probe.example", "gopher://api.probe.example", "//api.probe.example", "api.probe.example", "", "https://", "https:///x",
		"https://s3.eu-1.example.evil.example", "https://s3.eu-2.example", "https://api.probe.example\r\nHost: evil.example", "https://api.probe.example /",
	} {
		o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: address}})
		if o.Error == nil || o.Error.Kind != op.PermissionDenied {
			t.Errorf("%q: %+v", address, o)
		}
	}
	// What is granted is refused all the same where its name leads to this machine.
	for _, address := range []string{"https://api.probe.example", "https://API.PROBE.EXAMPLE.", "https://a.wild.example", "https://a.b.wild.example", "https://s3.eu-1.example"} {
		o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: address}})
		if o.Error == nil || o.Error.Kind != op.PermissionDenied || !strings.Contains(o.Error.Message, "not a public address") {
			t.Errorf("%q: %+v", address, o)
		}
	}
	for name, values := range map[string]string{"Host": "evil", "host": "evil", "Content-Length": "9", "Transfer-Encoding": "chunked", "Connection": "close",
		"proxy-authorization": "x", "Upgrade": "h2c", "TE": "trailers", "Expect": "100-continue", "X-A\r\nX-B": "x", "X-C": "a\r\nX-D: b"} {
		o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: "https://api.probe.example", Headers: map[string]string{name: values}}})
		if o.Error == nil {
			t.Errorf("the header %q: %+v", name, o)
		}
	}
	if o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: "https://a.wild.example", Auth: "token"}}); o.Error == nil || !strings.Contains(o.Error.Message, `the credential "token" may not go to`) {
		t.Errorf("a credential for another host: %+v", o)
	}
	if reached {
		t.Error("a server of this machine was reached")
	}
	p.healthy()
}

// TestRebinding resolves a name to a public address when it is looked at, and
// to this machine a moment later.
func TestRebinding(t *testing.T) {
	var mu sync.Mutex
	n := 0
	resolve := func(context.Context, string) ([]netip.Addr, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		if n == 1 {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("fe80::1%lo")}, nil
		}
		return nil, fmt.Errorf("asked again")
	}
	p := newProbe(t, nil, wasm.Limits{}, resolve)
	o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: "https://api.probe.example"}})
	if o.Error == nil || o.Error.Kind != op.PermissionDenied || n != 1 {
		t.Errorf("after %d questions: %+v", n, o)
	}
}

func TestRedirects(t *testing.T) {
	var elsewhere *httptest.Server
	var seen []string
	var mu sync.Mutex
	note := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Host+r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Cookie"))
	}
	elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { note(r) }))
	defer elsewhere.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		switch r.URL.Path {
		case "/metadata":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/metadata6":
			http.Redirect(w, r, "http://[fd00:ec2::254]/", http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/same":
			http.Redirect(w, r, "/there", http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/port":
			u, _ := url.Parse(elsewhere.URL)
			http.Redirect(w, r, "http://sub.127.0.0.1:"+u.Port()+"/", http.StatusFound)
		}
	}))
	defer s.Close()
	p := newProbe(t, map[string]any{"endpoint": s.URL}, wasm.Limits{}, nil)
	get := func(path, mode string) outcome {
		return p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: s.URL + path, Auth: "token", Redirect: mode, Headers: map[string]string{"Cookie": "c=1"}}})
	}
	for _, path := range []string{"/metadata", "/metadata6", "/elsewhere", "/file", "/port"} {
		if o := get(path, ""); o.Error == nil || o.Error.Kind != op.PermissionDenied || !strings.Contains(o.Error.Message, "redirects to where") {
			t.Errorf("%s: %+v", path, o)
		}
	}
	if o := get("/metadata", "manual"); o.Error != nil || o.Head.Status != 302 {
		t.Errorf("the redirect itself: %+v", o)
	}
	if o := get("/loop", ""); o.Error == nil || !strings.Contains(o.Error.Message, "more than 5 times") {
		t.Errorf("a circle: %+v", o)
	}
	if o := get("/same", "follow"); o.Error != nil || o.Head.Status != 200 || !strings.HasSuffix(o.Head.URL, "/there") {
		t.Errorf("a redirect to the same host: %+v", o)
	}
	if last := seen[len(seen)-1]; !strings.Contains(last, "/there Bearer "+secret+" c=1") {
		t.Errorf("the same host was sent %q", last)
	}
	if o := p.do(command{Do: "send", Send: abi.Send{Method: "POST", URL: s.URL + "/same"}}); o.Head.Status != 302 {
		t.Errorf("a POST was led on: %+v", o)
	}
	for _, s := range seen {
		if strings.HasPrefix(s, strings.TrimPrefix(elsewhere.URL, "http://")) {
			t.Errorf("another host was reached: %s", s)
		}
	}
}

// TestRedirectToAnotherGrantedHost drops the credentials.
func TestRedirectToAnotherGrantedHost(t *testing.T) {
	other := make(chan http.Header, 1)
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "sub.") {
			other <- r.Header
			return
		}
		u, _ := url.Parse(s.URL)
		http.Redirect(w, r, "http://sub.probe.test:"+u.Port(), http.StatusFound)
	}))
	defer s.Close()
	u, _ := url.Parse(s.URL)
	resolve := func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	p := newProbe(t, map[string]any{"endpoint": "http://probe.test:" + u.Port(), "key": op.Secret("key-" + secret)}, wasm.Limits{}, resolve)
	for _, slot := range []string{"token", "key"} {
		o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: "http://probe.test:" + u.Port(), Auth: slot, Headers: map[string]string{"Cookie": "c=1"}}})
		if o.Error != nil || o.Head.Status != 200 {
			t.Fatalf("%+v", o)
		}
		h := <-other
		if h.Get("Authorization") != "" || h.Get("X-Api-Key") != "" || h.Get("Cookie") != "" {
			t.Errorf("another host was sent %v", h)
		}
	}
}

func TestCredentials(t *testing.T) {
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.Header.Clone() }))
	defer s.Close()
	p := newProbe(t, map[string]any{"endpoint": s.URL, "key": op.Secret("k" + secret), "username": op.Secret("ann"), "password": op.Secret("p" + secret),
		"access_key_id": op.Secret("AKIDEXAMPLE"), "secret_access_key": op.Secret("s" + secret), "session_token": op.Secret("t" + secret)}, wasm.Limits{}, nil)
	for slot, want := range map[string]func(http.Header) bool{
		"token": func(h http.Header) bool { return h.Get("Authorization") == "Bearer "+secret },
		"key":   func(h http.Header) bool { return h.Get("X-Api-Key") == "key k"+secret },
		"login": func(h http.Header) bool {
			r := http.Request{Header: h}
			user, password, ok := r.BasicAuth()
			return ok && user == "ann" && password == "p"+secret
		},
		"aws": func(h http.Header) bool {
			return strings.HasPrefix(h.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") && strings.Contains(h.Get("Authorization"), "/eu-1/s3/aws4_request") &&
				h.Get("X-Amz-Security-Token") == "t"+secret && len(h.Get("X-Amz-Content-Sha256")) == 64
		},
	} {
		o := p.do(command{Do: "send", Send: abi.Send{Method: "PUT", URL: s.URL + "/x", Auth: slot}, Body: "hello"})
		if o.Error != nil || !want(got) {
			t.Errorf("%s: %+v, the server got %v", slot, o, got)
		}
		if text := fmt.Sprintf("%+v", o); strings.Contains(text, secret) {
			t.Errorf("%s: the guest saw the secret: %s", slot, text)
		}
	}
	for _, header := range []string{"Authorization", "authorization"} {
		o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: s.URL, Auth: "token", Headers: map[string]string{header: "mine"}}})
		if o.Error == nil || o.Error.Kind != op.PermissionDenied {
			t.Errorf("the slot's own header: %+v", o)
		}
	}
	o := p.do(command{Do: "presign", Presign: abi.Presign{Method: "GET", URL: s.URL + "/bucket/a%20b", Auth: "aws", ExpiresMS: 60_000}})
	if o.Error != nil || !strings.Contains(o.Text, "X-Amz-Expires=60") || !strings.Contains(o.Text, "X-Amz-Signature=") || strings.Contains(o.Text, "s"+secret) {
		t.Errorf("presigned: %+v", o)
	}
	if o := p.do(command{Do: "presign", Presign: abi.Presign{Method: "GET", URL: "https://evil.example", Auth: "aws"}}); o.Error == nil || o.Error.Kind != op.PermissionDenied {
		t.Errorf("presigned for another host: %+v", o)
	}
	if o := p.do(command{Do: "echo"}); strings.Contains(o.Text, secret) || !strings.Contains(o.Text, "eu-1") {
		t.Errorf("the guest sees %s", o.Text)
	}
	if strings.Contains(p.log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

func TestMissingCredential(t *testing.T) {
	m := wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "./testdata/probe"), Grant: wasm.Grant{All: true}}, wasm.Options{})
	_, err := m.Providers()[0].Open(t.Context(), "probe", nil)
	wantError(t, err, op.Unauthenticated, `set "token" or $PROBE_TOKEN`)

	got := ""
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer s.Close()
	env := wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "./testdata/probe"), Grant: wasm.Grant{All: true}},
		wasm.Options{Getenv: func(name string) string { return map[string]string{"PROBE_TOKEN": secret}[name] }})
	p := &probe{t: t, conn: drivertest.Opener(env.Providers()[0], map[string]any{"endpoint": s.URL})(t, nil)}
	defer p.conn.Close()
	if o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: s.URL, Auth: "token"}}); o.Error != nil || got != "Bearer "+secret {
		t.Errorf("from the environment: %+v, the server got %q", o, got)
	}
	if o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: s.URL, Auth: "login"}}); o.Error == nil || o.Error.Kind != op.Unauthenticated {
		t.Errorf("an optional credential that is not there: %+v", o)
	}
}

// TestSlowServers end with the limit that is theirs, and nothing is left.
func TestSlowServers(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			fmt.Fprint(w, "a")
			w.(http.Flusher).Flush()
		}
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(stop)
	p := newProbe(t, map[string]any{"endpoint": s.URL}, wasm.Limits{Silence: 50 * time.Millisecond, Grace: 50 * time.Millisecond}, nil)
	o := p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: s.URL + "/drip"}})
	if o.Error == nil || o.Error.Kind != op.Timeout || !strings.Contains(o.Error.Message, "sent nothing for 50ms") {
		t.Errorf("a body that stops: %+v", o)
	}
	o = p.do(command{Do: "send", Send: abi.Send{Method: "GET", URL: s.URL + "/never", TimeoutMS: 50}})
	if o.Error == nil || o.Error.Kind != op.Timeout || !strings.Contains(o.Error.Message, "answered nothing within 50 ms") {
		t.Errorf("no answer: %+v", o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	o, err := p.try(ctx, command{Do: "send", Send: abi.Send{Method: "GET", URL: s.URL + "/never"}})
	if err != nil || o.Error == nil || o.Error.Kind != op.Timeout {
		t.Errorf("a deadline: %+v, %v", o, err)
	}
	p.healthy()
}

// TestManyAtOnce uses more goroutines than there are instances.
func TestManyAtOnce(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
	defer s.Close()
	p := newProbe(t, map[string]any{"endpoint": s.URL}, wasm.Limits{Instances: 3, Idle: 10 * time.Millisecond}, nil)
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			for j := range 10 {
				path := fmt.Sprintf("/%d/%d", i, j)
				o, err := p.try(t.Context(), command{Do: "send", Send: abi.Send{Method: "GET", URL: s.URL + path}})
				if err != nil || o.Body != path {
					t.Errorf("%s: %+v, %v", path, o, err)
				}
			}
		})
	}
	wg.Wait()
}
