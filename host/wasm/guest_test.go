package wasm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	"github.com/cloudlark/cloudlark/host/wasm"
	"github.com/cloudlark/cloudlark/host/wasm/wasmtest"
)

// A hostile is the guest of testdata/hostile, which runs programs.
type hostile struct {
	t        *testing.T
	m        *wasm.Module
	log      *lines
	endpoint string
}

type step struct {
	F     string `json:"f"`
	A     []any  `json:"a,omitempty"`
	Times int    `json:"times,omitempty"`
	Fails bool   `json:"fails,omitempty"`
}

type program struct {
	Do     []step `json:"do,omitempty"`
	Answer string `json:"answer,omitempty"`
	Spin   bool   `json:"spin,omitempty"`
}

type report struct {
	Results []int64         `json:"results"`
	Errors  []*abi.Error    `json:"errors"`
	Rooms   []string        `json:"rooms"`
	Counts  []int           `json:"counts"`
	Message json.RawMessage `json:"message"`
	Environ []string        `json:"environ"`
	Calls   int             `json:"calls"`
}

func do(f string, a ...any) step { return step{F: f, A: a} }

// newHostile loads the guest. handler is the provider, which may be nil.
func newHostile(t *testing.T, limits wasm.Limits, handler http.HandlerFunc) *hostile {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Errorf("after everything is closed: %v", err)
		}
	})
	h := &hostile{t: t, log: &lines{}, endpoint: "https://api.hostile.example"}
	if handler != nil {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		h.endpoint = s.URL
	}
	if limits.Grace == 0 {
		limits.Grace = 100 * time.Millisecond
	}
	h.m = wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "./testdata/hostile"), Grant: wasm.Grant{All: true}, Limits: limits},
		wasm.Options{Logger: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	return h
}

// open opens a connection whose calls run p.
func (h *hostile) open(family *op.Family, p program) *drivers.Conn {
	h.t.Helper()
	mode, err := json.Marshal(p)
	if err != nil {
		h.t.Fatal(err)
	}
	conn := drivertest.Opener(wasmtest.Provider(h.t, h.m, family), map[string]any{"mode": string(mode), "endpoint": h.endpoint, "token": op.Secret(secret),
		"access_key_id": op.Secret("AKID"), "secret_access_key": op.Secret("sk-" + secret)})(h.t, nil)
	h.t.Cleanup(func() { conn.Close() })
	return conn
}

func (h *hostile) try(ctx context.Context, p program) (report, error) {
	h.t.Helper()
	n, err := drivers.Call[compute.Node](ctx, h.open(compute.Family, p), compute.GetNode{Node: "1"})
	if err != nil {
		return report{}, err
	}
	data, err := json.Marshal(n.Extra)
	if err != nil {
		h.t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		h.t.Fatal(err)
	}
	return r, nil
}

func (h *hostile) run(steps ...step) report {
	h.t.Helper()
	r, err := h.try(h.t.Context(), program{Do: steps})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *hostile) healthy() {
	h.t.Helper()
	if r := h.run(do("stream_new")); r.Results[0] != 1 {
		h.t.Errorf("the next call: %+v", r)
	}
}

// fails checks that a step of the report failed with an error that says want.
func (r report) fails(t *testing.T, step int, want string) {
	t.Helper()
	if e := r.Errors[step]; r.Results[step] != -1 || e == nil || !strings.Contains(e.Message, want) {
		t.Errorf("step %d: %d, %+v; want %q", step, r.Results[step], e, want)
	}
}

func (h *hostile) get(path string, more ...any) step {
	m := abi.Send{Method: "GET", URL: h.endpoint + path, Auth: "token"}
	for _, x := range more {
		x.(func(*abi.Send))(&m)
	}
	data, err := json.Marshal(m)
	if err != nil {
		h.t.Fatal(err)
	}
	return do("http_send", "text:"+string(data), 0, 0, 0)
}

func (h *hostile) post(path string, body any, stream any) step {
	s := h.get(path, func(m *abi.Send) { m.Method = "POST" })
	s.A = s.A[:1]
	if body != nil {
		s.A = append(s.A, body)
	} else {
		s.A = append(s.A, 0, 0)
	}
	s.A = append(s.A, stream)
	return s
}

