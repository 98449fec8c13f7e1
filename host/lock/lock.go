// Package lock keeps which driver modules a project uses, where they come from,
// and what they were granted: cloudlark.lock.
//
// A module is pinned by the digest of its file. A file that is another one, or
// that asks for more than it was granted, is refused when it is to be used;
// [Lock.Sources] is what a host is given.
package lock

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/wasm"
)

// Name is the file's name.
const Name = "cloudlark.lock"

// A Driver is one entry.
type Driver struct {
	Name        string   `toml:"name"`
	Version     string   `toml:"version"`
	Source      string   `toml:"source"` // a file, relative to the lock file's folder; an https URL; oci://repository@digest
	SHA256      string   `toml:"sha256"`
	Families    []string `toml:"families"`
	Hosts       []string `toml:"hosts"`       // granted
	Credentials []string `toml:"credentials"` // granted, as abi.Credential.String has them
	MemoryMiB   int      `toml:"memory_mib"`  // granted
}

// Grant is what the driver may do.
func (d Driver) Grant() wasm.Grant {
	return wasm.Grant{Hosts: d.Hosts, Credentials: d.Credentials, MemoryMiB: d.MemoryMiB}
}

// A Lock is a lock file.
type Lock struct {
	Path    string   `toml:"-"`
	Drivers []Driver `toml:"driver"`
}

const heading = "# Drivers that are WebAssembly modules, and what they were granted. Written by cloudlark driver add.\n\n"

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Find returns the lock file that is in force in dir: the nearest from dir
// upward, else the one in the user's configuration folder; empty if there is none.
func Find(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", Name, err)
	}
	var candidates []string
	for ; ; dir = filepath.Dir(dir) {
		candidates = append(candidates, filepath.Join(dir, Name))
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if user, err := UserPath(); err == nil { // a user without a home has none
		candidates = append(candidates, user)
	}
	for _, path := range candidates {
		switch info, err := os.Stat(path); {
		case err == nil && !info.IsDir():
			return path, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("find %s: %w", Name, err)
		}
	}
	return "", nil
}

// UserPath is the lock file of the user's configuration folder.
func UserPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "cloudlark", Name), nil
}

// Read reads a lock file; one that does not exist is empty.
func Read(path string) (*Lock, error) {
	l := &Lock{Path: path}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	d := toml.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(l); err != nil {
		return nil, fmt.Errorf("%s: %w", path, tomlError(err))
	}
	for i, d := range l.Drivers {
		switch {
		case d.Name == "" || d.Source == "":
			return nil, fmt.Errorf("%s: driver %d has no name or no source", path, i+1)
		case !digestForm.MatchString(d.SHA256):
			return nil, fmt.Errorf("%s: %s: sha256 is no digest of 64 hexadecimal digits", path, d.Name)
		case slices.ContainsFunc(l.Drivers[:i], func(e Driver) bool { return e.Name == d.Name }):
			return nil, fmt.Errorf("%s: the driver %s is there twice", path, d.Name)
		}
	}
	return l, nil
}

func tomlError(err error) error {
	if e, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		return fmt.Errorf("there is a key that does not belong here:\n%s", e)
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, column := e.Position()
		return fmt.Errorf("%d:%d: %w", row, column, err)
	}
	return err
}

// Write writes the lock file, whole or not at all.
func (l *Lock) Write() error {
	slices.SortFunc(l.Drivers, func(a, b Driver) int { return strings.Compare(a.Name, b.Name) })
	var b bytes.Buffer
	b.WriteString(heading)
	enc := toml.NewEncoder(&b)
	enc.SetArraysMultiline(true)
	if err := enc.Encode(l); err != nil {
		return err
	}
	return writeFile(l.Path, b.Bytes())
}

func writeFile(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Find returns the entry of that name, nil if there is none.
func (l *Lock) Find(name string) *Driver {
	for i := range l.Drivers {
		if l.Drivers[i].Name == name {
			return &l.Drivers[i]
		}
	}
	return nil
}

// Put adds an entry, or replaces the one of its name.
func (l *Lock) Put(d Driver) {
	if old := l.Find(d.Name); old != nil {
		*old = d
		return
	}
	l.Drivers = append(l.Drivers, d)
}

// Remove takes an entry out.
func (l *Lock) Remove(name string) error {
	i := slices.IndexFunc(l.Drivers, func(d Driver) bool { return d.Name == name })
	if i < 0 {
		var names []string
		for _, d := range l.Drivers {
			names = append(names, d.Name)
		}
		return fmt.Errorf("%s has no driver %q%s", l.Path, name, op.DidYouMean(name, names))
	}
	l.Drivers = slices.Delete(l.Drivers, i, i+1)
	return nil
}

// EntryOf is the entry that grants a module what it asks for.
func EntryOf(d *abi.Description, source, sha256 string) Driver {
	g := wasm.GrantOf(d)
	e := Driver{Name: d.Name, Version: d.Version, Source: source, SHA256: sha256, Hosts: g.Hosts, Credentials: g.Credentials, MemoryMiB: g.MemoryMiB}
	for name := range d.Families {
		e.Families = append(e.Families, name)
	}
	slices.Sort(e.Families)
	return e
}

// Sources are the modules as a host takes them. What a module said of itself
// when it was added is kept in cache, so that nothing is compiled for a script
// that does not use it.
func (l *Lock) Sources(cache *Cache) []wasm.Source {
	var sources []wasm.Source
	for _, d := range l.Drivers {
		fetch := &Fetcher{Dir: filepath.Dir(l.Path), Cache: cache}
		sources = append(sources, wasm.Source{Name: d.Name, SHA256: d.SHA256, Grant: d.Grant(), Description: cache.Description(d.SHA256),
			Described: func(a *abi.Description) { _ = cache.Keep(d.SHA256, a) }, // or it is asked again
			Fetch:     func(ctx context.Context) ([]byte, error) { return fetch.Pinned(ctx, d) }})
	}
	return sources
}

// A Cache is a folder of the user's that keeps modules that were fetched, and
// what modules said of themselves, by their digests.
type Cache struct{ Dir string }

func (c *Cache) path(sha256, suffix string) string { return filepath.Join(c.Dir, sha256+suffix) }

// Description is what the module of that digest said of itself, nil if that is
// not known.
func (c *Cache) Description(sha256 string) *abi.Description {
	data, err := os.ReadFile(c.path(sha256, ".json"))
	if err != nil {
		return nil
	}
	d := new(abi.Description)
	if json.Unmarshal(data, d) != nil || d.Check() != nil {
		return nil
	}
	return d
}

// Keep keeps what a module said of itself.
func (c *Cache) Keep(sha256 string, d *abi.Description) error {
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return writeFile(c.path(sha256, ".json"), data)
}

// Module is the module of that digest, if it was kept.
func (c *Cache) Module(sha256 string) ([]byte, bool) {
	data, err := os.ReadFile(c.path(sha256, ".wasm"))
	return data, err == nil
}

// KeepModule keeps a module that was fetched.
func (c *Cache) KeepModule(sha256 string, data []byte) error {
	return writeFile(c.path(sha256, ".wasm"), data)
}
