package kube

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// refusal is what an answer means that is no success.
func (a *API) refusal(resp *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	e := &op.Error{RequestID: resp.Header.Get("Audit-Id"), RetryAfter: op.RetryAfter(resp.Header.Get("Retry-After"))}
	if a.explain != nil {
		if e.Kind = kindOfStatus(resp.StatusCode); a.explain(e, data) {
			return e
		}
	}
	var s metav1.Status
	if json.Unmarshal(data, &s) != nil || s.Kind != "Status" {
		// Not the API server's words: those of a proxy, or of the kubelet behind it.
		e.Kind, e.Message = kindOfStatus(resp.StatusCode), strings.TrimSpace(string(data))
		if strings.HasPrefix(e.Message, "<") || len(e.Message) > 500 || e.Message == "" {
			e.Message = "the API server answers with " + resp.Status
		}
		return e
	}
	return explain(e, &s, resp.StatusCode)
}

// explain completes an error from the server's own account of it.
func explain(e *op.Error, s *metav1.Status, code int) *op.Error {
	e.Code, e.Message = string(s.Reason), cmp.Or(s.Message, http.StatusText(code))
	if d := s.Details; d != nil && d.RetryAfterSeconds > 0 && e.RetryAfter == 0 {
		e.RetryAfter = time.Duration(d.RetryAfterSeconds) * time.Second
	}
	e.Kind = kindOfReason(s)
	if e.Kind == "" {
		e.Kind = kindOfStatus(cmp.Or(int(s.Code), code))
	}
	e.Err = &statusError{*s}
	return e
}

// A statusError is the server's own account of a failure.
type statusError struct{ metav1.Status }

func (e *statusError) Error() string { return e.Message }

// kindOfReason is "" for reasons that say no more than the status does.
func kindOfReason(s *metav1.Status) op.Kind {
	switch s.Reason {
	case metav1.StatusReasonNotFound:
		return op.NotFound
	case metav1.StatusReasonAlreadyExists:
		return op.AlreadyExists
	case metav1.StatusReasonConflict:
		return op.Conflict
	case metav1.StatusReasonForbidden:
		if s.Details != nil {
			for _, c := range s.Details.Causes {
				if c.Type == "NamespaceTerminating" { // corev1.NamespaceTerminatingCause
					return op.Conflict
				}
			}
		}
		if strings.Contains(s.Message, "exceeded quota") {
			return op.QuotaExceeded
		}
		return op.PermissionDenied
	case metav1.StatusReasonExpired, metav1.StatusReasonGone:
		return op.Conflict
	case metav1.StatusReasonMethodNotAllowed, metav1.StatusReasonNotAcceptable, metav1.StatusReasonUnsupportedMediaType:
		return op.InvalidArgument
	case metav1.StatusReasonInternalError, metav1.StatusReasonUnknown:
		if strings.Contains(s.Message, "failed to create typed patch object") {
			return op.InvalidArgument // a manifest with a value of the wrong type
		}
	case metav1.StatusReasonServerTimeout, metav1.StatusReasonTimeout, metav1.StatusReasonServiceUnavailable:
		return op.Unavailable
	}
	return ""
}

func kindOfStatus(status int) op.Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return op.RateLimited
	case status == http.StatusNotImplemented:
		return op.Unsupported
	case status >= 500:
		return op.Unavailable
	case status == http.StatusNotFound:
		return op.NotFound
	case status == http.StatusUnauthorized:
		return op.Unauthenticated
	case status == http.StatusForbidden:
		return op.PermissionDenied
	case status == http.StatusConflict, status == http.StatusPreconditionFailed, status == http.StatusGone:
		return op.Conflict
	case status < 400:
		return op.Unavailable // a redirection: no answer of an API server's
	}
	return op.InvalidArgument
}

// failure is what it means that a request was not answered.
func failure(err error) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	kind := op.Unavailable
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.Canceled):
		kind = op.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		kind = op.Timeout
	case errors.As(err, &certificate):
		return op.Errorf(op.InvalidArgument, "the server's certificate is not one to trust: give the cluster's authority: %w", err)
	case strings.Contains(err.Error(), "getting credentials"): // from a program that a kubeconfig names
		kind = op.Unauthenticated
	}
	return &op.Error{Kind: kind, Message: err.Error(), Err: err}
}

// unreadable is what it means that an answer is not as it should be: cut short,
// or a proxy's page.
func unreadable(err error, resp *http.Response) error {
	e := op.AsError(failure(err))
	if e.Kind == op.Unavailable {
		e.Message = "the API server's answer cannot be read: " + err.Error()
	}
	e.RequestID = resp.Header.Get("Audit-Id")
	return e
}
