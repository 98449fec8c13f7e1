package lab

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A Fault is something that a network or a server does wrong.
type Fault string

const (
	Drop       Fault = "drop"       // the connection is closed instead of an answer
	Error500   Fault = "500"        // the server has failed
	Error503   Fault = "503"        // the server has too much to do
	Truncate   Fault = "truncate"   // the answer's body ends in the middle
	CorruptGet Fault = "corruptget" // a byte of an object that is read is another one
	CorruptPut Fault = "corruptput" // a byte of an object that is written is another one
	Stall      Fault = "stall"      // the answer's body stands still, for ever
)

// Faults are all of them.
var Faults = []Fault{Drop, Error500, Error503, Truncate, CorruptGet, CorruptPut, Stall}

// A Flaky is a proxy in front of an HTTP server that lets some requests go wrong.
type Flaky struct {
	URL string

	target *url.URL
	client *http.Client

	mu     sync.Mutex
	fault  Fault
	rate   float64
	random *rand.Rand
	hits   int
}

// NewFlaky puts a proxy in front of a server. The server's clients see the proxy's
// address, and what they signed stays as it is.
func NewFlaky(t testing.TB, target string, seed uint64) *Flaky {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	f := &Flaky{target: u, random: rand.New(rand.NewPCG(seed, 1)), client: &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	s := httptest.NewServer(f)
	f.URL = s.URL
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		s.CloseClientConnections()
		s.Close()
	})
	return f
}

// Set has so many of all requests go wrong in that way.
func (f *Flaky) Set(fault Fault, rate float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.rate, f.hits = fault, rate, 0
}

// Hits is how many requests have gone wrong since Set.
func (f *Flaky) Hits() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// draw decides a request's fate, and where in a body it strikes.
func (f *Flaky) draw(of ...Fault) (Fault, float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fault := range of {
		if fault == f.fault && f.random.Float64() < f.rate {
			f.hits++
			return fault, f.random.Float64()
		}
	}
	return "", 0
}

func (f *Flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	object := strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
	switch fault, _ := f.draw(Drop, Error500, Error503); fault {
	case Drop:
		panic(http.ErrAbortHandler)
	case Error500, Error503:
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(map[Fault]int{Error500: http.StatusInternalServerError, Error503: http.StatusServiceUnavailable}[fault])
		return
	}
	body := io.Reader(r.Body)
	if r.Method == http.MethodPut && object && r.ContentLength > 0 {
		if fault, at := f.draw(CorruptPut); fault != "" {
			body = &corrupted{Reader: r.Body, at: int64(at * float64(r.ContentLength))}
		}
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, f.target.String(), body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out.URL = &url.URL{Scheme: f.target.Scheme, Host: f.target.Host, Opaque: "//" + f.target.Host + r.URL.EscapedPath(), RawQuery: r.URL.RawQuery}
	out.Header, out.Host, out.ContentLength = r.Header.Clone(), r.Host, r.ContentLength
	if r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	resp, err := f.client.Do(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	answer := io.Reader(resp.Body)
	if r.Method == http.MethodGet && object && resp.StatusCode/100 == 2 && resp.ContentLength > 0 {
		switch fault, at := f.draw(Truncate, CorruptGet, Stall); fault {
		case CorruptGet:
			answer = &corrupted{Reader: resp.Body, at: int64(at * float64(resp.ContentLength))}
		case Truncate, Stall:
			part := io.LimitReader(resp.Body, int64(at*float64(resp.ContentLength)))
			answer = &broken{Reader: part, stall: fault == Stall, ctx: r.Context()}
		}
	}
	header := w.Header()
	for k, v := range resp.Header {
		header[k] = v
	}
	w.WriteHeader(resp.StatusCode)
	buf := make([]byte, 64<<10)
	for {
		n, err := answer.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}
}

// corrupted changes the byte at a place.
type corrupted struct {
	io.Reader
	at int64
}

func (c *corrupted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.at >= 0 && c.at < int64(n) {
		p[c.at] ^= 0x20
		c.at = -1
	} else if c.at >= 0 {
		c.at -= int64(n)
	}
	return n, err
}

// broken ends with an error, or not at all as long as its client waits.
type broken struct {
	io.Reader
	stall bool
	ctx   context.Context
}

func (b *broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		if b.stall && n == 0 {
			<-b.ctx.Done()
		}
		if n == 0 {
			return 0, io.ErrUnexpectedEOF
		}
		err = nil
	}
	return n, err
}
