package builtins

import (
	"context"
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

func (r *record) state() string { return r.v.FieldByIndex(r.typ.Field("state").Index).String() }

// wait is the method wait(state=…, timeout="10m") of values with a state. It
// returns the value as it is then.
func (r *record) wait(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var state, timeout starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "state", &state, "timeout?", &timeout); err != nil {
		return nil, err
	}
	var want []string
	if one, ok := starlark.AsString(state); ok {
		want = []string{one}
	} else if many, ok := state.(starlark.Iterable); ok {
		for v := range starlark.Elements(many) {
			s, ok := starlark.AsString(v)
			if !ok {
				return nil, op.Errorf(op.InvalidArgument, "wait: state: want a string or a list of strings")
			}
			want = append(want, s)
		}
	}
	if len(want) == 0 {
		return nil, op.Errorf(op.InvalidArgument, "wait: state: want a string or a list of strings")
	}
	known := r.typ.Field("state").Enum
	for _, s := range want {
		if known != nil && !slices.Contains(known, s) {
			return nil, op.Errorf(op.InvalidArgument, "wait: a %s has no state %q%s", r.typ.Name, s, op.DidYouMean(s, known))
		}
	}
	limit, err := lib.Duration(timeout, waitTimeout)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "wait: timeout: %w", err)
	}
	got, err := scopeOf(t).waitFor(r, want, limit)
	if err != nil {
		return nil, err
	}
	return got, nil
}

// waitFor asks for the record until it is in one of the states. A thing that is
// not found any more is as good as terminated and deleted.
func (s *scope) waitFor(r *record, want []string, timeout time.Duration) (*record, error) {
	start := time.Now()
	event := Event{Kind: "wait", What: r.label()}
	tell := func(done bool) {
		event.Elapsed, event.Done = time.Since(start), done
		s.tell(event)
	}
	defer tell(true)
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	gone := slices.ContainsFunc(want, func(w string) bool { return slices.Contains(goneStates, w) })
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
		event.State = last.state()
		tell(false)
		switch {
		case slices.Contains(want, event.State):
			return true, nil
		case event.State == "error" && !gone, slices.Contains(goneStates, event.State):
			return false, op.Errorf(op.Conflict, "%s is in state %s and will not be %s", r.label(), event.State, strings.Join(want, " or "))
		}
		return false, nil
	})
	if err != nil && ctx.Err() == context.DeadlineExceeded && s.ctx.Err() == nil {
		err = op.Errorf(op.Timeout, "%s is %s, not %s, after %s; give wait a longer timeout, or look what holds it up",
			r.label(), last.state(), strings.Join(want, " or "), timeout)
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
		_, err := s.waitFor(r, goneStates, *timeout)
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
