package lxd

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// refused is the error of a response: the API's own, or a page of what stands in
// front of it.
func refused(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return failed(err)
	}
	var a answer
	if json.Unmarshal(data, &a) != nil || a.Error == "" {
		a.Error = cmp.Or(strings.TrimSpace(string(data)), resp.Status)
	}
	e := refusal(resp.StatusCode, a.Error)
	e.RetryAfter = op.RetryAfter(resp.Header.Get("Retry-After"))
	return e
}

// refusal is what a status and the server's words mean. An operation that failed
// has only words.
func refusal(status int, message string) *op.Error {
	message = strings.TrimSpace(message)
	if len(message) > 1000 {
		message = strings.ToValidUTF8(message[:1000], "") + "…"
	}
	e := &op.Error{Kind: cmp.Or(messages.KindOf(message), kindOfStatus(status)), Message: message}
	if e.Kind == op.PermissionDenied {
		e.Message += ": the client's certificate is not trusted with this, or not in this project"
	}
	return e
}

// noListener is what the server says of a proxy device that cannot listen, unless it
// comes to say why: that the address is in use.
const noListener = "from listener process"

// messages are the kinds of what the server says in words, in the order in which
// they decide.
var messages = op.Wordings{
	{op.Unavailable, []string{"connection refused", "no such host", "network is unreachable", "no route to host", "i/o timeout", "tls handshake timeout", "connection reset", "temporary failure in name resolution", "daemon is starting", "unexpected eof"}},
	{op.Conflict, []string{"address already in use", noListener, "instance is not running", "instance is running", "already running", "already stopped", "is busy running", "is currently in use", "is in use", "fingerprint matches existing"}},
	{op.AlreadyExists, []string{"already exists", "already in use"}},
	{op.QuotaExceeded, []string{"no space left on device", "reached maximum", "quota exceeded", "limit reached"}},
	{op.InvalidArgument, []string{"line breaks", "missing source path", "invalid ", "unknown configuration key", "failed to exec"}},
	{op.NotFound, []string{"not found", "couldn't be found", "does not exist", "doesn't exist"}},
}

func kindOfStatus(status int) op.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return op.Unauthenticated
	case status == http.StatusForbidden:
		return op.PermissionDenied
	case status == http.StatusNotFound:
		return op.NotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed, status == http.StatusLocked:
		return op.Conflict
	case status == http.StatusTooManyRequests:
		return op.RateLimited
	case status == http.StatusInsufficientStorage:
		return op.QuotaExceeded
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return op.Unavailable
	case status >= 400 && status < 500:
		return op.InvalidArgument
	}
	return op.Internal
}

// failed is what an error on the way to the server and back means.
func failed(err error) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	e := &op.Error{Err: err, Message: err.Error()}
	var network net.Error
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var alert tls.AlertError
	switch {
	case errors.Is(err, context.Canceled):
		e.Kind = op.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = op.Timeout
	case errors.Is(err, os.ErrPermission):
		e.Kind = op.PermissionDenied
		e.Message += ": be in the group that owns the socket (lxd, incus-admin), or name another endpoint"
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &host):
		e.Kind = op.PermissionDenied
		e.Message += ": name the server's certificate with server_cert or fingerprint"
	case errors.As(err, &alert):
		e.Kind = op.Unauthenticated
	case errors.Is(err, syscall.ENOENT), errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		e.Kind = op.Unavailable
	default:
		e.Kind = op.Internal
	}
	return e
}
