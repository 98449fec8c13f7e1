package main

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/lock"
	"github.com/cloudlark/cloudlark/host/wasm"
)

// driver is `cloudlark driver …`: drivers that are WebAssembly modules.
func (a *app) driver() *cobra.Command {
	c := &cobra.Command{
		Use:   "driver",
		Short: "Drivers that are WebAssembly modules: make, test, add",
		Long: `Drivers that are not built in are WebAssembly modules: sandboxed, in any language.

  cloudlark driver add FILE|URL|REFERENCE   use one, having seen what it asks for
  cloudlark driver list                     which are used here
  cloudlark driver remove NAME

  cloudlark driver new --lang go NAME       begin one
  cloudlark driver build FOLDER
  cloudlark driver inspect FILE             what it is, without granting anything
  cloudlark driver test FILE                the conformance suite

What was added, from where, and what it was granted is in ` + lock.Name + `.`,
	}
	c.AddCommand(a.driverAdd(), a.driverList(), a.driverRemove(), a.driverNew(), a.driverBuild(), a.driverInspect(), a.driverTest())
	return c
}

// cacheFolder is where the command keeps what it could make again.
func cacheFolder(name string) string {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cloudlark-%d", os.Getuid()))
	}
	return filepath.Join(base, "cloudlark", name)
}

func moduleCache() *lock.Cache { return &lock.Cache{Dir: cacheFolder("modules")} }

// modules are those of the lock file that is in force in dir.
func modules(dir string) ([]wasm.Source, error) {
	path, err := lock.Find(dir)
	if err != nil || path == "" {
		return nil, err
	}
	l, err := lock.Read(path)
	if err != nil {
		return nil, err
	}
	return l.Sources(moduleCache()), nil
}

// load loads a module from where it is, granting it everything: that is only
// to ask it what it is, unless limited by grant.
func (a *app) load(ctx context.Context, source string) (*wasm.Module, []byte, error) {
	f := &lock.Fetcher{Cache: moduleCache()}
	data, err := f.Fetch(ctx, source)
	if err != nil {
		return nil, nil, err
	}
	m, err := wasm.Load(ctx, wasm.Source{Name: source, Bytes: data, Grant: wasm.Grant{All: true}},
		wasm.Options{CacheDir: cacheFolder("compiled"), Logger: a.logger(), Getenv: os.Getenv})
	return m, data, err
}

func (a *app) driverInspect() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect FILE|URL|REFERENCE",
		Short: "What a module is, offers and asks for",
		Long: `Load a module, granting it nothing, and show what it says of itself: its operations,
its configuration, and what it asks for. A module comes from a file, an https URL, or an
OCI registry: oci://registry/repository@sha256:…`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, data, err := a.load(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			d := m.Description()
			if a.flags.output == "json" {
				return a.json(a.out, struct {
					SHA256 string `json:"sha256"`
					Size   int    `json:"size"`
					*abi.Description
				}{lock.Digest(data), len(data), d})
			}
			fmt.Fprintf(a.out, "%s %s: %s\n", d.Name, d.Version, d.Title)
			if d.Website != "" {
				fmt.Fprintln(a.out, d.Website)
			}
			fmt.Fprintf(a.out, "sha256 %s, %d bytes, ABI version %d\n", lock.Digest(data), len(data), d.ABI)
			a.asks(d)
			for _, p := range m.Providers() {
				fmt.Fprintln(a.out)
				a.provider(p)
			}
			return nil
		},
	}
}

// asks prints what a module wants.
func (a *app) asks(d *abi.Description) {
	fmt.Fprintln(a.out, "\nIt asks for:")
	for _, h := range d.Hosts {
		fmt.Fprintf(a.out, "  requests to %s%s\n", h, defaultOf(d, h))
	}
	for _, c := range d.Credentials {
		fmt.Fprintf(a.out, "  the credential %s\n", c)
		if c.Help != "" {
			fmt.Fprintf(a.out, "      %s\n", c.Help)
		}
	}
	fmt.Fprintf(a.out, "  %d MiB of memory\n", d.MemoryMiB())
	if d.Stateful {
		fmt.Fprintln(a.out, "  one instance that is kept, since it keeps its state in memory")
	}
}

