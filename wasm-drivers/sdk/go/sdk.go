// Package sdk makes a driver written in Go a WebAssembly module that Cloudlark
// loads.
//
// A driver is written as for the inside of Cloudlark: it implements the
// interfaces of the contracts (drivers/compute, drivers/storage, …), and a
// [drivers.Provider] opens it. The module's main package hands its providers to
// [Serve]:
//
//	package main
//
//	func init() {
//		sdk.Serve(sdk.Guest{
//			Version:   "1.0.0",
//			Providers: examplecloud.Providers(transport.New("token")),
//			Hosts:     []string{"{endpoint}"},
//			Credentials: []abi.Credential{{Name: "token", Scheme: abi.Bearer, Hosts: []string{"{endpoint}"}}},
//		})
//	}
//
//	func main() {} // never called
//
// and is built with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o examplecloud.wasm
//
// or cloudlark driver build. The same providers work natively, in tests for
// instance, with a transport of one's own.
//
// # What is different inside
//
// There are no files, no environment and no sockets. HTTP goes through [Do], or
// through package transport for code that wants a [net/http.RoundTripper]; the
// host adds credentials. A body of an argument is a [Stream], whose bytes stay in the
// host: hand it to a request as it is. The body of a response that a driver
// answers with stays in the host likewise. Goroutines work, one at a time: a
// request that is waited for stops them all.
package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Guest is what a module is.
type Guest struct {
	Version     string              // the module's own: "1.2.0"
	Providers   []*drivers.Provider // of one name, one a family
	Hosts       []string            // where requests may go; see docs/driver-abi.md
	Credentials []abi.Credential    // what the host shall add to them
	MemoryMiB   int                 // how much memory an instance may need; 64 if zero
	Stateful    bool                // one instance serves every call, one after the other
}

// Serve says what this module is. It must be called once, from an init function
// of package main.
func Serve(g Guest) { served = &server{guest: g, conns: map[string]*drivers.Conn{}} }

var served *server

// A server answers the host's calls. An instance has one call at a time.
type server struct {
	guest Guest
	conns map[string]*drivers.Conn // by family and configuration
}

func (s *server) describe() []byte {
	d := abi.Description{ABI: abi.Version, Version: s.guest.Version, Hosts: s.guest.Hosts, Credentials: s.guest.Credentials,
		Memory: s.guest.MemoryMiB, Stateful: s.guest.Stateful, Families: map[string]abi.Offer{}}
	for _, p := range s.guest.Providers {
		d.Name, d.Title, d.Website = p.Name, p.Title, p.Website
		for _, f := range abi.FieldsOf(p.Config) {
			if !slices.ContainsFunc(d.Config, func(g abi.Field) bool { return g.Name == f.Name }) {
				d.Config = append(d.Config, f)
			}
		}
		d.Families[p.Family.Name] = offer(p)
	}
	data, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and numbers alone
	}
	return data
}

func offer(p *drivers.Provider) abi.Offer {
	o := abi.Offer{Doc: p.Doc, Missing: p.Missing, Extras: map[string][]abi.Field{}}
	for name, extra := range p.Extras {
		o.Extras[name] = abi.FieldsOf(op.TypeOf(reflect.TypeOf(extra)))
	}
	// Whether a driver passes a token on, only a driver can say.
	var tokens op.Idempotent
	if conn, err := p.Open(context.Background(), p.Name, nil); err == nil {
		tokens, _ = conn.Driver().(op.Idempotent)
	}
	for _, row := range p.Operations() {
		o.Operations = append(o.Operations, row.Name)
		if tokens != nil && row.Effect != op.Reads && tokens.HonoursToken(row) {
			o.HonoursToken = append(o.HonoursToken, row.Name)
		}
	}
	return o
}

// call answers one message.
func (s *server) call(message []byte) []byte {
	answer, err := s.perform(message)
	if err != nil {
		answer = abi.Answer{Error: abi.ErrorOf(err)}
	}
	data, err := json.Marshal(answer)
	if err != nil {
		data, _ = json.Marshal(abi.Answer{Error: abi.ErrorOf(op.Errorf(op.Internal, "the answer cannot be written: %w", err))})
	}
	return data
}

