// Package host runs Cloudlark scripts, and opens clouds, for a program that
// embeds it:
//
//	h, err := host.New(host.Options{Drivers: sim.Providers(sim.Options{})})
//	defer h.Close()
//	res, err := h.Run(ctx, host.Script{FS: os.DirFS("scripts"), Path: "inventory.star", Params: map[string]any{"region": "eu-west-1"}})
//
// A [Host] is safe for concurrent use; it has no global state, and a program
// may have several.
//
// # The chain
//
// Every request to every driver goes through the same interceptors, the first
// outermost. Each stands where it does for a reason:
//
//	the embedder's   Options.Chain: sees calls as the script makes them
//	log              outermost of the host's: also what is refused, and the time of all attempts together
//	names            an unsupported operation is answered with who has it
//	policy           before anything that takes time or has effect
//	journal          what a run created: once a call, whatever it took
//	retry            everything below is one attempt
//	pace             the rate limit: retries count, and waiting for a turn is no part of an attempt's time
//	deadline         the time of one attempt
//	guard            next to the driver: its panic is an error that the others see
//
// # Connections
//
// What a script or [Host.Open] asks for by name is a connection of the
// configuration, or a driver. Opened without further configuration it is
// shared by all runs of the Host and stays open until [Host.Close]; opened
// with configuration of its own it belongs to the run, and is closed with it.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/wasm"
)

// An Event is progress that a person may want to watch.
type Event = builtins.Event

// Options are what a Host is made of. All of it may be zero but Drivers.
type Options struct {
	Drivers    []*drivers.Provider
	Modules    []wasm.Source       // drivers that are WebAssembly modules, and what they may do
	CacheDir   string              // a folder of the user's own for compiled modules; empty compiles in every process
	Config     *Config             // connections, and more policy and limits; nil is none
	Policy     Policy              // what scripts may do; the configuration's must allow it too, and what it grants is added
	Limits     Limits              // zero fields are the configuration's, or as [Limits] says
	Chain      []op.Interceptor    // the embedder's own, outside the host's
	Builtins   starlark.StringDict // further names for scripts; frozen by New
	Stdout     io.Writer           // print and table; nil discards. Concurrent runs write to it at once
	Logger     *slog.Logger        // nil discards
	KnownHosts string              // the file of machines' SSH host keys, in OpenSSH's form; without it, scripts must name a machine's key
	Transfers  string              // a folder for what is needed to resume uploads that were interrupted; without it they are begun anew
	Progress   func(Event)         // waits and transfers; may be nil, and is called from many goroutines
}

// A Host runs scripts and opens connections.
type Host struct {
	o         Options
	log       *slog.Logger
	config    *Config // never nil
	families  []*op.Family
	policies  policies
	grants    Policy
	limits    Limits
	providers []*drivers.Provider

	ctx  context.Context // ends with Close
	stop context.CancelCauseFunc
	runs sync.WaitGroup

	mu     sync.Mutex
	closed bool
	shared map[target]*slot
	open   map[*drivers.Conn]struct{} // every connection that is not closed
	paces  map[string]*pace           // by connection

	modules []*wasm.Module
}

// A target is what a name means in a family.
type target struct {
	provider *drivers.Provider
	name     string // of the connection, or the driver
}

// A slot holds a shared connection. Who opens it holds turn.
type slot struct {
	turn chan struct{}
	conn *drivers.Conn
}

var errClosed = errors.New("the host is closed")

// New checks the options and makes a Host. Nothing is opened before it is used.
// A module is compiled now, unless its source has a description.
func New(o Options) (_ *Host, err error) {
	h := &Host{o: o, log: o.Logger, config: o.Config, providers: slices.Clone(o.Drivers),
		shared: map[target]*slot{}, open: map[*drivers.Conn]struct{}{}, paces: map[string]*pace{}}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.config == nil {
		h.config = &Config{}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.closeModules())
		}
	}()
	for i, s := range o.Modules {
		m, err := wasm.Load(context.Background(), s, wasm.Options{CacheDir: o.CacheDir, Logger: h.log, Getenv: os.Getenv})
		if err != nil {
			return nil, fmt.Errorf("host: module %d: %w", i, err)
		}
		h.modules = append(h.modules, m)
		h.providers = append(h.providers, m.Providers()...)
	}
	for i, p := range h.providers {
		if p == nil {
			return nil, fmt.Errorf("host: driver %d is nil", i)
		}
		for _, q := range h.providers[:i] {
			if q.Name == p.Name && q.Family == p.Family {
				return nil, fmt.Errorf("host: the driver %s is given twice for the family %s", p.Name, p.Family.Name)
			}
		}
		if !slices.Contains(h.families, p.Family) {
			h.families = append(h.families, p.Family)
		}
	}
	if err := h.config.check(h.providers); err != nil {
		return nil, err
	}
	h.policies = policies{o.Policy, h.config.Policy}
	for i := range h.policies {
		if err := h.policies[i].check(h.families); err != nil {
			return nil, err
		}
	}
	h.grants = Policy{Env: slices.Concat(o.Policy.Env, h.config.Policy.Env), Read: slices.Concat(o.Policy.Read, h.config.Policy.Read),
		Write: slices.Concat(o.Policy.Write, h.config.Policy.Write), HTTP: slices.Concat(o.Policy.HTTP, h.config.Policy.HTTP),
		SSH: slices.Concat(o.Policy.SSH, h.config.Policy.SSH)}
	h.limits = o.Limits.or(h.config.Limits).or(defaultLimits)
	for _, f := range h.families {
		if _, ok := o.Builtins[f.Name]; ok {
			return nil, fmt.Errorf("host: the builtin %s would hide the family", f.Name)
		}
	}
	o.Builtins.Freeze() // shared by concurrent runs
	h.ctx, h.stop = context.WithCancelCause(context.Background())
	return h, nil
}

