// Package wasm loads drivers that are WebAssembly modules.
//
// A [Module] is one file: the drivers of one provider, for one family or
// several. [Load] gives its providers, which are opened and called like any
// other; nothing else in Cloudlark knows that they are modules. What host and
// guest say to each other is in docs/driver-abi.md, and for Go in package
// drivers/abi.
//
// # The sandbox
//
// A module reaches nothing but what it was granted: see [Grant]. It has no
// files, no environment and no sockets. It asks the host for HTTP requests, the
// host checks where they go (see hosts.go) when it connects, adds the
// credentials (auth.go), and never shows them. Bodies of objects stay in the
// host (stream.go). A call that is given up is ended wherever it is (instance.go).
//
//	wasm.go       modules: loading, pinning, closing
//	describe.go   what a module says of itself, checked, and made into providers
//	driver.go     requests of the chain into messages, and answers back
//	pool.go       instances
//	tables.go     what of a module's memory the host itself must bound
//	instance.go   one instance: calls, memory, and its end
//	call.go       what one call holds: handles and limits
//	imports.go    the functions that a guest imports
//	http.go       requests; hosts.go, auth.go, dial.go
//	stream.go     bodies
package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
)

// A Source says where a module is, and what it may do.
type Source struct {
	// The module: its bytes, a file (of FS if that is given), or what Fetch
	// returns, which is then not asked again.
	Bytes []byte
	File  string
	FS    fs.FS
	Fetch func(context.Context) ([]byte, error)

	Name   string // in errors; its file's if empty
	SHA256 string // of the module, in hex: any other is refused; empty is no check
	Grant  Grant  // a module that asks for more is refused
	Limits Limits // zero fields are as [Limits] says

	// Description is what the module said of itself when it was loaded before
	// (see [Module.Description]). With it, nothing is read or compiled before
	// the first connection is opened; a module that then says otherwise is refused.
	Description *abi.Description
	// Described is called with the description of a module that was asked for
	// it: to be kept. It may be nil.
	Described func(*abi.Description)
}

// name is the source in errors.
func (s Source) name() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.File != "":
		return s.File
	case s.Description != nil:
		return s.Description.Name
	}
	return "module"
}

func (s Source) read(ctx context.Context) ([]byte, error) {
	switch {
	case s.Bytes != nil:
		return s.Bytes, nil
	case s.Fetch != nil:
		return s.Fetch(ctx)
	case s.File == "":
		return nil, fmt.Errorf("wasm: a source without bytes and without a file")
	case s.FS != nil:
		return fs.ReadFile(s.FS, s.File)
	}
	return os.ReadFile(s.File)
}

// A Grant is what a module may do: what its description asks for, or less.
type Grant struct {
	All         bool     // everything that it asks for
	Hosts       []string // as the description has them
	Credentials []string // as [abi.Credential.String] has them
	MemoryMiB   int      // 64 if zero
}

// Limits bound one module.
type Limits struct {
	Instances int           // how many calls go at a time; 8 if zero
	Idle      time.Duration // when an instance that nobody uses is released; 30 s if zero
	Requests  int           // HTTP requests of one call; 1,000 if zero
	Message   int           // bytes of one message in either direction; 16 MiB if zero
	LogLines  int           // of one call; 1,000 if zero
	Held      int64         // bytes of streams that one call holds in memory; 256 MiB if zero
	Spool     int64         // bytes of streams that one call writes itself; 1 GiB if zero
	Silence   time.Duration // how long a response's body may send nothing; a minute if zero
	Grace     time.Duration // how long a call that was given up has to answer; 1 s if zero
}

func (l Limits) complete() Limits {
	set(&l.Instances, 8)
	set(&l.Idle, 30*time.Second)
	set(&l.Requests, 1000)
	set(&l.Message, 16<<20)
	set(&l.LogLines, 1000)
	set(&l.Held, 256<<20)
	set(&l.Spool, 1<<30)
	set(&l.Silence, time.Minute)
	set(&l.Grace, time.Second)
	return l
}

func set[T comparable](p *T, v T) {
	if *p == *new(T) {
		*p = v
	}
}

// Options are what modules have in common.
type Options struct {
	// CacheDir is a folder for compiled code, which any number of processes may
	// share; empty compiles in every process. Only its owner may be able to
	// write to it: what is in it is run.
	CacheDir string
	Logger   *slog.Logger                                        // nil discards
	Getenv   func(string) string                                 // for credentials; nil is none
	Resolve  func(context.Context, string) ([]netip.Addr, error) // of host names; nil is the system's
}

func (o Options) complete() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Resolve == nil {
		o.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	return o
}

const maxModule = 256 << 20 // bytes of a module's file

// A Module is a loaded module.
type Module struct {
	source      Source
	options     Options
	limits      Limits
	description *abi.Description
	providers   []*drivers.Provider

	mu     sync.Mutex
	closed bool
	pool   *pool // nil until it is compiled
	cache  wazero.CompilationCache
	sum    string
}

