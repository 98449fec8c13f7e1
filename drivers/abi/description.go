package abi

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/cloudlark/cloudlark/drivers/op"
)

const defaultMemory = 64 // MiB

// MemoryMiB is how much an instance may have.
func (d *Description) MemoryMiB() int {
	if d.Memory == 0 {
		return defaultMemory
	}
	return d.Memory
}

// String is the whole of what a user grants with the slot, on one line.
func (c Credential) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", c.Name, c.Scheme)
	if c.Header != "" {
		fmt.Fprintf(&b, " (%s)", c.Header)
	}
	if c.Service != "" {
		fmt.Fprintf(&b, " (%s)", c.Service)
	}
	fmt.Fprintf(&b, " to %s", strings.Join(c.Hosts, ", "))
	if len(c.Env) > 0 {
		fmt.Fprintf(&b, ", from %s", strings.Join(c.Env, ", "))
	}
	return b.String()
}

var (
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	keyForm    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
	hostForm   = regexp.MustCompile(`^(\*\.)?([a-z0-9-]+|\{[a-z0-9_]+\})(\.([a-z0-9-]+|\{[a-z0-9_]+\}))*(:[0-9]{1,5})?$`)
	headerForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	wordForm   = regexp.MustCompile(`^[A-Za-z0-9_.{}-]*$`)
	envForm    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	versionRE  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+-]{0,39}$`)
)

// Check says what is wrong with a description by itself. Its families are the
// host's to know.
func (d *Description) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("the module's description: "+format, args...)
	}
	switch {
	case d.ABI != Version:
		return bad("it is for ABI version %d; this host has %d", d.ABI, Version)
	case !nameForm.MatchString(d.Name):
		return bad("name: %.80q is no name for a driver: lower-case letters, digits, \"-\" and \"_\"", d.Name)
	case !versionRE.MatchString(d.Version):
		return bad("version: %.80q is no version", d.Version)
	case len(d.Families) == 0:
		return bad("families: there are none")
	case d.Memory < 0 || d.Memory > 4096:
		return bad("memory_mib: %d is not from 0 to 4096", d.Memory)
	case len(d.Config) > maxEntries || len(d.Hosts) > maxEntries || len(d.Credentials) > maxEntries:
		return bad("there are more than %d values, hosts or credentials", maxEntries)
	case hasControl(d.Title, "") || len(d.Title) > 200 || hasControl(d.Website, "") || hasControl(d.Doc, "\n\t"):
		return bad("its texts have control characters, or its title has more than 200 bytes")
	}
	names := []string{"driver", "rate_limit", "retries", "timeout"} // a connection's own
	take := func(name string) error {
		if !keyForm.MatchString(name) {
			return bad("config: %.80q is no name for a value: lower-case letters, digits and \"_\"", name)
		}
		if slices.Contains(names, name) {
			return bad("config: there are two values %s", name)
		}
		names = append(names, name)
		return nil
	}
	for _, f := range d.Config {
		if err := take(f.Name); err != nil {
			return err
		}
		if err := f.check(); err != nil {
			return bad("config: %w", err)
		}
	}
	for _, h := range d.Hosts {
		if !hostForm.MatchString(h) {
			return bad("hosts: %.80q is no host", h)
		}
		if err := d.checkReferences(h); err != nil {
			return bad("hosts: %s: %w", h, err)
		}
	}
	for _, c := range d.Credentials {
		if err := d.checkCredential(c, take); err != nil {
			return bad("credentials: %.40s: %w", c.Name, err)
		}
	}
	for family, o := range d.Families {
		if hasControl(o.Doc, "\n\t") {
			return bad("%.40q: doc has control characters", family)
		}
		for name, why := range o.Missing {
			if hasControl(why, "\n\t") {
				return bad("%.40q: missing: %.40q has control characters", family, name)
			}
		}
		for name, fields := range o.Extras {
			if err := checkExtras(fields); err != nil {
				return bad("%.40q: extras of %.40q: %w", family, name, err)
			}
		}
	}
	return nil
}

const maxEntries = 200 // of a list that a user is to read

func checkExtras(fields []Field) error {
	if len(fields) > maxEntries {
		return fmt.Errorf("there are more than %d", maxEntries)
	}
	for i, f := range fields {
		if !keyForm.MatchString(f.Name) {
			return fmt.Errorf("%.80q is no name for a value", f.Name)
		}
		if slices.ContainsFunc(fields[:i], func(o Field) bool { return o.Name == f.Name }) {
			return fmt.Errorf("there are two values %s", f.Name)
		}
		if err := f.check(); err != nil {
			return err
		}
	}
	return nil
}

// hasControl reports whether text has control characters but those of allowed:
// a terminal would obey them.
func hasControl(text, allowed string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(allowed, r) })
}

// checkReferences: what a module asks for can be made of texts alone. Those
// are what the user reads, and what the user has set.
func (d *Description) checkReferences(text string) error {
	for _, name := range References(text) {
		i := slices.IndexFunc(d.Config, func(f Field) bool { return f.Name == name })
		if i < 0 {
			return fmt.Errorf("there is no configuration value %q", name)
		}
		if t := d.Config[i].Type; t != "" && t != "string" {
			return fmt.Errorf("the configuration value %q is of type %s, not a string", name, t)
		}
	}
	return nil
}

func (d *Description) checkCredential(c Credential, take func(string) error) error {
	if !slices.Contains(c.Scheme.Values(), string(c.Scheme)) {
		return fmt.Errorf("there is no scheme %.40q%s", c.Scheme, op.DidYouMean(string(c.Scheme), c.Scheme.Values()))
	}
	if !keyForm.MatchString(c.Name) {
		return fmt.Errorf("that is no name for a slot")
	}
	for _, name := range c.Fields() {
		if err := take(name); err != nil {
			return err
		}
	}
	if len(c.Hosts) == 0 {
		return fmt.Errorf("it names no hosts")
	}
	for _, h := range c.Hosts {
		if !slices.Contains(d.Hosts, h) {
			return fmt.Errorf("%.80s is not among the hosts that the module asks for", h)
		}
	}
	if len(c.Env) > len(c.Fields()) || slices.ContainsFunc(c.Env, func(e string) bool { return !envForm.MatchString(e) }) {
		return fmt.Errorf("env: want the names of environment variables, at most one for each of %s", strings.Join(c.Fields(), ", "))
	}
	if (c.Scheme == Header) != (c.Header != "") || c.Header != "" && !headerForm.MatchString(c.Header) || c.Prefix != "" && c.Header == "" {
		return fmt.Errorf("header and prefix are those of scheme header")
	}
	if (c.Scheme == SigV4) != (c.Service != "" && c.Region != "") {
		return fmt.Errorf("service and region are those of scheme sigv4")
	}
	for _, text := range []string{c.Service, c.Region} {
		if !wordForm.MatchString(text) {
			return fmt.Errorf("%.40q is no service and no region", text)
		}
		if err := d.checkReferences(text); err != nil {
			return err
		}
	}
	if hasControl(c.Prefix, "") || hasControl(c.Help, "\n\t") {
		return fmt.Errorf("its texts have control characters")
	}
	return nil
}

func (f Field) check() error {
	if f.Type != "" && !slices.Contains(Types, f.Type) {
		return fmt.Errorf("%s: there is no type %.40q%s", f.Name, f.Type, op.DidYouMean(f.Type, Types))
	}
	if f.Unit != "" && (f.Type != "int" || !slices.Contains([]string{"s", "bytes", "MiB", "GiB"}, f.Unit)) {
		return fmt.Errorf("%s: there is no unit %.40q for it", f.Name, f.Unit)
	}
	if hasControl(f.Help, "\n\t") || hasControl(f.Ref, "") || hasControl(f.Default, "\n\t") {
		return fmt.Errorf("%s: its texts have control characters", f.Name)
	}
	for _, word := range f.Enum {
		if word == "" || strings.Contains(word, ",") || hasControl(word, "") {
			return fmt.Errorf("%s: %.40q cannot be a word of an enumeration", f.Name, word)
		}
	}
	if f.Default != "" {
		of := op.Field{Go: goTypes[f.Type], Unit: f.Unit}
		v, err := of.Parse(f.Default)
		if err != nil {
			return fmt.Errorf("%s: default: %w", f.Name, err)
		}
		if x, ok := v.(float64); ok && (math.IsInf(x, 0) || math.IsNaN(x)) {
			return fmt.Errorf("%s: default: %s is no number that JSON has", f.Name, f.Default)
		}
	}
	return nil
}

var reference = regexp.MustCompile(`\{([a-z0-9_]+)\}`)

// References are the configuration values that stand in {braces}.
func References(text string) []string {
	var names []string
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

// Expand puts configuration values where {braces} name them.
func Expand(text string, value func(name string) string) string {
	return reference.ReplaceAllStringFunc(text, func(s string) string { return value(s[1 : len(s)-1]) })
}