// silent is a provider that never answers but ends with its client.
func silent(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Method", r.Method)
	n, _ := io.Copy(w, r.Body)
	fmt.Fprintf(w, " %s %d", r.URL, n)
}

// TestWildPointers hands every import pointers and lengths that are not its own.
func TestWildPointers(t *testing.T) {
	h := newHostile(t, wasm.Limits{}, echo)
	for _, wild := range [][2]any{{0xfffffff0, 0x20}, {1 << 31, 1 << 31}, {0xffffffff, 0xffffffff}, {0xffffffff, 1}, {64 << 20, 1}, {16, 0xfffffff8}} {
		p, n := wild[0], wild[1]
		r := h.run(do("stream_new"), h.get("/"), do("http_head", "$1", "room:2000"),
			do("http_send", p, n, 0, 0, 0), do("http_send", "text:{}", p, n, 0), do("http_head", "$1", p, n), do("http_presign", p, n, 0, 0),
			do("stream_digest", "$0", p, n, "room:10"), do("stream_digest", "$0", "text:md5", p, n), do("stream_read", "$1", p, n), do("stream_write", "$0", p, n),
			do("stream_info", "$0", p, n), do("stream_info", "$1", p, n), do("last_error", p, n))
		if r.Results[2] <= 0 {
			t.Fatalf("the request: %+v", r)
		}
		for i := 3; i < len(r.Results)-1; i++ {
			r.fails(t, i, "which are not in its memory")
		}
		if r.Results[len(r.Results)-1] != -1 {
			t.Errorf("last_error: %+v", r)
		}
		h.run(do("log", 1, p, n)) // says nothing, breaks nothing
	}
	// Rooms that are too small are not written to, and a length of 0 is no access.
	r := h.run(do("stream_new"), do("stream_info", "$0", "room:5"), do("stream_info", "$0", 0xffffffff, 0), do("stream_write", "$0", 0xffffffff, 0), do("log", 9, "text:what level"))
	if r.Results[1] < 20 || strings.Trim(r.Rooms[1], "\x00") != "" || r.Results[2] != r.Results[1] || r.Results[3] != 0 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(h.log.String(), "what level") {
		t.Error("a line of an unknown level is not in the log")
	}
	h.healthy()
}

// TestGuessedHandles uses handles that were never given, or were given back.
func TestGuessedHandles(t *testing.T) {
	h := newHostile(t, wasm.Limits{Instances: 1}, echo)
	for _, handle := range []any{0, 1, 2, -1, 0x7fffffff, 0x80000000, 1 << 32} {
		r := h.run(do("http_head", handle, "room:10"), do("stream_read", handle, "room:10"), do("stream_write", handle, "text:x"), do("stream_info", handle, "room:100"),
			do("stream_take", handle, 1), do("stream_digest", handle, "text:md5", "room:100"), do("close", handle))
		for i := range r.Results {
			if r.Results[i] != -1 || r.Errors[i] == nil || r.Errors[i].Kind != op.Internal {
				t.Errorf("%v, step %d: %+v", handle, i, r)
			}
		}
		if handle != 0 && handle != 1<<32 { // 0 is no stream
			h.run(h.post("/", nil, handle)).fails(t, 0, "no handle")
		}
	}
	// Given back twice, used after it was given back, and of the wrong kind.
	r := h.run(do("stream_new"), do("close", "$0"), do("close", "$0"), do("stream_write", "$0", "text:x"), do("stream_new"),
		do("http_head", "$4", "room:9"), do("stream_take", "$4", 1), do("stream_read", "$4", "room:9"),
		h.get("/x"), do("stream_write", "$8", "text:x"), do("stream_digest", "$8", "text:md5", "room:99"),
		do("close", "$8"), do("http_head", "$8", "room:999"), do("stream_read", "$8", "room:9"),
		do("stream_digest", "$4", "text:sha512", "room:99"), do("stream_take", "$4", -1), do("stream_take", "$4", 64<<20+1))
	if r.Results[1] != 0 || r.Results[4] == r.Results[0] || r.Results[11] != 0 {
		t.Errorf("%+v", r.Results)
	}
	for _, i := range []int{2, 3, 5, 6, 7, 9, 10, 12, 13, 14, 15, 16} {
		if r.Results[i] != -1 || r.Errors[i] == nil {
			t.Errorf("step %d: %+v", i, r)
		}
	}
	// One that an earlier call left open.
	h.run(do("stream_new"), do("stream_new"))
	h.run(do("stream_write", 2, "text:x")).fails(t, 0, "is of no stream")
	h.healthy()
}

