package host

import (
	"context"

	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Session is a script that is typed line by line. It has the Host's policy
// and limits, and no limit of time. It is not safe for concurrent use.
type Session struct {
	*builtins.Session
	run *run
}

// Session begins a session. s.Path may be empty; load works within s.FS.
func (h *Host) Session(s Script) (*Session, error) {
	if h.isClosed() {
		return nil, op.Errorf(op.Canceled, "%w", errClosed)
	}
	r := &run{host: h}
	return &Session{builtins.NewSession(r.options(s)), r}, nil
}

// Eval runs what was typed and returns an expression's value, nil for
// statements. ctx ends what was typed, not the session.
func (s *Session) Eval(ctx context.Context, src string) (starlark.Value, error) {
	ctx, end, err := s.run.host.begin(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer end()
	return s.Session.Eval(ctx, src)
}

// Created lists what the session made and did not delete again, in order.
func (s *Session) Created() []Created { return s.run.journal.list() }

// Close ends the session and closes its own connections.
func (s *Session) Close() {
	s.Session.Close()
	s.run.close()
}