// Load reads, checks and compiles a module, and asks it what it is.
func Load(ctx context.Context, s Source, o Options) (*Module, error) {
	m := &Module{source: s, options: o.complete(), limits: s.Limits.complete(), description: s.Description}
	if m.description == nil {
		p, err := m.compiled(ctx)
		if err != nil {
			return nil, err
		}
		m.description = p.description
		if s.Described != nil {
			s.Described(m.description)
		}
	}
	if err := m.admit(m.description); err != nil {
		_ = m.Close()
		return nil, err
	}
	m.providers = m.makeProviders()
	return m, nil
}

// Description is what the module says of itself.
func (m *Module) Description() *abi.Description { return m.description }

// Providers are the module's drivers, one a family.
func (m *Module) Providers() []*drivers.Provider { return slices.Clone(m.providers) }

// SHA256 is the digest of the module's file, in hex; empty if it was not read yet.
func (m *Module) SHA256() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sum
}

// Close ends the calls that still go and releases everything.
func (m *Module) Close() error {
	m.mu.Lock()
	m.closed = true
	p, cache := m.pool, m.cache
	m.pool, m.cache = nil, nil
	m.mu.Unlock()
	var err error
	if p != nil {
		err = p.close()
	}
	if cache != nil {
		if e := cache.Close(context.Background()); err == nil {
			err = e
		}
	}
	return err
}

// admit checks a description, and that it asks for no more than was granted.
func (m *Module) admit(d *abi.Description) error {
	if err := d.Check(); err != nil {
		return fmt.Errorf("%s: %w", m.source.name(), err)
	}
	if beyond := m.source.Grant.Beyond(d); len(beyond) > 0 {
		return fmt.Errorf("%s (%s %s) asks for more than it was granted: %w", m.source.name(), d.Name, d.Version, &ExcessError{Beyond: beyond})
	}
	return nil
}

// An ExcessError is what a module asks for beyond its grant.
type ExcessError struct{ Beyond []string }

func (e *ExcessError) Error() string {
	s := ""
	for i, b := range e.Beyond {
		if i > 0 {
			s += "; "
		}
		s += b
	}
	return s
}

// Beyond lists what d asks for and the grant does not give.
func (g Grant) Beyond(d *abi.Description) []string {
	if g.All {
		return nil
	}
	var beyond []string
	for _, h := range d.Hosts {
		if !slices.Contains(g.Hosts, h) {
			beyond = append(beyond, "requests to "+h)
		}
	}
	for _, c := range d.Credentials {
		if !slices.Contains(g.Credentials, c.String()) {
			beyond = append(beyond, "the credential "+c.String())
		}
	}
	if granted := max(g.MemoryMiB, (&abi.Description{}).MemoryMiB()); d.MemoryMiB() > granted {
		beyond = append(beyond, fmt.Sprintf("%d MiB of memory, not %d", d.MemoryMiB(), granted))
	}
	return beyond
}

// GrantOf is the grant that gives d what it asks for, no more.
func GrantOf(d *abi.Description) Grant {
	g := Grant{Hosts: slices.Clone(d.Hosts), MemoryMiB: d.MemoryMiB()}
	for _, c := range d.Credentials {
		g.Credentials = append(g.Credentials, c.String())
	}
	return g
}

// compiled returns the module's pool, which the first caller makes.
func (m *Module) compiled(ctx context.Context) (*pool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return nil, fmt.Errorf("%s: the module is closed", m.source.name())
	case m.pool != nil:
		return m.pool, nil
	}
	data, err := m.source.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("driver module: %w", err)
	}
	if len(data) > maxModule {
		return nil, fmt.Errorf("%s: the module has more than %d MiB", m.source.name(), maxModule>>20)
	}
	digest := sha256.Sum256(data)
	sum := hex.EncodeToString(digest[:])
	if want := m.source.SHA256; want != "" && want != sum {
		return nil, fmt.Errorf("%s: the module is not the one that was granted: its sha256 is %s, not %s", m.source.name(), sum, want)
	}
	cache, err := newCache(m.options.CacheDir)
	if err != nil {
		return nil, err
	}
	p, err := newPool(ctx, m, data, cache)
	if err == nil && m.description != nil {
		err = same(m.description, p.description)
		if err != nil {
			_ = p.close()
		}
	}
	if err != nil {
		_ = cache.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("%s: %w", m.source.name(), err)
	}
	m.pool, m.cache, m.sum = p, cache, sum
	return p, nil
}

func newCache(dir string) (wazero.CompilationCache, error) {
	if dir == "" {
		return wazero.NewCompilationCache(), nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache of compiled modules: %w", err)
	}
	return wazero.NewCompilationCacheWithDir(dir)
}
