package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// A puppet is a driver of compute, storage and containers that does what its
// test says: act is called for every attempt, the first is 1.
type puppet struct {
	act    func(ctx context.Context, attempt int) error
	honour bool // the token

	mu     sync.Mutex
	tokens []string
	bodies []string
	n      int
}

func (p *puppet) attempt(ctx context.Context) error {
	p.mu.Lock()
	p.n++
	n := p.n
	p.tokens = append(p.tokens, op.Token(ctx))
	p.mu.Unlock()
	return p.act(ctx, n)
}

func (p *puppet) HonoursToken(o *op.Op) bool { return p.honour }

func (p *puppet) GetNode(ctx context.Context, in compute.GetNode) (compute.Node, error) {
	return compute.Node{ID: in.Node}, p.attempt(ctx)
}
func (p *puppet) ListNodes(ctx context.Context, in compute.ListNodes) iter.Seq2[compute.Node, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]compute.Node, string, error) {
		next := map[string]string{"": "2", "2": "3"}[cursor]
		return []compute.Node{{ID: "n" + cursor}}, next, p.attempt(ctx)
	})
}
func (p *puppet) CreateNode(ctx context.Context, in compute.CreateNode) (compute.Node, error) {
	return compute.Node{ID: "n-1", Name: in.Name}, p.attempt(ctx)
}
func (p *puppet) StartNode(ctx context.Context, _ compute.StartNode) error     { return p.attempt(ctx) }
func (p *puppet) RebootNode(ctx context.Context, _ compute.RebootNode) error   { return p.attempt(ctx) }
func (p *puppet) DestroyNode(ctx context.Context, _ compute.DestroyNode) error { return p.attempt(ctx) }

// Native answers with its arguments.
func (p *puppet) Native(ctx context.Context, in native.Call) (native.Answer, error) {
	return native.Answer{Value: in.Arguments}, p.attempt(ctx)
}
func (p *puppet) NativePages(ctx context.Context, in native.Pages) iter.Seq2[native.Answer, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]native.Answer, string, error) {
		next := map[string]string{"": "2", "2": "3"}[cursor]
		return []native.Answer{{Value: map[string]any{"page": cursor}}}, next, p.attempt(ctx)
	})
}
func (p *puppet) NativeEffect(operation string) op.Effect { return native.RESTEffect(operation) }

func (p *puppet) PutObject(ctx context.Context, in storage.PutObject) (storage.Object, error) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return storage.Object{}, err
	}
	p.mu.Lock()
	p.bodies = append(p.bodies, string(body))
	p.mu.Unlock()
	return storage.Object{Bucket: in.Bucket, Name: in.Name}, p.attempt(ctx)
}

// ReadObject answers with a body that breaks off when its context ends, as
// those of HTTP do.
func (p *puppet) ReadObject(ctx context.Context, in storage.ReadObject) (storage.Download, error) {
	return storage.Download{Body: &bound{ctx, strings.NewReader("the whole body")}}, p.attempt(ctx)
}

type bound struct {
	ctx context.Context
	io.Reader
}

func (b *bound) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p[:1])
}
func (b *bound) Close() error { return nil }

func (p *puppet) GetContainerLogs(ctx context.Context, _ container.GetContainerLogs) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		if err := p.attempt(ctx); err != nil {
			yield(container.LogLine{}, err)
			return
		}
		yield(container.LogLine{Text: "hello"}, nil)
	}
}

func (p *puppet) provider(name string, f *op.Family) *drivers.Provider {
	secretive := struct {
		Password string `json:"admin_password"`
	}{}
	return drivers.New(drivers.Info{Name: name, Title: "Puppet", Family: f, Extras: map[string]any{"create_node": secretive}},
		func(context.Context, struct{}) (*puppet, error) { return p, nil })
}