func (s *server) perform(message []byte) (abi.Answer, error) {
	var c abi.Call[json.RawMessage, json.RawMessage]
	if err := json.Unmarshal(message, &c); err != nil {
		return abi.Answer{}, op.Errorf(op.Internal, "the call is not what its ABI says: %w", err)
	}
	conn, err := s.open(c)
	if err != nil {
		return abi.Answer{}, err
	}
	row, err := conn.Provider.Family.Lookup(c.Op)
	if err != nil {
		return abi.Answer{}, err
	}
	in := reflect.New(row.In().Go)
	if err := abi.Decode(c.Args, in.Interface(), openStream); err != nil {
		return abi.Answer{}, op.Errorf(op.Internal, "the arguments are not what %s takes: %w", row, err)
	}
	ctx, cancel := newContext(time.Duration(c.TimeoutMS) * time.Millisecond)
	defer cancel()
	if c.Token != "" {
		ctx = op.WithToken(ctx, c.Token)
	}
	switch row.Shape {
	case op.ShapeList, op.ShapeStream:
		page, err := conn.Page(ctx, row, in.Elem().Interface(), c.Cursor)
		if err != nil {
			return abi.Answer{}, err
		}
		items, err := abi.Wire(page.Items, nil)
		return abi.Answer{Items: items, Next: page.Next}, err
	}
	out, err := conn.Do(ctx, row, in.Elem().Interface())
	if err != nil || row.Shape == op.ShapeDo {
		return abi.Answer{}, err
	}
	result, err := abi.Wire(out, holdStream)
	return abi.Answer{Result: result}, err
}

// open returns the driver that a call is for: one for each configuration.
func (s *server) open(c abi.Call[json.RawMessage, json.RawMessage]) (*drivers.Conn, error) {
	key := c.Family + " " + string(c.Config)
	if conn, ok := s.conns[key]; ok {
		return conn, nil
	}
	i := slices.IndexFunc(s.guest.Providers, func(p *drivers.Provider) bool { return p.Family.Name == c.Family })
	if i < 0 {
		return nil, op.Errorf(op.Unsupported, "the module has no driver of the family %s", c.Family)
	}
	p := s.guest.Providers[i]
	var values map[string]any
	d := json.NewDecoder(bytes.NewReader(c.Config))
	d.UseNumber()
	if err := d.Decode(&values); err != nil {
		return nil, op.Errorf(op.Internal, "the configuration is not what its ABI says: %w", err)
	}
	for name := range values { // of a driver of another family
		if p.Config.Field(name) == nil {
			delete(values, name)
		}
	}
	conn, err := p.Open(context.Background(), c.Connection, values)
	if err == nil {
		s.conns[key] = conn
	}
	return conn, err
}

// A callContext ends when the host says that the call was given up. Nothing
// asks the host for as long as nobody waits for that.
type callContext struct {
	context.Context
	cancel context.CancelFunc
	once   sync.Once
	over   chan struct{}
}

func newContext(timeout time.Duration) (context.Context, context.CancelFunc) {
	base, cancel := context.WithCancel(context.Background())
	stop := cancel
	if timeout > 0 {
		base, stop = context.WithTimeout(base, timeout)
	}
	c := &callContext{Context: base, cancel: cancel, over: make(chan struct{})}
	return c, func() {
		close(c.over)
		stop()
		cancel()
	}
}

const ask = 5 * time.Millisecond

func (c *callContext) Done() <-chan struct{} {
	c.once.Do(func() {
		go func() {
			tick := time.NewTicker(ask)
			defer tick.Stop()
			for c.Err() == nil {
				select {
				case <-c.over:
					return
				case <-tick.C:
				}
			}
		}()
	})
	return c.Context.Done()
}

func (c *callContext) Err() error {
	if c.Context.Err() == nil && givenUp() {
		c.cancel()
	}
	return c.Context.Err()
}

// Sleep waits for d. The error is that the call was given up.
func Sleep(d time.Duration) error { return hostSleep(d) }

// readAll reads a body that is not the host's.
func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	return b, nil
}
