package op

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Kind says what went wrong, in the same words for every provider. A Kind is
// itself an error, so that errors.Is(err, op.NotFound) asks any error for it.
type Kind string

const (
	NotFound         Kind = "not_found"         // the thing named is not there
	AlreadyExists    Kind = "already_exists"    // a thing of that name is there already
	InvalidArgument  Kind = "invalid_argument"  // the call can never succeed as it was made
	Unauthenticated  Kind = "unauthenticated"   // no credentials, or the provider does not accept them
	PermissionDenied Kind = "permission_denied" // the credentials, or the host's policy, do not allow it
	QuotaExceeded    Kind = "quota_exceeded"    // a limit of the account or of the capacity stands against it
	RateLimited      Kind = "rate_limited"      // too many requests: refused without effect, retried later
	Conflict         Kind = "conflict"          // the thing is not in a state that allows it
	Unavailable      Kind = "unavailable"       // the provider failed or could not be reached; may have had effect
	Timeout          Kind = "timeout"           // time ran out; may have had effect
	Canceled         Kind = "canceled"          // the caller gave up
	Unsupported      Kind = "unsupported"       // the provider does not have it
	Internal         Kind = "internal"          // a defect: in the driver, or damaged data
)

// Kinds lists every kind, in the order of the constants.
var Kinds = []Kind{NotFound, AlreadyExists, InvalidArgument, Unauthenticated, PermissionDenied, QuotaExceeded,
	RateLimited, Conflict, Unavailable, Timeout, Canceled, Unsupported, Internal}

func (k Kind) Error() string { return strings.ReplaceAll(string(k), "_", " ") }

// Values makes Kind an enumeration.
func (Kind) Values() []string {
	s := make([]string, len(Kinds))
	for i, k := range Kinds {
		s[i] = string(k)
	}
	return s
}

// An Error is what every operation fails with.
type Error struct {
	Kind       Kind          `json:"kind"`
	Provider   string        `json:"provider,omitempty"`   // the driver's name: "ec2"
	Op         string        `json:"op,omitempty"`         // the row's name: "create_node"
	Message    string        `json:"message"`              // what happened to what, in the provider's words where it has any
	Code       string        `json:"code,omitempty"`       // the provider's own code: "InvalidInstanceID.NotFound"
	RequestID  string        `json:"request_id,omitempty"` // what the provider's support asks for
	RetryAfter time.Duration `json:"-"`                    // how long the provider asks to wait; 0 if it does not say
	Err        error         `json:"-"`                    // the cause, for errors.As in Go; never shown to scripts
}

// Errorf returns an *Error of the given kind. Errors formatted with %w are its cause.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	cause := errors.Unwrap(err)
	if _, several := err.(interface{ Unwrap() []error }); several {
		cause = err
	}
	return &Error{Kind: kind, Message: err.Error(), Err: cause}
}

// Error reads "create_node (ec2): invalid argument: message [Code] (request id …)".
func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.Op != "" && e.Provider != "":
		fmt.Fprintf(&b, "%s (%s): ", e.Op, e.Provider)
	case e.Op != "" || e.Provider != "":
		b.WriteString(e.Op + e.Provider + ": ")
	}
	b.WriteString(e.Kind.Error())
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Code != "" && !strings.Contains(e.Message, e.Code) {
		b.WriteString(" [" + e.Code + "]")
	}
	if e.RequestID != "" {
		b.WriteString(" (request id " + e.RequestID + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, op.NotFound) true for an error of that kind.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// AsError returns err as an *Error: itself if it is one, else one of the kind
// that fits (canceled, timeout, a bare Kind, or internal). It is nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return &Error{Kind: k, Message: err.Error(), Err: err}
	}
	kind := Internal
	switch {
	case errors.Is(err, context.Canceled):
		kind = Canceled
	case errors.Is(err, context.DeadlineExceeded):
		kind = Timeout
	}
	return &Error{Kind: kind, Message: err.Error(), Err: err}
}

// RetryAfter reads the header Retry-After, which is a number of seconds or a
// date, in one of the three forms that HTTP has had; 0 if it says neither.
func RetryAfter(header string) time.Duration {
	if s, err := strconv.ParseFloat(header, 64); err == nil && s > 0 {
		return time.Duration(s * float64(time.Second))
	}
	for _, form := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if at, err := time.Parse(form, header); err == nil {
			return max(0, time.Until(at))
		}
	}
	return 0
}

// KindOf returns the kind of err, or "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	return AsError(err).Kind
}

// KindOfFailure is the kind of a request that was not answered, or whose answer
// cannot be read, as a proxy's page in place of the service's JSON: it is
// unavailable. It is internal where err is neither, for a driver to know better.
func KindOfFailure(err error) Kind {
	var network interface { // net.Error, without package net
		error
		Timeout() bool
		Temporary() bool
	}
	var syntax *json.SyntaxError
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.As(err, &syntax), errors.As(err, &mistyped):
		return Unavailable
	}
	return Internal
}

// Wordings are the kinds of what a provider says in words alone, in lower case; the
// first of which the words are there decides.
type Wordings []struct {
	Kind  Kind
	Words []string
}

// KindOf is the kind of a message, "" if none of the words is in it.
func (w Wordings) KindOf(message string) Kind {
	message = strings.ToLower(message)
	for _, m := range w {
		for _, words := range m.Words {
			if strings.Contains(message, words) {
				return m.Kind
			}
		}
	}
	return ""
}

// at returns err as an *Error that says where it happened, without changing
// one that may be shared.
func at(err error, r *Request) error {
	if err == nil {
		return nil
	}
	e := *AsError(err)
	if e.Op == "" {
		e.Op = r.Op.Name
	}
	if e.Provider == "" {
		e.Provider = r.Provider
	}
	return &e
}
