package engine

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// failed is what an error of the SDK means; a says what the daemon answered with.
func failed(err error, a *answer) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	e := &op.Error{Err: err, Message: brief(strings.TrimPrefix(err.Error(), "Error response from daemon: "))}
	if a != nil {
		e.RetryAfter = op.RetryAfter(a.header.Get("Retry-After"))
		e.RequestID = cmp.Or(a.header.Get("X-Request-Id"), a.header.Get("Request-Id"))
	}
	switch {
	case errors.Is(err, context.Canceled):
		e.Kind = op.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = op.Timeout
	default:
		e.Kind = cmp.Or(messages.KindOf(e.Message), kindOfError(err))
		if e.Kind == op.Internal && a != nil {
			e.Kind = cmp.Or(kindOfStatus(a.status), e.Kind)
		}
	}
	if errors.Is(err, os.ErrPermission) || strings.Contains(e.Message, "permission denied while trying to connect") {
		e.Kind = op.PermissionDenied
		e.Message += ": be in the group that owns the socket (often docker), or name another endpoint"
	}
	return e
}

// brief cuts what is no message but a page.
func brief(s string) string {
	if len(s) > 1000 {
		s = strings.ToValidUTF8(s[:1000], "") + "…"
	}
	return s
}

// messages are the kinds of errors that the daemon has no status of their own
// for, and of those that it passes on from a registry: with status 500, or none,
// as the answer has begun.
var messages = op.Wordings{
	{op.AlreadyExists, []string{"is already in use by container", "name conflicts with an existing object"}},
	{op.RateLimited, []string{"toomanyrequests", "429 too many requests"}},
	{op.NotFound, []string{"pull access denied", "manifest unknown", "name unknown", "repository does not exist", "tag does not exist", "no such image"}},
	{op.Unauthenticated, []string{"unauthorized", "authentication required", "no basic auth credentials", "incorrect username or password",
		"tls: certificate required", "tls: bad certificate", "client authentication (--tlsverify)"}},
	{op.PermissionDenied, []string{"requested access to the resource is denied", "x509: "}},
	{op.Conflict, []string{"port is already allocated", "address already in use", "is already in progress", "this node is not a swarm manager", "already in use by service"}},
	{op.QuotaExceeded, []string{"no space left on device"}},
	{op.InvalidArgument, []string{"invalid reference format", "invalid repository name", "gave http response to https client"}},
	{op.Unavailable, []string{"dial tcp", "connection refused", "no such host", "i/o timeout", "tls handshake timeout", "connection reset", "unexpected eof", "unexpected http status: 5", "exit status 255"}},
}

func kindOfError(err error) op.Kind {
	var network net.Error
	switch {
	case cerrdefs.IsNotFound(err):
		return op.NotFound
	case cerrdefs.IsInvalidArgument(err), errors.Is(err, reference.ErrReferenceInvalidFormat), errors.Is(err, reference.ErrNameContainsUppercase):
		return op.InvalidArgument
	case cerrdefs.IsConflict(err), cerrdefs.IsFailedPrecondition(err):
		return op.Conflict
	case cerrdefs.IsUnauthorized(err):
		return op.Unauthenticated
	case cerrdefs.IsPermissionDenied(err):
		return op.PermissionDenied
	case cerrdefs.IsResourceExhausted(err):
		return op.RateLimited
	case cerrdefs.IsNotImplemented(err):
		return op.Unsupported
	case cerrdefs.IsUnavailable(err), client.IsErrConnectionFailed(err), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &network):
		return op.Unavailable
	}
	return op.Internal
}

// kindOfStatus is for what the SDK has no error of its own for.
func kindOfStatus(status int) op.Kind {
	switch {
	case status == http.StatusNotFound:
		return op.NotFound
	case status == http.StatusConflict:
		return op.Conflict
	case status == http.StatusUnauthorized:
		return op.Unauthenticated
	case status == http.StatusForbidden:
		return op.PermissionDenied
	case status == http.StatusTooManyRequests:
		return op.RateLimited
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return op.Unavailable
	case status >= 400 && status < 500:
		return op.InvalidArgument
	}
	return ""
}
