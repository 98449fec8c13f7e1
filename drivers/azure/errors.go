package azure

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// failed is what an error of the SDK means.
func failed(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return &op.Error{Kind: kindOfFailure(err), Message: err.Error(), Err: err}
	}
	e := &op.Error{Code: answer.ErrorCode, Err: err}
	if resp := answer.RawResponse; resp != nil {
		e.RequestID = cmp.Or(resp.Header.Get("x-ms-request-id"), resp.Header.Get("x-ms-correlation-request-id"))
		e.RetryAfter = retryAfter(resp.Header)
		e.Message = messageOf(resp, &e.Code)
	}
	e.Message = cmp.Or(e.Message, http.StatusText(answer.StatusCode), "the service refused")
	e.Kind = kindOf(e.Code, answer.StatusCode)
	if e.Kind == op.Conflict && strings.Contains(e.Message, " quota") {
		e.Kind = op.QuotaExceeded // of cores it is an OperationNotAllowed
	}
	return e
}

// fault is an error as Azure's services write it, within {"error": …} or, in
// XML, within <Error>.
type fault struct {
	Code    string  `json:"code" xml:"Code"`
	Message string  `json:"message" xml:"Message"`
	Details []fault `json:"details" xml:"-"`
}

// messageOf reads what the service says. Where its code says no more than that
// something failed, the code of the detail takes its place.
func messageOf(resp *http.Response, code *string) string {
	body, err := runtime.Payload(resp)
	if err != nil {
		return ""
	}
	var answer struct {
		fault
		Error *fault `json:"error"`
	}
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if json.Unmarshal(body, &answer) != nil && xml.Unmarshal(body, &answer.fault) != nil {
		return ""
	}
	f := answer.fault
	if answer.Error != nil {
		f = *answer.Error
	}
	message := f.Message
	for len(f.Details) > 0 && f.Details[0].Message != "" {
		f = f.Details[0]
		if !strings.Contains(message, f.Message) {
			message += ": " + f.Message
		}
		if vague[*code] {
			*code = cmp.Or(f.Code, *code)
		}
	}
	*code = cmp.Or(*code, f.Code)
	// Storage ends its messages with the request's id and time, each on a line.
	message, _, _ = strings.Cut(message, "\nRequestId:")
	return strings.TrimSpace(message)
}

// vague are codes that say that there is more in the details.
var vague = map[string]bool{"BadRequest": true, "Conflict": true, "InvalidParameter": true, "OperationNotAllowed": true, "ValidationError": true, "DeploymentFailed": true}

// retryAfter reads the headers in which Azure's services say how long to wait.
func retryAfter(h http.Header) time.Duration {
	for _, name := range []string{"x-ms-retry-after-ms", "retry-after-ms"} {
		if n, err := strconv.ParseFloat(h.Get(name), 64); err == nil && n > 0 {
			return time.Duration(n * float64(time.Millisecond))
		}
	}
	return op.RetryAfter(h.Get("Retry-After"))
}