// TestFloods asks for as many of everything as there are.
func TestFloods(t *testing.T) {
	h := newHostile(t, wasm.Limits{Requests: 20, Held: 8 << 20, LogLines: 5, Spool: 3 << 20}, silent)
	flood := func(want string, at int, least, most int, steps ...step) {
		t.Helper()
		steps[at].Times, steps[at].Fails = -1, true
		r := h.run(steps...)
		r.fails(t, at, want)
		if n := r.Counts[at]; n < least || n > most {
			t.Errorf("%s: %d times", want, n)
		}
		h.healthy()
	}
	flood("streams of its own open", 0, 257, 257, do("stream_new"))
	flood("more than 20 requests", 0, 21, 21, h.get("/"))
	flood("holds more than 8388608 bytes", 0, 5, 9, h.post("/", "bytes:1048576", 0))
	flood("wrote more than 3145728 bytes", 1, 4, 4, do("stream_new"), do("stream_write", "$0", "bytes:1048576"))
	h.run(step{F: "log", A: []any{1, "text:a flood"}, Times: 500}, step{F: "print", A: []any{"text:a deluge\n"}, Times: 500})
	if n := strings.Count(h.log.String(), "a flood") + strings.Count(h.log.String(), "a deluge"); n != 5 {
		t.Errorf("%d lines were logged", n)
	}
	// A line that does not end is cut, and does not reach into the next call.
	h.run(step{F: "print", A: []any{"text:" + strings.Repeat("z", 1000)}, Times: 100})
	h.run(step{F: "print", A: []any{"text:hello\n"}})
	if n := strings.Count(h.log.String(), "z"); n > 5000 || strings.Contains(h.log.String(), "zhello") {
		t.Errorf("%d of 100,000 bytes without a line's end are in the log", n)
	}

	// Parts of an argument's body: none takes memory beyond the limit, be it
	// taken, or on its way in a request that nobody answers.
	put := func(p program) error {
		t.Helper()
		_, err := drivers.Call[storage.Object](t.Context(), h.open(storage.Family, p), storage.PutObject{Bucket: "b", Name: "n", Body: zeros{}})
		return err
	}
	counts := `{"error": {"kind": "conflict", "message": "$0 $1 $2 $3 $4 $5 $6 $7 $8 $9"}}`
	err := put(program{Do: []step{{F: "stream_take", A: []any{1, 0}, Times: -1, Fails: true}}, Answer: counts})
	if op.KindOf(err) != op.Conflict {
		t.Errorf("parts of no bytes: %v", err)
	}
	err = put(program{Do: []step{{F: "stream_take", A: []any{1, 1 << 20}, Times: -1, Fails: true}}, Answer: counts})
	if op.KindOf(err) != op.Conflict {
		t.Errorf("parts of a mebibyte: %v", err)
	}
	var steps []step
	for i := range 4 {
		steps = append(steps, do("stream_take", 1, 3<<20), h.post("/", nil, fmt.Sprintf("$%d", 3*i)), do("close", fmt.Sprintf("$%d", 3*i)))
	}
	err = put(program{Do: steps, Answer: counts})
	if err == nil || !strings.Contains(err.Error(), " 2 3 0 4 5 0 -1 -1 -1") {
		t.Errorf("parts on their way: %v", err)
	}
	h.healthy()
}

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestSentIsNotHeld: what was answered takes no memory, even if its handle is open.
func TestSentIsNotHeld(t *testing.T) {
	h := newHostile(t, wasm.Limits{Held: 4 << 20}, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	var steps []step
	for i := range 20 {
		steps = append(steps, h.post("/", "bytes:1048576", 0), do("http_head", fmt.Sprintf("$%d", 2*i), "room:2000"))
	}
	r := h.run(steps...)
	for i, n := range r.Results {
		if n < 0 {
			t.Fatalf("step %d: %+v", i, r.Errors[i])
		}
	}
}

// TestWrittenWhileSent writes a stream on while a request sends it.
func TestWrittenWhileSent(t *testing.T) {
	var bad atomic.Int32
	h := newHostile(t, wasm.Limits{}, func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err == nil && (int64(len(b)) != r.ContentLength || len(bytes.Trim(b, "x")) != 0) {
			bad.Add(1)
		}
	})
	for range 3 {
		var steps []step
		for i := range 4 {
			s := fmt.Sprintf("$%d", 5*i)
			steps = append(steps, do("stream_new"), do("stream_write", s, "text:"+strings.Repeat("x", 5000)), h.post("/", nil, s),
				step{F: "stream_write", A: []any{s, "text:" + strings.Repeat("x", 5000)}, Times: 400}, do("close", s))
		}
		h.run(steps...)
	}
	if n := bad.Load(); n > 0 {
		t.Errorf("%d requests had a body of another length, or of other bytes", n)
	}
}

