package host

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// check holds the connections against the drivers: do they exist, is there one
// a family, does one of them know every key, is every value of its type.
func (c *Config) check(providers []*drivers.Provider) error {
	names := driverNames(providers)
	for _, name := range c.names() {
		conn, key := c.Connections[name], "connection."+name
		families := map[*op.Family]string{}
		var mine []*drivers.Provider
		for _, d := range conn.Drivers {
			of := byName(providers, d)
			if len(of) == 0 {
				return c.errorAt(key+".driver", "there is no driver %q%s", d, op.DidYouMean(d, names))
			}
			for _, p := range of {
				if other := families[p.Family]; other != "" {
					return c.errorAt(key+".driver", "%s and %s are both of the family %s: a connection has one driver a family", other, d, p.Family.Name)
				}
				families[p.Family] = d
				mine = append(mine, p)
			}
		}
		if of := byName(providers, name); len(of) > 0 && !containsAll(mine, of) {
			return c.errorAt(key, "the connection would hide the driver %s: give it another name", name)
		}
		for _, k := range c.sorted(conn.Values, key+".") {
			if err := c.checkValue(mine, key+"."+k, k, conn.Values[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkValue checks one value for all drivers that know its key.
func (c *Config) checkValue(providers []*drivers.Provider, key, name string, value any) error {
	known := false
	var fields []string
	for _, p := range providers {
		fields = append(fields, p.Config.Names()...)
		f := p.Config.Field(name)
		if f == nil {
			continue
		}
		known = true
		switch value.(type) {
		case FromEnv, FromCommand, op.Secret:
			continue
		}
		if f.IsSecret() {
			return c.errorAt(key, `a secret does not stand in the file: write {env = "NAME"} or {command = ["program", "argument"]}`)
		}
		if err := p.Config.Check(name, value); err != nil {
			return c.errorAt(key, "%s", op.AsError(err).Message)
		}
	}
	if !known {
		return c.errorAt(key, "%s has no setting %q%s", joinOr(driverNames(providers)), name,
			op.DidYouMean(name, append(fields, "driver", "rate_limit", "retries", "timeout")))
	}
	return nil
}

// resolve returns the configuration of one driver of a connection, its
// references looked up. What they hold appears in no error.
func (c *Config) resolve(ctx context.Context, name string, p *drivers.Provider) (map[string]any, error) {
	config := map[string]any{}
	for k, v := range c.Connections[name].Values {
		f := p.Config.Field(k)
		if f == nil {
			continue // another driver's of the connection
		}
		var text, where string
		var err error
		switch from := v.(type) {
		case FromEnv:
			where = "the environment variable " + string(from)
			text, err = fromEnv(from)
		case FromCommand:
			where = "the command " + from[0]
			text, err = fromCommand(ctx, from, filepath.Dir(c.path))
		default:
			config[k] = v
			continue
		}
		key := "connection." + name + "." + k
		if err != nil {
			return nil, &op.Error{Kind: op.KindOf(err), Provider: p.Name, Op: "open", Message: c.errorAt(key, "%s", op.AsError(err).Message).Error(), Err: op.AsError(err).Err}
		}
		if config[k], err = parseHidden(p.Config, f, text); err != nil {
			return nil, &op.Error{Kind: op.InvalidArgument, Provider: p.Name, Op: "open", Message: c.errorAt(key, "the value of %s is not a valid %s", where, f.TypeName()).Error()}
		}
	}
	return config, nil
}

// parseHidden reads a field's value from text. Its error may show the text.
func parseHidden(t *op.Type, f *op.Field, text string) (any, error) {
	if f.IsSecret() {
		return op.Secret(text), nil
	}
	v, err := f.Parse(text)
	if err == nil {
		err = t.Check(f.Name, v)
	}
	return v, err
}

func fromEnv(name FromEnv) (string, error) {
	switch text, ok := os.LookupEnv(string(name)); {
	case !ok:
		return "", op.Errorf(op.Unauthenticated, "the environment variable %s is not set", name)
	case text == "":
		return "", op.Errorf(op.Unauthenticated, "the environment variable %s is empty", name)
	default:
		return text, nil
	}
}

const (
	commandTime = time.Minute // a password manager may ask its user
	maxCommand  = 64 << 10    // bytes of what a command prints
)

// fromCommand runs a command in a folder, where relative paths are meant from.
func fromCommand(ctx context.Context, command FromCommand, dir string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	stdout, stderr := limited{max: maxCommand}, limited{max: 4 << 10}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", op.Errorf(op.KindOf(ctx.Err()), "the command %s was ended: %w", command[0], ctx.Err())
		}
		said, _, _ := strings.Cut(strings.TrimSpace(stderr.kept.String()), "\n")
		if said != "" {
			said = ": " + said
		}
		return "", op.Errorf(op.Unauthenticated, "the command %s failed: %w%s", command[0], err, said)
	}
	text := strings.TrimRight(stdout.kept.String(), "\r\n")
	switch {
	case stdout.over:
		return "", op.Errorf(op.InvalidArgument, "the command %s printed more than %d bytes", command[0], maxCommand)
	case text == "":
		return "", op.Errorf(op.Unauthenticated, "the command %s printed nothing", command[0])
	}
	return text, nil
}

// limited keeps the first max bytes that are written to it.
type limited struct {
	kept bytes.Buffer // not embedded: its ReadFrom knows no limit
	max  int
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	keep := min(len(p), l.max-l.kept.Len())
	l.over = l.over || keep < len(p)
	l.kept.Write(p[:keep])
	return len(p), nil
}

func (c *Config) names() []string {
	names := make(map[string]any, len(c.Connections))
	for name := range c.Connections {
		names[name] = nil
	}
	return c.sorted(names, "connection.")
}

// driverOf returns the provider that a connection uses for a family. One that has
// none lacks all operations of the family: the error is of kind unsupported.
func (c *Config) driverOf(name string, f *op.Family, providers []*drivers.Provider) (*drivers.Provider, error) {
	for _, d := range c.Connections[name].Drivers {
		for _, p := range byName(providers, d) {
			if p.Family == f {
				return p, nil
			}
		}
	}
	return nil, op.Errorf(op.Unsupported, "the connection %q has no driver of %s: it has %s", name, f.Name, joinAnd(c.Connections[name].Drivers))
}