// stage opens a puppet through a host's chain.
func stage(t *testing.T, p *puppet, f *op.Family, o Options) *drivers.Conn {
	t.Helper()
	o.Drivers = append(o.Drivers, p.provider("puppet", f))
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := h.Open(t.Context(), f.Name, "puppet", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func failOnce(kind op.Kind) func(context.Context, int) error {
	return func(_ context.Context, attempt int) error {
		if attempt == 1 {
			return op.Errorf(kind, "as the test wants")
		}
		return nil
	}
}

func allow(context.Context, int) error { return nil }

// TestRetryRules asks of every kind of operation whether it is repeated after
// every kind of error.
func TestRetryRules(t *testing.T) {
	always := []op.Kind{op.RateLimited}
	harmless := []op.Kind{op.RateLimited, op.Unavailable, op.Timeout}
	for _, c := range []struct {
		what   string
		in     any
		honour bool
		retry  []op.Kind
	}{
		{"reads", compute.GetNode{Node: "n"}, false, harmless},
		{"creates", compute.CreateNode{Name: "n", Size: "s", Image: "i"}, false, always},
		{"creates, token honoured", compute.CreateNode{Name: "n", Size: "s", Image: "i"}, true, harmless},
		{"changes", compute.RebootNode{Node: "n"}, false, always},
		{"changes, token honoured", compute.RebootNode{Node: "n"}, true, harmless},
		{"changes, repeatable", compute.StartNode{Node: "n"}, false, harmless},
		{"deletes", compute.DestroyNode{Node: "n"}, false, harmless},
		{"native, reads", native.Call{Operation: "GET /x"}, false, harmless},
		{"native, deletes", native.Call{Operation: "DELETE /x"}, false, always},
	} {
		for _, kind := range op.Kinds {
			t.Run(c.what+"/"+string(kind), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := &puppet{act: failOnce(kind), honour: c.honour}
					conn := stage(t, p, compute.Family, Options{})
					o, _ := compute.Family.For(c.in)
					_, err := conn.Do(t.Context(), o, c.in)
					if slices.Contains(c.retry, kind) {
						if err != nil || p.n != 2 {
							t.Fatalf("%d attempts, %v; want 2 and success", p.n, err)
						}
						reads := (&op.Request{Op: o, In: c.in, Driver: p}).Effect() == op.Reads
						if !reads && p.tokens[0] != p.tokens[1] {
							t.Errorf("the attempts had different tokens: %q", p.tokens)
						}
					} else if p.n != 1 || op.KindOf(err) != kind {
						t.Fatalf("%d attempts, %v; want 1 and the error", p.n, err)
					}
				})
			})
		}
	}
}

func TestTokens(t *testing.T) {
	p := &puppet{act: allow}
	conn := stage(t, p, compute.Family, Options{})
	in := compute.CreateNode{Name: "n", Size: "s", Image: "i"}
	for _, ctx := range []context.Context{t.Context(), t.Context(), op.WithToken(t.Context(), "the caller's")} {
		if _, err := drivers.Call[compute.Node](ctx, conn, in); err != nil {
			t.Fatal(err)
		}
	}
	if p.tokens[0] == p.tokens[1] || p.tokens[2] != "the caller's" {
		t.Errorf("tokens %q; want one a call, and the caller's where it gave one", p.tokens)
	}
}

// TestDeleteTwice: what an attempt of unknown outcome deleted is deleted.
func TestDeleteTwice(t *testing.T) {
	for _, c := range []struct {
		first, second op.Kind
		honour        bool
		want          op.Kind
	}{
		{op.Unavailable, op.NotFound, false, ""},
		{op.Timeout, op.NotFound, false, ""},
		{op.RateLimited, op.NotFound, false, op.NotFound}, // the first had no effect
		{op.Unavailable, op.Conflict, false, op.Conflict},
		{op.Unavailable, op.NotFound, true, op.NotFound}, // it would know of its own deletion
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &puppet{honour: c.honour, act: func(_ context.Context, n int) error {
				return op.Errorf([]op.Kind{c.first, c.second}[n-1], "as the test wants")
			}}
			err := drivers.Do(t.Context(), stage(t, p, compute.Family, Options{}), compute.DestroyNode{Node: "n"})
			if got := op.KindOf(err); got != c.want || p.n != 2 {
				t.Errorf("%s, then %s: %d attempts, %v", c.first, c.second, p.n, err)
			}
		})
	}
}

func TestRetriesEnd(t *testing.T) {
	for _, c := range []struct {
		retries, attempts int
	}{{0, 6}, {2, 3}, {-1, 1}} {
		synctest.Test(t, func(t *testing.T) {
			p := &puppet{act: func(context.Context, int) error {
				return &op.Error{Kind: op.Unavailable, Message: "down", RequestID: "r-7"}
			}}
			begin := time.Now()
			err := drivers.Do(t.Context(), stage(t, p, compute.Family, Options{Limits: Limits{Retries: c.retries}}), compute.StartNode{Node: "n"})
			if p.n != c.attempts {
				t.Errorf("%d attempts, want %d", p.n, c.attempts)
			}
			want := "start_node (puppet): unavailable: down"
			if c.attempts > 1 {
				want += fmt.Sprintf(" (after %d attempts)", c.attempts)
			}
			if want += " (request id r-7)"; err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			if took := time.Since(begin); took > firstPause<<c.attempts {
				t.Errorf("paused for %v", took)
			}
		})
	}
}