// TestNoSecretIsShown calls what can be called, and looks for the credentials
// in all that the guest is shown, in the log and in the errors.
func TestNoSecretIsShown(t *testing.T) {
	var sent atomic.Int32
	h := newHostile(t, wasm.Limits{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer "+secret {
			sent.Add(1)
		}
		switch r.URL.Path {
		case "/break":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "cut off")
		case "/redirect":
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		case "/garbage":
			c, b, _ := w.(http.Hijacker).Hijack()
			fmt.Fprint(b, "garbage")
			_ = b.Flush()
			_ = c.Close()
		default:
			echo(w, r)
		}
	})
	var steps []step
	for _, path := range []string{"/", "/break", "/redirect", "/garbage"} {
		at := len(steps)
		s := fmt.Sprintf("$%d", at)
		steps = append(steps, h.get(path), do("http_head", s, "room:4000"), do("stream_read", s, "room:4000"), do("stream_read", s, "room:4000"), do("stream_info", s, "room:4000"), do("last_error", "room:4000"))
	}
	presign, _ := json.Marshal(abi.Presign{Method: "GET", URL: h.endpoint + "/b", Auth: "aws", ExpiresMS: 1000})
	bad, _ := json.Marshal(abi.Presign{Method: "GET", URL: h.endpoint + "/b", Auth: "token", ExpiresMS: 1000})
	headers := h.get("/", func(s *abi.Send) { s.Headers = map[string]string{"X": "a\nb"} })
	steps = append(steps, do("http_presign", "text:"+string(presign), "room:4000"), do("http_presign", "text:"+string(bad), "room:4000"), headers, do("http_head", "$26", "room:4000"))
	r := h.run(steps...)
	if sent.Load() < 4 {
		t.Errorf("the credential went along %d times", sent.Load())
	}
	all, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{string(all), strings.Join(r.Rooms, " "), h.log.String()} {
		if strings.Contains(where, secret) {
			t.Errorf("the secret is in %s", where)
		}
	}
	if !strings.Contains(r.Rooms[24], "X-Amz-Signature=") || !strings.Contains(string(r.Message), `"mode"`) || len(r.Environ) != 0 && strings.Join(r.Environ, "") != "" {
		t.Errorf("%s %q %q", r.Message, r.Rooms[24], r.Environ)
	}
	_, err = h.try(t.Context(), program{Do: []step{do("nothing")}})
	wantError(t, err, op.Internal, "there is no nothing")
	if strings.Contains(err.Error(), secret) || strings.Contains(h.log.String(), secret) {
		t.Error("the secret is in the error or in the log")
	}
}