// defaultOf says what the values in a host are where the user sets none.
func defaultOf(d *abi.Description, host string) string {
	var words []string
	for _, name := range abi.References(host) {
		for _, f := range d.Config {
			if f.Name == name && f.Default != "" {
				words = append(words, fmt.Sprintf("{%s} is %s unless you configure it", name, f.Default))
			} else if f.Name == name {
				words = append(words, fmt.Sprintf("{%s} is what you configure", name))
			}
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, "; ") + ")"
}

func (a *app) driverAdd() *cobra.Command {
	var yes, user bool
	c := &cobra.Command{
		Use:   "add FILE|URL|REFERENCE",
		Short: "Use a module, having seen what it asks for",
		Long: `Show what a module asks for, and on consent write it, its digest and what it is granted
into ` + lock.Name + `: the nearest one from here up, or a new one here. Scripts can then
use it like any driver. Adding it again shows what has changed.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path, err := lockPath(user)
			if err != nil {
				return err
			}
			l, err := lock.Read(path)
			if err != nil {
				return usageError{err}
			}
			f := &lock.Fetcher{Cache: moduleCache()}
			source, err := f.Resolve(c.Context(), args[0])
			if err != nil {
				return err
			}
			m, data, err := a.load(c.Context(), source)
			if err != nil {
				return err
			}
			defer m.Close()
			if err := a.notBuiltIn(m); err != nil {
				return err
			}
			if source, err = relative(path, source); err != nil {
				return err
			}
			entry := lock.EntryOf(m.Description(), source, lock.Digest(data))
			old := l.Find(entry.Name)
			if old != nil && old.SHA256 == entry.SHA256 && old.Source == entry.Source && len(old.Grant().Beyond(m.Description())) == 0 {
				fmt.Fprintf(a.out, "%s has %s %s already.\n", path, entry.Name, entry.Version)
				return nil
			}
			fmt.Fprintf(a.out, "%s %s: %s, for %s\n", entry.Name, entry.Version, m.Description().Title, strings.Join(entry.Families, ", "))
			fmt.Fprintf(a.out, "sha256 %s\n", entry.SHA256)
			a.asks(m.Description())
			if old != nil {
				a.changes(old, entry, m.Description())
			}
			if !yes {
				if err := a.consent(fmt.Sprintf("Grant that, and write it to %s?", path)); err != nil {
					return err
				}
			}
			cache := moduleCache()
			if strings.Contains(source, "://") {
				if err := cache.KeepModule(entry.SHA256, data); err != nil {
					return err
				}
			}
			if err := cache.Keep(entry.SHA256, m.Description()); err != nil {
				return err
			}
			l.Put(entry)
			if err := l.Write(); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Added to %s. Try: cloudlark drivers %s\n", path, entry.Name)
			return nil
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "consent without being asked")
	c.Flags().BoolVar(&user, "user", false, "for all projects of yours: the lock file of your configuration folder")
	return c
}

// lockPath is the lock file to write.
func lockPath(user bool) (string, error) {
	if user {
		return lock.UserPath()
	}
	path, err := lock.Find(".")
	if err != nil {
		return "", err
	}
	if own, err := lock.UserPath(); path == "" || err == nil && path == own {
		return filepath.Abs(lock.Name)
	}
	return path, nil
}

// relative is a file as the lock file at path names it.
func relative(path, source string) (string, error) {
	if strings.Contains(source, "://") {
		return source, nil
	}
	abs, err := filepath.Abs(source)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(filepath.Dir(path), abs)
	if err != nil || strings.HasPrefix(rel, "..") {
		return abs, nil
	}
	return filepath.ToSlash(rel), nil
}

// notBuiltIn refuses a module with the name of a driver that is there.
func (a *app) notBuiltIn(m *wasm.Module) error {
	for _, p := range m.Providers() {
		for _, q := range builtIn() {
			if p.Name == q.Name && p.Family == q.Family {
				return usage("there is a built-in driver %s of %s: a module of that name cannot be added", q.Name, q.Family.Name)
			}
		}
	}
	return nil
}

// changes prints how an entry differs from the one that it replaces.
func (a *app) changes(old *lock.Driver, now lock.Driver, d *abi.Description) {
	fmt.Fprintf(a.out, "\nIt replaces %s %s:\n", old.Name, old.Version)
	if old.SHA256 != now.SHA256 {
		fmt.Fprintf(a.out, "  another module: its sha256 was %s\n", old.SHA256)
	}
	if old.Source != now.Source {
		fmt.Fprintf(a.out, "  from elsewhere: it came from %s\n", old.Source)
	}
	for _, b := range old.Grant().Beyond(d) {
		fmt.Fprintf(a.out, "  new: %s\n", b)
	}
	for _, h := range old.Hosts {
		if !slices.Contains(now.Hosts, h) {
			fmt.Fprintf(a.out, "  no longer: requests to %s\n", h)
		}
	}
	for _, c := range old.Credentials {
		if !slices.Contains(now.Credentials, c) {
			fmt.Fprintf(a.out, "  no longer: the credential %s\n", c)
		}
	}
}

// consent asks a person.
func (a *app) consent(question string) error {
	if !terminal(a.in) {
		return usage("%s There is nobody to ask: consent with --yes", question)
	}
	fmt.Fprintf(a.out, "\n%s [y/N] ", question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil {
		return err
	}
	if s := strings.ToLower(strings.TrimSpace(answer)); s != "y" && s != "yes" {
		return op.Errorf(op.Canceled, "nothing was added")
	}
	return nil
}

func (a *app) driverList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "The modules that are used here",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			path, err := lock.Find(".")
			if err != nil {
				return err
			}
			l := &lock.Lock{}
			if path != "" {
				if l, err = lock.Read(path); err != nil {
					return usageError{err}
				}
			}
			if a.flags.output == "json" {
				type row struct {
					Name        string   `json:"name"`
					Version     string   `json:"version"`
					Source      string   `json:"source"`
					SHA256      string   `json:"sha256"`
					Families    []string `json:"families"`
					Hosts       []string `json:"hosts"`
					Credentials []string `json:"credentials"`
					MemoryMiB   int      `json:"memory_mib"`
				}
				rows := []row{}
				for _, d := range l.Drivers {
					rows = append(rows, row(d))
				}
				return a.json(a.out, map[string]any{"file": path, "drivers": rows})
			}
			if path == "" {
				fmt.Fprintf(a.out, "There is no %s here or above: no module was added.\n", lock.Name)
				return nil
			}
			fmt.Fprintln(a.out, path)
			var rows [][]string
			for _, d := range l.Drivers {
				rows = append(rows, []string{d.Name, d.Version, strings.Join(d.Families, " "), d.Source, d.SHA256[:12], strings.Join(d.Hosts, " ")})
			}
			a.table([]string{"NAME", "VERSION", "FAMILIES", "SOURCE", "SHA256", "HOSTS"}, rows)
			return nil
		},
	}
}

func (a *app) driverRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Use a module no longer",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path, err := lock.Find(".")
			if err != nil {
				return err
			}
			if path == "" {
				return usage("there is no %s here or above: no module was added", lock.Name)
			}
			l, err := lock.Read(path)
			if err != nil {
				return usageError{err}
			}
			if err := l.Remove(args[0]); err != nil {
				return usageError{err}
			}
			if err := l.Write(); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Removed %s from %s.\n", args[0], path)
			return nil
		},
	}
}

// exists reports whether a file is there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// copySources writes a folder of fsys to dir, less tests.
func copySources(fsys fs.FS, from, dir string, edit func(path string, data []byte) (string, []byte)) error {
	return fs.WalkDir(fsys, from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		name, data := edit(strings.TrimPrefix(strings.TrimPrefix(path, from), "/"), data)
		if name == "" {
			return nil
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}