// Providers lists the drivers that the Host was given, those of modules too.
func (h *Host) Providers() []*drivers.Provider { return slices.Clone(h.providers) }

// Close ends the runs that still go, and closes every connection.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.stop(op.Errorf(op.Canceled, "%w", errClosed))
	h.runs.Wait()

	h.mu.Lock()
	conns := slices.Collect(maps.Keys(h.open))
	h.mu.Unlock()
	var errs []error
	for _, c := range conns {
		if err := c.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.Name, err))
		}
	}
	return errors.Join(append(errs, h.closeModules())...)
}

func (h *Host) closeModules() error {
	var errs []error
	for _, m := range h.modules {
		if err := m.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close the module of %s: %w", m.Description().Name, err))
		}
	}
	return errors.Join(errs...)
}

// Open opens a connection, or a driver, for a family: "compute", "storage".
// config goes over what the configuration says.
//
// Without config the connection is shared with runs and with other callers:
// leave it to [Host.Close]. With config it is the caller's own, to close when
// it is no longer needed; [Host.Close] closes what is left.
func (h *Host) Open(ctx context.Context, family, name string, config map[string]any) (*drivers.Conn, error) {
	i := slices.IndexFunc(h.families, func(f *op.Family) bool { return f.Name == family })
	if i < 0 {
		var names []string
		for _, f := range h.families {
			names = append(names, f.Name)
		}
		return nil, op.Errorf(op.InvalidArgument, "no driver is of a family %q%s", family, op.DidYouMean(family, names))
	}
	return h.openConn(ctx, h.families[i], name, config)
}

func (h *Host) openConn(ctx context.Context, f *op.Family, name string, config map[string]any) (*drivers.Conn, error) {
	p, err := h.find(f, name)
	if err == nil {
		err = h.policies.driver(p)
	}
	if err != nil {
		return nil, err
	}
	if len(config) > 0 {
		return h.openNew(ctx, p, name, config)
	}
	return h.openShared(ctx, target{p, name})
}

// find returns the provider that a name means in a family.
func (h *Host) find(f *op.Family, name string) (*drivers.Provider, error) {
	if _, ok := h.config.Connections[name]; ok {
		return h.config.driverOf(name, f, h.providers)
	}
	var known []string
	for _, p := range h.providers {
		if p.Family == f {
			if p.Name == name {
				return p, nil
			}
			known = append(known, p.Name)
		}
	}
	for _, c := range h.config.names() {
		if _, err := h.config.driverOf(c, f, h.providers); err == nil {
			known = append(known, c)
		}
	}
	if of := byName(h.providers, name); len(of) > 0 {
		return nil, op.Errorf(op.Unsupported, "%s is a driver of %s, not of %s; %s has %s", name, joinOr(familyNames(of)), f.Name, f.Name, joinAnd(known))
	}
	return nil, op.Errorf(op.InvalidArgument, "%s has no driver or connection %q%s", f.Name, name, op.DidYouMean(name, known))
}

// openShared returns the one connection of a target, which the first opens.
func (h *Host) openShared(ctx context.Context, t target) (*drivers.Conn, error) {
	h.mu.Lock()
	s := h.shared[t]
	if s == nil {
		s = &slot{turn: make(chan struct{}, 1)}
		h.shared[t] = s
	}
	h.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, op.AsError(ctx.Err())
	}
	h.mu.Lock()
	conn := s.conn
	h.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	conn, err := h.openNew(ctx, t.provider, t.name, nil)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.conn = conn
	return conn, nil
}