// TestEndlessImports calls imports for ever, and is ended in time.
func TestEndlessImports(t *testing.T) {
	h := newHostile(t, wasm.Limits{Grace: 100 * time.Millisecond}, silent)
	big := []step{do("stream_new"), {F: "stream_write", A: []any{"$0", "bytes:1048576"}, Times: 200}}
	for name, steps := range map[string][]step{
		"sleep(0)":      {{F: "sleep", A: []any{0}, Times: -1}},
		"sleep":         {{F: "sleep", A: []any{0x7fffffff}, Times: -1}},
		"last_error":    {{F: "last_error", A: []any{0, 0}, Times: -1}},
		"close":         {{F: "close", A: []any{7}, Times: -1}},
		"stream_new":    {{F: "stream_new", Times: -1}},
		"log":           {{F: "log", A: []any{0, "text:x"}, Times: -1}},
		"print":         {{F: "print", A: []any{"text:x\n"}, Times: -1}},
		"http_send":     {{F: "http_send", A: []any{"text:{}", 0, 0, 0}, Times: -1}},
		"http_head":     {h.get("/"), {F: "http_head", A: []any{"$0", "room:100"}, Times: -1}},
		"stream_digest": append(big[:2:2], step{F: "stream_digest", A: []any{"$0", "text:md5", "room:100"}, Times: -1}),
		"cleanup":       {h.get("/", func(s *abi.Send) { s.Cleanup = true }), {F: "http_head", A: []any{"$0", "room:100"}, Times: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
			defer cancel()
			_, err := h.try(ctx, program{Do: steps})
			wantError(t, err, op.Timeout, "was ended")
			h.healthy()
		})
	}
}

// TestCleanupHasOneGrace: a request that takes things back, begun at the last
// moment, does not make the call last longer.
func TestCleanupHasOneGrace(t *testing.T) {
	const grace = 4 * time.Second
	h := newHostile(t, wasm.Limits{Grace: grace}, silent)
	h.healthy()
	cleanup := h.get("/", func(s *abi.Send) { s.Cleanup = true })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	// It is given up while it sleeps, dawdles for a while, and then begins.
	_, err := h.try(ctx, program{Do: []step{do("sleep", 60_000), {F: "stream_new", Times: 256}, do("stream_write", 1, "bytes:1048576"), do("stream_write", 2, "bytes:1048576"),
		{F: "stream_digest", A: []any{1, "text:md5", "room:64"}, Times: 200}, cleanup, do("http_head", "$5", "room:100"), cleanup, do("http_head", "$7", "room:100")}})
	wantError(t, err, op.Timeout, "was ended")
	if took := time.Since(begun); took >= 2*grace {
		t.Errorf("it took %v, and its grace is %v", took, grace)
	}
	h.healthy()
}

// TestClosedWhileReading closes the module while a call waits for a body of
// which nothing more comes.
func TestClosedWhileReading(t *testing.T) {
	const silence = time.Minute
	h := newHostile(t, wasm.Limits{Silence: silence}, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "a")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ended := make(chan error)
	conn := h.open(compute.Family, program{Do: []step{h.get("/"), do("stream_read", "$0", "room:100"), do("log", 2, "text:now it waits"), do("stream_read", "$0", "room:100")}})
	go func() {
		_, err := drivers.Call[compute.Node](context.Background(), conn, compute.GetNode{Node: "1"})
		ended <- err
	}()
	until(t, func() bool { return strings.Contains(h.log.String(), "now it waits") })
	begun := time.Now()
	if err := h.m.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took >= silence {
		t.Errorf("closing took %v", took)
	}
	<-ended // with what it had, or with an error: it was within the grace
}

func until(t *testing.T, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come")
		}
	}
}

// TestAnswerWithinGrace: a guest that stops by itself is believed, and kept.
func TestAnswerWithinGrace(t *testing.T) {
	h := newHostile(t, wasm.Limits{Grace: 10 * time.Second, Instances: 1}, nil)
	before := h.run().Calls
	for _, answer := range []string{"", `{"error": {"kind": "conflict", "message": "half of it was done"}}`} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		r, err := h.try(ctx, program{Do: []step{do("sleep", 60_000)}, Answer: answer})
		cancel()
		switch {
		case answer != "":
			wantError(t, err, op.Timeout, "half of it was done")
		case err != nil:
			wantError(t, err, op.Timeout, "")
		default:
			r.fails(t, 0, "")
			if r.Errors[0].Kind != op.Timeout {
				t.Errorf("sleep failed with %+v", r.Errors[0])
			}
		}
	}
	if after := h.run().Calls; after != before+3 {
		t.Errorf("the instance was replaced: call %d, then %d", before, after)
	}
}

