package host

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Policy says what scripts may do, whatever they try. The zero Policy allows
// every operation of every driver, and grants nothing of this machine.
type Policy struct {
	ReadOnly   bool        // only operations that read
	Drivers    []string    // globs of drivers' names: "sim", "ec2"; empty is all
	Operations []string    // globs of family and operation: "compute.list_*", "*.get_*"; empty is all
	Effects    []op.Effect // what operations may do; empty is everything

	// What scripts may have of this machine; empty is nothing.
	Env   []string // globs of environment variables for env: "APP_*"
	Read  []string // folders for read_file and open_file, and all below them
	Write []string // folders for write_file, and all below them
	HTTP  []string // hosts for http: "api.example.com"
}

// check reports patterns that cannot be meant: malformed ones, and names of
// operations that a known family does not have.
func (p *Policy) check(families []*op.Family) error {
	for _, list := range []struct {
		rule     string
		patterns []string
	}{{"drivers", p.Drivers}, {"operations", p.Operations}, {"env", p.Env}} {
		for _, pattern := range list.patterns {
			if _, err := path.Match(pattern, ""); err != nil {
				return fmt.Errorf("policy: %s: %q is not a pattern: %w", list.rule, pattern, err)
			}
		}
	}
	for _, pattern := range p.Operations {
		family, name, ok := strings.Cut(pattern, ".")
		if !ok {
			return fmt.Errorf("policy: operations: %q lacks a family: write \"compute.%[1]s\", or \"*.%[1]s\" for all families", pattern)
		}
		i := slices.IndexFunc(families, func(f *op.Family) bool { return f.Name == family })
		if i < 0 || strings.ContainsAny(name, `*?[\`) {
			continue // a family that this host does not have, or a real pattern
		}
		if _, err := families[i].Lookup(name); err != nil {
			return fmt.Errorf("policy: operations: %s", op.AsError(err).Message)
		}
	}
	for _, e := range p.Effects {
		if all := e.Values(); !slices.Contains(all, string(e)) {
			return fmt.Errorf("policy: effects: there is no %q%s", e, op.DidYouMean(string(e), all))
		}
	}
	return nil
}

// driver refuses drivers that are not allowed, before they are opened.
func (p *Policy) driver(name string) error {
	if len(p.Drivers) == 0 || matchesAny(p.Drivers, name) {
		return nil
	}
	return denied("", name, fmt.Sprintf("the policy's rule drivers = %q does not allow %s; to allow it, add %q to the rule", p.Drivers, name, name))
}

// operation refuses what the policy does not allow, naming the rule.
func (p *Policy) operation(r *op.Request) error {
	if err := p.driver(r.Provider); err != nil {
		return err
	}
	o, effect := r.Op, r.Effect()
	switch {
	case p.ReadOnly && effect != op.Reads:
		return denied(o.Name, r.Provider, fmt.Sprintf("the policy's rule read_only does not allow %s, which %s; to allow it, turn read_only off", o, effect))
	case len(p.Effects) > 0 && !slices.Contains(p.Effects, effect):
		return denied(o.Name, r.Provider, fmt.Sprintf("the policy's rule effects = %q does not allow %s, which %s; to allow it, add %q to the rule", p.Effects, o, effect, effect))
	case len(p.Operations) > 0 && !matchesAny(p.Operations, o.String()):
		return denied(o.Name, r.Provider, fmt.Sprintf("the policy's rule operations = %q does not allow %s; to allow it, add %q to the rule", p.Operations, o, o))
	}
	return nil
}

func denied(operation, provider, message string) error {
	return &op.Error{Kind: op.PermissionDenied, Provider: provider, Op: operation, Message: message}
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name) // malformed patterns are refused by check
		return ok
	})
}

// policies are the embedder's and the configuration's: both must allow.
type policies []Policy

func (ps policies) intercept(ctx context.Context, r *op.Request, next op.Handler) (any, error) {
	for i := range ps {
		if err := ps[i].operation(r); err != nil {
			return nil, err
		}
	}
	return next(ctx, r)
}

func (ps policies) driver(p *drivers.Provider) error {
	for i := range ps {
		if err := ps[i].driver(p.Name); err != nil {
			return err
		}
	}
	return nil
}