// kinds are the kinds of codes that say more than their status does, or else
// than it does.
var kinds = map[string]op.Kind{
	// Resource Manager
	"AuthorizationFailed":                 op.PermissionDenied,
	"LinkedAuthorizationFailed":           op.PermissionDenied,
	"RequestDisallowedByPolicy":           op.PermissionDenied,
	"ReadOnlyDisabledSubscription":        op.PermissionDenied,
	"MissingSubscriptionRegistration":     op.PermissionDenied,
	"SubscriptionNotRegistered":           op.PermissionDenied,
	"ScopeLocked":                         op.Conflict,
	"InvalidAuthenticationToken":          op.Unauthenticated,
	"ExpiredAuthenticationToken":          op.Unauthenticated,
	"AuthenticationFailed":                op.Unauthenticated,
	"ResourceNotFound":                    op.NotFound,
	"ResourceGroupNotFound":               op.NotFound,
	"SubscriptionNotFound":                op.NotFound,
	"ParentResourceNotFound":              op.NotFound,
	"NotFound":                            op.NotFound,
	"LocationNotAvailableForResource":     op.InvalidArgument,
	"ResourceExists":                      op.AlreadyExists,
	"ResourceAlreadyExists":               op.AlreadyExists,
	"QuotaExceeded":                       op.QuotaExceeded,
	"ResourceQuotaExceeded":               op.QuotaExceeded,
	"TooManyRequests":                     op.RateLimited,
	"SubscriptionRequestsThrottled":       op.RateLimited,
	"ResourceCollectionRequestsThrottled": op.RateLimited,

	// compute
	"SkuNotAvailable":                       op.QuotaExceeded,
	"AllocationFailed":                      op.QuotaExceeded,
	"ZonalAllocationFailed":                 op.QuotaExceeded,
	"OverconstrainedAllocationRequest":      op.QuotaExceeded,
	"OverconstrainedZonalAllocationRequest": op.QuotaExceeded,
	"ImageNotFound":                         op.NotFound,
	"PlatformImageNotFound":                 op.NotFound,
	"GalleryImageNotFound":                  op.NotFound,
	"DiskNotFound":                          op.NotFound,
	"PropertyChangeNotAllowed":              op.Conflict,
	"OperationNotAllowed":                   op.Conflict,
	"AttachDiskWhileBeingDetached":          op.Conflict,
	"DiskInUse":                             op.Conflict,
	"VMAgentStatusCommunicationError":       op.Conflict,
	"RetryableError":                        op.Unavailable,
	"InternalExecutionError":                op.Unavailable,
	"InternalServerError":                   op.Unavailable,

	// network
	"InvalidResourceReference":                   op.NotFound,
	"ReferencedResourceNotProvisioned":           op.Conflict,
	"AnotherOperationInProgress":                 op.Conflict,
	"RetryableErrorDueToAnotherOperation":        op.Conflict,
	"PublicIPCountLimitReached":                  op.QuotaExceeded,
	"SubnetIsFull":                               op.QuotaExceeded,
	"SecurityRuleConflict":                       op.Conflict,
	"Canceled":                                   op.Conflict,
	"CanceledAndSupersededDueToAnotherOperation": op.Conflict,

	// storage
	"ContainerNotFound":               op.NotFound,
	"BlobNotFound":                    op.NotFound,
	"ContainerAlreadyExists":          op.AlreadyExists,
	"BlobAlreadyExists":               op.AlreadyExists,
	"ContainerBeingDeleted":           op.Conflict,
	"ConditionNotMet":                 op.Conflict,
	"AuthorizationPermissionMismatch": op.PermissionDenied,
	"AuthorizationFailure":            op.PermissionDenied,
	"InsufficientAccountPermissions":  op.PermissionDenied,
	"AccountIsDisabled":               op.PermissionDenied,
	"NoAuthenticationInformation":     op.Unauthenticated,
	"InvalidAuthenticationInfo":       op.Unauthenticated,
	"ServerBusy":                      op.RateLimited,
	"OperationTimedOut":               op.Unavailable,
	"InternalError":                   op.Unavailable,
}

// inUse are the words of codes that say that something else stands in the way.
var inUse = []string{"InUse", "CannotBeDeleted", "StillInUse", "AttachedTo", "NotDetached"}

func kindOf(code string, status int) op.Kind {
	if k, ok := kinds[code]; ok {
		return k
	}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		for _, words := range inUse {
			if strings.Contains(code, words) {
				return op.Conflict
			}
		}
		switch {
		case strings.HasSuffix(code, "QuotaExceeded") || strings.HasSuffix(code, "LimitReached") || strings.HasSuffix(code, "LimitExceeded"):
			return op.QuotaExceeded
		case strings.HasSuffix(code, "NotFound"):
			return op.NotFound
		case strings.HasSuffix(code, "AlreadyExists"):
			return op.AlreadyExists
		}
	}
	return kindOfStatus(status)
}

// kindOfStatus is for answers without a code that says more.
func kindOfStatus(status int) op.Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return op.RateLimited
	case status == http.StatusNotImplemented:
		return op.Unsupported
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		return op.Unavailable
	case status == http.StatusNotFound || status == http.StatusGone:
		return op.NotFound
	case status == http.StatusUnauthorized:
		return op.Unauthenticated
	case status == http.StatusForbidden:
		return op.PermissionDenied
	case status == http.StatusConflict || status == http.StatusPreconditionFailed || status == http.StatusLocked:
		return op.Conflict
	case status < http.StatusBadRequest:
		return op.Unavailable // no answer of Azure's: a redirection, say
	}
	return op.InvalidArgument
}

// kindOfFailure is for requests that were not answered, and for answers that cannot be read.
func kindOfFailure(err error) op.Kind {
	var markup *xml.SyntaxError
	// Of what it cannot read, the SDK keeps the words alone.
	if errors.As(err, &markup) || strings.HasPrefix(err.Error(), "unmarshalling type ") {
		return op.Unavailable // no answer of Azure's: a proxy's page, say
	}
	return op.KindOfFailure(err)
}

// refused is what it means that there is no token.
func refused(ctx context.Context, err error, unreached bool) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case unreached:
		return op.Errorf(op.Unavailable, "asking for an access token: %w", err)
	}
	return op.Errorf(op.Unauthenticated, "there are no usable Azure credentials: run \"az login\", set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, "+
		"or give tenant, client_id and client_secret: %w", err)
}