// TestBodiesThatLie are answers with a body that is not there, or is another.
func TestBodiesThatLie(t *testing.T) {
	h := newHostile(t, wasm.Limits{}, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	read := func(p program) (string, error) {
		t.Helper()
		d, err := drivers.Call[storage.Download](t.Context(), h.open(storage.Family, p), storage.ReadObject{Bucket: "b", Name: "n"})
		if err != nil {
			return "", err
		}
		if d.Body == nil {
			t.Error("an answer without a body")
			return "", nil
		}
		b, err := io.ReadAll(d.Body)
		if e := d.Body.Close(); e != nil {
			t.Error(e)
		}
		return string(b), err
	}
	answer := func(body string) string {
		return `{"result": {"object": {"bucket": "b", "name": "n", "size": 5}, "body": ` + body + `}}`
	}
	if s, err := read(program{Do: []step{h.get("/")}, Answer: answer(`{"stream": $0, "length": 5, "verify": {"algorithm": "md5", "sum": "5d41402abc4b2a76b9719d911017c592"}}`)}); err != nil || s != "hello" {
		t.Errorf("a good one: %q, %v", s, err)
	}
	if s, err := read(program{Do: []step{do("stream_new"), do("stream_write", "$0", "text:hello")}, Answer: answer(`{"stream": $0}`)}); err != nil || s != "hello" {
		t.Errorf("its own: %q, %v", s, err)
	}
	for body, want := range map[string]string{
		`null`:            "has no body",
		`{"stream": 0}`:   "no body with the handle 0",
		`{"stream": 99}`:  "no body with the handle 99",
		`{"stream": -1}`:  "no body with the handle -1",
		`{"stream": 1e9}`: "not what its ABI says",
		`{"stream": $0, "verify": {"algorithm": "rot13", "sum": "x"}}`: `no checksum "rot13"`,
		`{"stream": $0, "length": 4}`:                                  "more than its 4 bytes",
		`{"stream": $0, "length": 6}`:                                  "broke off after 5 of 6 bytes",
		`{"stream": $0, "verify": {"algorithm": "crc32c", "sum": ""}}`: "its crc32c is not",
		`"hello"`: "not what its ABI says",
	} {
		if _, err := read(program{Do: []step{h.get("/")}, Answer: answer(body)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	if _, err := read(program{Do: []step{h.get("/"), do("close", "$0")}, Answer: answer(`{"stream": $0}`)}); err == nil || !strings.Contains(err.Error(), "no body with the handle") {
		t.Errorf("one that was given back: %v", err)
	}
	if _, err := read(program{Answer: `{"result": {}}`}); err == nil || !strings.Contains(err.Error(), "has no body") {
		t.Errorf("none: %v", err)
	}
	h.healthy()
}

// TestArgumentsBody: when a call is over, nobody reads the body of its
// arguments, whatever the guest has begun with it.
func TestArgumentsBody(t *testing.T) {
	h := newHostile(t, wasm.Limits{}, silent)
	for name, steps := range map[string][]step{
		"not read":     nil,
		"being sent":   {h.post("/", nil, 1)},
		"sent by two":  {h.post("/", nil, 1), h.post("/", nil, 1), do("stream_info", 1, "room:100")},
		"read as well": {h.post("/", nil, 1), do("stream_read", 1, "room:1000"), do("stream_take", 1, 1000)},
		"given back":   {h.post("/", nil, 1), do("close", 1)},
		"cleanup":      {do("http_send", `text:{"method": "PUT", "cleanup": true, "url": "`+h.endpoint+`"}`, 0, 0, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			body := &watched{}
			_, err := drivers.Call[storage.Object](t.Context(), h.open(storage.Family, program{Do: steps, Answer: `{"result": {"bucket": "b", "name": "n"}}`}),
				storage.PutObject{Bucket: "b", Name: "n", Body: body})
			if err != nil {
				t.Fatal(err)
			}
			if body.over() {
				t.Error("somebody is reading it still")
			}
		})
	}
	h.healthy()
}

// watched is a body that notices who reads it too late.
type watched struct {
	mu   sync.Mutex
	done bool
	late bool
}

func (w *watched) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		w.late = true
		return 0, errors.New("too late")
	}
	return len(p), nil
}

func (w *watched) over() bool {
	w.mu.Lock()
	w.done = true
	w.mu.Unlock()
	time.Sleep(5 * time.Millisecond) // nothing is to come: there is no condition to wait for
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.late
}

// TestGrowth: breakdowns, and calls that are ended, leave nothing behind.
func TestGrowth(t *testing.T) {
	h := newHostile(t, wasm.Limits{Grace: time.Millisecond, Instances: 2, Idle: 10 * time.Millisecond}, silent)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range 8 {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				p := []program{{Spin: true}, {Do: []step{do("sleep", 100_000)}, Spin: true}, {Do: []step{h.get("/"), do("http_head", "$0", "room:9")}, Spin: true}, {Do: []step{do("nothing")}}}[i%4]
				if _, err := h.try(ctx, p); err == nil {
					t.Error("it answered")
				}
				cancel()
			}
		})
	}
	wg.Wait()
	h.healthy()
}