// TestRetriesDoNotMultiply: what a driver repeats itself is taken from the same budget.
func TestRetriesDoNotMultiply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := 0
		p := &puppet{act: func(ctx context.Context, _ int) error {
			for inner++; op.TakeRetry(ctx); inner++ {
			}
			return op.Errorf(op.Unavailable, "down")
		}}
		err := drivers.Do(t.Context(), stage(t, p, compute.Family, Options{}), compute.StartNode{Node: "n"})
		if op.KindOf(err) != op.Unavailable || inner != 6 {
			t.Errorf("%d requests reached the provider, want 1 and 5 retries; %v", inner, err)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		after    time.Duration
		deadline time.Duration
		attempts int
	}{
		{30 * time.Second, 0, 2},
		{30 * time.Second, 20 * time.Second, 1}, // no use in waiting for what comes too late
		{time.Hour, 0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := &puppet{act: func(_ context.Context, n int) error {
				if n == 1 {
					return &op.Error{Kind: op.RateLimited, Message: "slowly", RetryAfter: c.after}
				}
				return nil
			}}
			ctx, cancel := context.WithCancel(t.Context())
			if c.deadline > 0 {
				ctx, cancel = context.WithTimeout(t.Context(), c.deadline)
			}
			defer cancel()
			begin := time.Now()
			err := drivers.Do(ctx, stage(t, p, compute.Family, Options{}), compute.RebootNode{Node: "n"})
			if p.n != c.attempts || (err == nil) != (c.attempts == 2) {
				t.Errorf("retry after %v: %d attempts, %v", c.after, p.n, err)
			}
			if took := time.Since(begin); c.attempts == 2 && (took < c.after || took > 2*c.after) || c.attempts == 1 && took > 0 {
				t.Errorf("retry after %v: waited %v", c.after, took)
			}
		})
	}
}

func TestPause(t *testing.T) {
	r := newRetrier(5, slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		random  float64
		attempt int
		after   time.Duration
		want    time.Duration
	}{
		{0, 1, 0, 0}, {1, 1, 0, firstPause}, {0.5, 3, 0, 2 * firstPause}, {1, 40, 0, maxPause},
		{0, 1, time.Second, time.Second}, {1, 1, time.Second, time.Second + firstPause},
	} {
		r.random = func() float64 { return c.random }
		if got := r.pause(c.attempt, c.after); got != c.want {
			t.Errorf("attempt %d, retry after %v, chance %v: %v, want %v", c.attempt, c.after, c.random, got, c.want)
		}
	}
}

// TestBodies: an upload is repeated with the same bytes, or not at all.
func TestBodies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte("skip it: the body"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what     string
		body     func(t *testing.T) io.Reader
		attempts int
	}{
		{"in memory", func(*testing.T) io.Reader { return strings.NewReader("the body") }, 2},
		{"a file from where it stands", func(t *testing.T) io.Reader {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			if _, err := f.Seek(9, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			return f
		}, 2},
		{"a pipe", func(*testing.T) io.Reader { return io.MultiReader(strings.NewReader("the body")) }, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := &puppet{act: failOnce(op.Unavailable)}
			conn := stage(t, p, storage.Family, Options{})
			_, err := drivers.Call[storage.Object](t.Context(), conn, storage.PutObject{Bucket: "b", Name: "n", Body: c.body(t)})
			if (err == nil) != (c.attempts == 2) || len(p.bodies) != c.attempts {
				t.Fatalf("%d attempts, %v", len(p.bodies), err)
			}
			for _, b := range p.bodies {
				if b != "the body" {
					t.Errorf("an attempt sent %q", b)
				}
			}
		})
	}
}

// TestUnreadBody: a pipe that was refused before it was read can be sent again.
func TestUnreadBody(t *testing.T) {
	refusals := 0
	refuse := func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
		if refusals++; refusals < 3 {
			return nil, op.Errorf(op.RateLimited, "slowly")
		}
		return next(ctx, r)
	}
	p := &puppet{act: allow}
	o, _ := storage.Family.Lookup("put_object")
	r := &op.Request{Op: o, Driver: p, In: storage.PutObject{Body: io.MultiReader(strings.NewReader("the body"))}}
	synctest.Test(t, func(t *testing.T) {
		h := op.Chain(newRetrier(5, slog.New(slog.DiscardHandler)).intercept, refuse)
		if _, err := h(t.Context(), r); err != nil || p.bodies[0] != "the body" {
			t.Errorf("%q, %v", p.bodies, err)
		}
	})
}

func TestEveryPageIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{act: func(_ context.Context, n int) error {
			if n%2 == 1 {
				return op.Errorf(op.Unavailable, "down")
			}
			return nil
		}}
		conn := stage(t, p, compute.Family, Options{Limits: Limits{Retries: 1}})
		var ids []string
		for n, err := range drivers.List[compute.Node](t.Context(), conn, compute.ListNodes{}) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, n.ID)
		}
		if !slices.Equal(ids, []string{"n", "n2", "n3"}) || p.n != 6 {
			t.Errorf("%v in %d attempts", ids, p.n)
		}
	})
}

func TestStreamIsRetriedUntilItFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{act: failOnce(op.Unavailable)}
		conn := stage(t, p, container.Family, Options{})
		var lines []string
		for l, err := range drivers.List[container.LogLine](t.Context(), conn, container.GetContainerLogs{Container: "c"}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, l.Text)
		}
		if !slices.Equal(lines, []string{"hello"}) || p.n != 2 {
			t.Errorf("%v in %d attempts", lines, p.n)
		}
	})
}

func TestDeadline(t *testing.T) {
	hang := func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{act: hang}
		begin := time.Now()
		err := drivers.Do(t.Context(), stage(t, p, compute.Family, Options{Limits: Limits{CallTime: 10 * time.Second}}), compute.RebootNode{Node: "n"})
		if want := "reboot_node (puppet): timeout: no answer within 10s, the time limit of a call"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if took := time.Since(begin); took != 10*time.Second || p.n != 1 {
			t.Errorf("%d attempts in %v", p.n, took)
		}
		if errors.Is(err, op.Canceled) || !errors.Is(err, op.Timeout) {
			t.Error("a timeout is not a cancellation")
		}
	})
	t.Run("each attempt has its own", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &puppet{act: func(ctx context.Context, n int) error {
				if n < 3 {
					return hang(ctx, n)
				}
				return nil
			}}
			if err := drivers.Do(t.Context(), stage(t, p, compute.Family, Options{}), compute.StartNode{Node: "n"}); err != nil || p.n != 3 {
				t.Errorf("%d attempts, %v", p.n, err)
			}
		})
	})
	t.Run("the caller's end is not the attempt's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			p := &puppet{act: hang}
			err := drivers.Do(ctx, stage(t, p, compute.Family, Options{}), compute.StartNode{Node: "n"})
			if op.KindOf(err) != op.Timeout || p.n != 1 {
				t.Errorf("%d attempts, %v", p.n, err)
			}
		})
	})
}

// TestBodiesOutliveTheCall: a body is read under the call's context long after
// the call, and its limit of time, are over.
func TestBodiesOutliveTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{act: allow}
		conn := stage(t, p, storage.Family, Options{Limits: Limits{CallTime: time.Second}})
		d, err := drivers.Call[storage.Download](t.Context(), conn, storage.ReadObject{Bucket: "b", Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		var got bytes.Buffer
		if _, err := got.ReadFrom(d.Body); err != nil || got.String() != "the whole body" {
			t.Errorf("%q, %v", got.String(), err)
		}
		if err := d.Body.Close(); err != nil {
			t.Error(err)
		}
		if _, err := d.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("closing did not release the context: %v", err)
		}
	})
	t.Run("opening it is bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &puppet{act: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}
			conn := stage(t, p, storage.Family, Options{Limits: Limits{CallTime: time.Second, Retries: -1}})
			if _, err := drivers.Call[storage.Download](t.Context(), conn, storage.ReadObject{Bucket: "b", Name: "n"}); op.KindOf(err) != op.Timeout {
				t.Error(err)
			}
		})
	})
	t.Run("writing is not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &puppet{act: func(ctx context.Context, _ int) error { time.Sleep(time.Hour); return ctx.Err() }}
			conn := stage(t, p, storage.Family, Options{Limits: Limits{CallTime: time.Second}})
			if _, err := drivers.Call[storage.Object](t.Context(), conn, storage.PutObject{Bucket: "b", Name: "n", Body: strings.NewReader("x")}); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{act: allow}
		conn := stage(t, p, compute.Family, Options{Limits: Limits{RatePerSecond: 10}})
		begin := time.Now()
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				if err := drivers.Do(t.Context(), conn, compute.StartNode{Node: "n"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// The first ten at once, the others ten a second.
		if took := time.Since(begin); took < 2900*time.Millisecond || took > 3100*time.Millisecond {
			t.Errorf("40 requests took %v", took)
		}
	})
}