// openNew opens a connection of its own, with config over its configuration.
func (h *Host) openNew(ctx context.Context, p *drivers.Provider, name string, config map[string]any) (conn *drivers.Conn, err error) {
	defer func() {
		if v := recover(); v != nil {
			conn, err = nil, panicked(ctx, h.log, p.Name, "open", v)
		}
	}()
	if h.isClosed() {
		return nil, op.Errorf(op.Canceled, "%w", errClosed)
	}
	all := map[string]any{}
	if _, ok := h.config.Connections[name]; ok {
		if all, err = h.config.resolve(ctx, name, p); err != nil {
			return nil, err
		}
	}
	maps.Copy(all, config)
	if conn, err = p.Open(ctx, name, all, h.chain(p, name)...); err != nil {
		return nil, err
	}
	h.log.LogAttrs(ctx, slog.LevelDebug, "open", slog.String("provider", p.Name), slog.String("family", p.Family.Name), slog.String("connection", name))
	conn.OnClose(func() { h.forget(conn) })
	h.mu.Lock()
	h.open[conn] = struct{}{}
	closed := h.closed
	h.mu.Unlock()
	if closed { // while it was opened
		_ = conn.Close()
		return nil, op.Errorf(op.Canceled, "%w", errClosed)
	}
	return conn, nil
}

func (h *Host) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// forget drops a connection that was closed, so that nobody is given it again.
func (h *Host) forget(conn *drivers.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, conn)
	for _, s := range h.shared {
		if s.conn == conn {
			s.conn = nil
		}
	}
}

// chain is what stands around every request of a connection: see the package
// comment for the order and its reasons.
func (h *Host) chain(p *drivers.Provider, name string) []op.Interceptor {
	limits := h.limits
	if c := h.config.Connections[name]; c != nil {
		limits = Limits{Retries: c.Retries, CallTime: c.Timeout, RatePerSecond: c.RateLimit}.or(limits)
	}
	return slices.Concat(h.o.Chain, []op.Interceptor{
		logging(h.log),
		h.whoHas,
		h.policies.intercept,
		journaled,
		newRetrier(limits.Retries, h.log).intercept,
		h.pace(name, p, limits.RatePerSecond).intercept,
		deadline(limits.CallTime),
		guard(h.log),
	})
}

// pace is the rate limit of a connection, shared by all that is opened under its name.
func (h *Host) pace(name string, p *drivers.Provider, perSecond float64) *pace {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := p.Name + " " + name
	if h.paces[key] == nil {
		h.paces[key] = newPace(perSecond)
	}
	return h.paces[key]
}

// whoHas completes the error of an operation that the provider does not have
// with the drivers that do have it.
func (h *Host) whoHas(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	out, err := next(ctx, r)
	if err == nil || op.KindOf(err) != op.Unsupported {
		return out, err
	}
	var have []string
	for _, p := range h.providers {
		if p.Offers(r.Op) && p.Name != r.Provider {
			have = append(have, p.Name)
		}
	}
	e := *op.AsError(err)
	switch {
	case len(have) > 0:
		e.Message += "; " + joinAnd(have) + map[bool]string{true: " has it", false: " have it"}[len(have) == 1]
	case !slices.ContainsFunc(h.providers, func(p *drivers.Provider) bool { return p.Offers(r.Op) }):
		e.Message += "; none of the drivers here has it"
	}
	return nil, &e
}

// begin counts a run, whose context ends with the Host's too. Its time is that
// of Limits.Time.
func (h *Host) begin(ctx context.Context, limit time.Duration) (context.Context, func(), error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, nil, op.Errorf(op.Canceled, "%w", errClosed)
	}
	h.runs.Add(1)
	h.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })
	release := func() {}
	if limit > 0 {
		ctx, release = context.WithTimeoutCause(ctx, limit, op.Errorf(op.Timeout, "the run took longer than its limit of %v", limit))
	}
	return ctx, func() {
		unhook()
		release()
		cancel(nil)
		h.runs.Done()
	}, nil
}

func byName(providers []*drivers.Provider, name string) []*drivers.Provider {
	var of []*drivers.Provider
	for _, p := range providers {
		if p.Name == name {
			of = append(of, p)
		}
	}
	return of
}

// driverNames lists each name once, in order.
func driverNames(providers []*drivers.Provider) []string {
	var names []string
	for _, p := range providers {
		if !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

func familyNames(providers []*drivers.Provider) []string {
	var names []string
	for _, p := range providers {
		names = append(names, p.Family.Name)
	}
	return names
}

func containsAll(set, all []*drivers.Provider) bool {
	return !slices.ContainsFunc(all, func(p *drivers.Provider) bool { return !slices.Contains(set, p) })
}

func joinAnd(words []string) string { return join(words, " and ") }
func joinOr(words []string) string  { return join(words, " or ") }

// join puts words into a sentence: "a, b and c".
func join(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + last + words[len(words)-1]
}