// TestDefaultIsNotNamed: the module's own address is not the user's, even if
// the user writes the same, and may not be a private one.
func TestDefaultIsNotNamed(t *testing.T) {
	h := newHostile(t, wasm.Limits{}, nil)
	for _, addrs := range [][]string{{"127.0.0.1"}, {"::1", "10.0.0.1"}, {"169.254.169.254"}, {"fd00:ec2::254"}, {"168.63.129.16"}, {"::ffff:127.0.0.1"}, {"64:ff9b::7f00:1"}, {"0.0.0.0"}} {
		h.m = wasmtest.Load(t, wasm.Source{Bytes: wasmtest.BuildGo(t, "./testdata/hostile"), Grant: wasm.Grant{All: true}},
			wasm.Options{Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
				if host != "api.hostile.example" {
					return nil, fmt.Errorf("asked for %s", host)
				}
				var list []netip.Addr
				for _, a := range addrs {
					list = append(list, netip.MustParseAddr(a))
				}
				return list, nil
			}})
		r := h.run(h.get("/"), do("http_head", "$0", "room:2000"))
		r.fails(t, 1, "which is not a public address")
		if r.Errors[1] == nil || r.Errors[1].Kind != op.PermissionDenied {
			t.Errorf("%v: %+v", addrs, r)
		}
	}
}

// TestMethods: those that would show what was sent, or make a tunnel.
func TestMethods(t *testing.T) {
	h := newHostile(t, wasm.Limits{}, echo)
	for _, method := range []string{"TRACE", "trace", "Trace", "CONNECT", "connect"} {
		h.run(h.get("/", func(s *abi.Send) { s.Method = method })).fails(t, 0, "is not there")
	}
	for _, method := range []string{"GET /x HTTP/1.1\r\nHost: evil\r\n\r\nGET", "G ET", "GE\nT", "é"} {
		r := h.run(h.get("/", func(s *abi.Send) { s.Method = method }), do("http_head", "$0", "room:100"))
		if r.Results[1] != -1 {
			t.Errorf("%q: %+v", method, r)
		}
	}
	for _, message := range []string{"", "{", "[]", `{"method": 1}`, `{"headers": {"a": 1}}`, `"x"`, "null", `{"url": {}}`, "\xff\xfe", `{"redirect": "sideways", "url": "` + h.endpoint + `"}`, `{"auth": "nobody", "url": "` + h.endpoint + `"}`} {
		if r := h.run(do("http_send", "text:"+message, 0, 0, 0), do("http_presign", "text:"+message, "room:100")); r.Results[0] != -1 || r.Results[1] != -1 {
			t.Errorf("%q: %+v", message, r)
		}
	}
	h.healthy()
}