// TestAllWaitWhenOneIsThrottled: the pause that a provider asks for is for the
// connection, not for the request that met it.
func TestAllWaitWhenOneIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var early atomic.Int64
		begin := time.Now()
		p := &puppet{}
		p.act = func(_ context.Context, n int) error {
			if n == 1 {
				return &op.Error{Kind: op.RateLimited, Message: "slowly", RetryAfter: 5 * time.Second}
			}
			if time.Since(begin) < 5*time.Second {
				early.Add(1)
			}
			return nil
		}
		conn := stage(t, p, compute.Family, Options{})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond)
				if err := drivers.Do(t.Context(), conn, compute.RebootNode{Node: "n"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if early.Load() > 0 {
			t.Errorf("%d requests did not wait", early.Load())
		}
	})
}

func TestCancellationIsPrompt(t *testing.T) {
	for what, o := range map[string]Options{
		"while it waits to retry": {},
		"while it waits its turn": {Limits: Limits{RatePerSecond: 0.001}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &puppet{act: func(context.Context, int) error {
					return &op.Error{Kind: op.RateLimited, Message: "slowly", RetryAfter: time.Minute}
				}}
				conn := stage(t, p, compute.Family, o)
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Second, cancel)
				begin := time.Now()
				err := drivers.Do(ctx, conn, compute.StartNode{Node: "n"})
				if op.KindOf(err) != op.Canceled || !errors.Is(err, context.Canceled) || time.Since(begin) != time.Second {
					t.Errorf("after %v: %v", time.Since(begin), err)
				}
			})
		})
	}
}

func TestPanics(t *testing.T) {
	var log bytes.Buffer
	p := &puppet{act: func(context.Context, int) error { panic("index out of range") }}
	o := Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	err := drivers.Do(t.Context(), stage(t, p, compute.Family, o), compute.StartNode{Node: "n"})
	if want := "start_node (puppet): internal: the driver puppet has a defect: it panicked: index out of range; please report it, with the log"; err == nil || err.Error() != want {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "chain_test.go") {
		t.Error("the log has no stack")
	}
	for _, err = range drivers.List[compute.Node](t.Context(), stage(t, p, compute.Family, Options{}), compute.ListNodes{}) {
		if op.KindOf(err) != op.Internal {
			t.Errorf("a list: %v", err)
		}
	}
	logs := stage(t, p, container.Family, Options{})
	for _, err = range drivers.List[container.LogLine](t.Context(), logs, container.GetContainerLogs{Container: "c"}) {
		if op.KindOf(err) != op.Internal {
			t.Errorf("a stream: %v", err)
		}
	}
	t.Run("the reader's own passes", func(t *testing.T) {
		defer func() {
			if recover() != "mine" {
				t.Error("the panic was swallowed")
			}
		}()
		good := &puppet{act: allow}
		for range drivers.List[container.LogLine](t.Context(), stage(t, good, container.Family, Options{}), container.GetContainerLogs{Container: "c"}) {
			panic("mine")
		}
	})
}

// creator has one operation.
type creator struct{ *puppet }

func (c creator) GetNode() {} // hides the puppet's: another signature

func TestUnsupportedNamesWhoHasIt(t *testing.T) {
	few := drivers.New(drivers.Info{Name: "few", Title: "Few things", Family: compute.Family},
		func(context.Context, struct{}) (creator, error) { return creator{&puppet{}}, nil })
	h, err := New(Options{Drivers: []*drivers.Provider{few, (&puppet{}).provider("one", compute.Family), (&puppet{}).provider("two", compute.Family)}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	conn, err := h.Open(t.Context(), "compute", "few", nil)
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[any]string{
		compute.GetNode{Node: "n"}:      "get_node (few): unsupported: Few things does not have get_node; one and two have it",
		compute.DeleteImage{Image: "i"}: "delete_image (few): unsupported: Few things does not have delete_image; none of the drivers here has it",
	} {
		o, _ := compute.Family.For(in)
		if _, err := conn.Do(t.Context(), o, in); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestEmbeddersChainIsOutermost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		o := Options{Policy: Policy{ReadOnly: true}, Chain: []op.Interceptor{func(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
			calls++
			return next(ctx, r)
		}}}
		p := &puppet{act: failOnce(op.Unavailable)}
		conn := stage(t, p, compute.Family, o)
		if _, err := drivers.Call[compute.Node](t.Context(), conn, compute.GetNode{Node: "n"}); err != nil || p.n != 2 || calls != 1 {
			t.Errorf("%d attempts, %d calls seen, %v", p.n, calls, err)
		}
		if err := drivers.Do(t.Context(), conn, compute.StartNode{Node: "n"}); op.KindOf(err) != op.PermissionDenied || p.n != 2 || calls != 2 {
			t.Errorf("what is refused is seen too: %d attempts, %d calls seen, %v", p.n, calls, err)
		}
	})
}
