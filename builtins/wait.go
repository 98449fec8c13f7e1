package builtins

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/drivers/op"
)

const (
	waitTimeout  = 10 * time.Minute // unless the script says otherwise
	waitInterval = 5 * time.Second  // the longest pause between two looks
	settles      = 10 * time.Second // how long a provider may not find what it just made
)

// goneStates are those of a thing that a provider still shows after it is gone.
var goneStates = []string{"terminated", "deleted"}

// stateful reports whether values of the type can be waited for: they have a
// state, and can be asked for again.
func (r *record) stateful() bool {
	return r.typ.Field("state") != nil && r.conn.family().Methods(r.typ.Name)["refresh"] != nil
}

func (r *record) text(field string) string {
	return r.v.FieldByIndex(r.typ.Field(field).Index).String()
}

func (r *record) state() string { return r.text("state") }

// A hope is what a wait waits for: a field with one of some values.
type hope struct {
	field string
	want  []string
}

type hopes []hope

func (h hopes) met(r *record) bool {
	return !slices.ContainsFunc(h, func(h hope) bool { return !slices.Contains(h.want, r.text(h.field)) })
}

// seen is what r has in place of it: "running", or "enabled and unhealthy".
func (h hopes) seen(r *record) string {
	return h.words(func(h hope) string { return r.text(h.field) })
}

func (h hopes) String() string {
	return h.words(func(h hope) string { return strings.Join(h.want, " or ") })
}

func (h hopes) words(word func(hope) string) string {
	all := make([]string, len(h))
	for i := range h {
		all[i] = word(h[i])
	}
	return strings.Join(all, " and ")
}

// gone reports whether the end of the thing is what is hoped for.
func (h hopes) gone() bool {
	return slices.ContainsFunc(h, func(h hope) bool {
		return h.field == "state" && slices.ContainsFunc(h.want, func(w string) bool { return slices.Contains(goneStates, w) })
	})
}

// wait is the method wait(state=…, timeout="10m") of values with a state. A field
// of the value's that is an enumeration can be waited for like the state, or
// with it: member.wait(health="healthy"). It returns the value as it is then.
func (r *record) wait(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	given, fields := map[string]starlark.Value{}, r.typ.Waitable()
	var rest []starlark.Tuple
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		if name != "state" && slices.Contains(fields, name) {
			given[name] = kv[1]
		} else {
			rest = append(rest, kv)
		}
	}
	var state, timeout starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, rest, "state?", &state, "timeout?", &timeout); err != nil {
		return nil, err
	}
	if state != nil || len(given) == 0 {
		given["state"] = state
	}
	var all hopes
	for _, name := range slices.Sorted(maps.Keys(given)) {
		h, err := r.hope(name, given[name])
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	limit, err := lib.Duration(timeout, waitTimeout)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "wait: timeout: %w", err)
	}
	got, err := scopeOf(t).waitFor(r, all, limit)
	if err != nil {
		return nil, err
	}
	return got, nil
}

// hope reads one argument of wait: a value of the field, or a list of such.
func (r *record) hope(field string, v starlark.Value) (hope, error) {
	h := hope{field: field}
	wrong := op.Errorf(op.InvalidArgument, "wait: %s: want a string or a list of strings", field)
	if one, ok := v.(starlark.String); ok {
		h.want = []string{string(one)}
	} else if many, ok := v.(starlark.Iterable); ok {
		for v := range starlark.Elements(many) {
			s, ok := starlark.AsString(v)
			if !ok {
				return h, wrong
			}
			h.want = append(h.want, s)
		}
	}
	if len(h.want) == 0 {
		return h, wrong
	}
	known := r.typ.Field(field).Enum
	for _, s := range h.want {
		if known != nil && !slices.Contains(known, s) {
			return h, op.Errorf(op.InvalidArgument, "wait: a %s has no %s %q%s", r.typ.Name, field, s, op.DidYouMean(s, known))
		}
	}
	return h, nil
}

// waitFor asks for the record until it is as hoped. A thing that is not found any
// more is as good as terminated and deleted.
func (s *scope) waitFor(r *record, want hopes, timeout time.Duration) (*record, error) {
	start := time.Now()
	event := Event{Kind: "wait", What: r.label()}
	tell := func(done bool) {
		event.Elapsed, event.Done = time.Since(start), done
		s.tell(event)
	}
	defer tell(true)
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	gone := want.gone()
	last := r
	err := op.Poll(ctx, waitInterval, func(ctx context.Context) (bool, error) {
		next, err := last.refresh(ctx)
		if gone && op.KindOf(err) == op.NotFound {
			return true, nil
		}
		if op.KindOf(err) == op.NotFound && last == r && time.Since(start) < settles {
			return false, nil // what was just made may take a moment to be found
		}
		if err != nil {
			return false, err
		}
		last = next
		event.State = want.seen(last)
		tell(false)
		state := last.state()
		switch {
		case want.met(last):
			return true, nil
		case state == "error" && !gone, slices.Contains(goneStates, state):
			return false, op.Errorf(op.Conflict, "%s is in state %s and will not be %s", r.label(), state, want)
		}
		return false, nil
	})
	if err != nil && ctx.Err() == context.DeadlineExceeded && s.ctx.Err() == nil {
		err = op.Errorf(op.Timeout, "%s is %s, not %s, after %s; give wait a longer timeout, or look what holds it up",
			r.label(), want.seen(last), want, timeout)
	}
	if err != nil {
		e := *op.AsError(err)
		if e.Provider == "" {
			e.Provider = r.conn.conn.Provider.Name
		}
		if e.Op == "" || e.Kind == op.Timeout {
			e.Op = "wait"
		}
		return nil, &e
	}
	last.conn = last.conn.in(s)
	return last, nil
}

// waitArguments takes wait and timeout from the arguments of a method that
// deletes its receiver: node.destroy(wait = True, timeout = "5m"). It returns how
// long to wait, nil for not at all.
func waitArguments(o *op.Op, receiver *record, named map[string]any) (*time.Duration, error) {
	if o.Effect != op.Deletes || receiver == nil || receiver.conn.family().Methods(receiver.typ.Name)["refresh"] == nil {
		return nil, nil
	}
	wait, asked := named["wait"]
	timeout, given := named["timeout"]
	if !asked && !given || o.In().Field("wait") != nil || o.In().Field("timeout") != nil {
		return nil, nil
	}
	delete(named, "wait")
	delete(named, "timeout")
	on, ok := wait.(bool)
	if asked && !ok {
		return nil, op.Errorf(op.InvalidArgument, "wait: want True or False; how long is timeout's to say")
	}
	limit := waitTimeout
	if given {
		v, err := FromGo(timeout)
		if err == nil {
			limit, err = lib.Duration(v, waitTimeout)
		}
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "timeout: %w", err)
		}
	}
	if asked && !on {
		return nil, nil
	}
	return &limit, nil
}

// waitGone waits until a deleted thing is gone.
func (s *scope) waitGone(c *connection, r *record, timeout *time.Duration) error {
	if r.stateful() {
		_, err := s.waitFor(r, hopes{{"state", goneStates}}, *timeout)
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, *timeout)
	defer cancel()
	return op.Poll(ctx, waitInterval, func(ctx context.Context) (bool, error) {
		_, err := r.refresh(ctx)
		if op.KindOf(err) == op.NotFound {
			return true, nil
		}
		return false, err
	})
}
