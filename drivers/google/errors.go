package google

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/api/googleapi"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A caller is a request of the SDK, ready to be made.
type caller[T any] interface {
	Do(opts ...googleapi.CallOption) (T, error)
}

// do makes a request. Its error is an [op.Error].
func do[T any](c caller[T]) (T, error) {
	v, err := c.Do()
	if err != nil {
		return v, failed(err)
	}
	return v, nil
}

// failed is what an error of the SDK means.
func failed(err error) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	e := &op.Error{Err: err}
	answer, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		e.Kind, e.Message = op.KindOfFailure(err), err.Error()
		return e
	}
	e.RetryAfter = op.RetryAfter(answer.Header.Get("Retry-After"))
	if len(answer.Errors) > 0 {
		e.Code, e.Message = answer.Errors[0].Reason, answer.Errors[0].Message
	}
	if e.Code == "" {
		e.Code = statusOf(answer.Body)
	}
	e.Message = cmp.Or(e.Message, answer.Message, http.StatusText(answer.Code), err.Error())
	e.Kind = cmp.Or(kindOfCode(e.Code, e.Message), kindOfStatus(answer.Code))
	return e
}

// statusOf is the status that an error has instead of reasons, at the newer services.
func statusOf(body string) string {
	var answer struct {
		Error struct {
			Status string `json:"status"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(body), &answer) != nil {
		return ""
	}
	return answer.Error.Status
}

// kinds are the kinds of the reasons that answers give, and of the codes that
// operations fail with: the latter are the former in capitals, and more.
var kinds = map[string]op.Kind{
	"notFound":                      op.NotFound,
	"RESOURCE_NOT_FOUND":            op.NotFound,
	"alreadyExists":                 op.AlreadyExists,
	"ALREADY_EXISTS":                op.AlreadyExists,
	"NOT_FOUND":                     op.NotFound,
	"FAILED_PRECONDITION":           op.Conflict,
	"failedPrecondition":            op.Conflict,
	"RESOURCE_ALREADY_EXISTS":       op.AlreadyExists,
	"authError":                     op.Unauthenticated,
	"required":                      op.InvalidArgument, // of 401 it is the login that is; see kindOfCode
	"forbidden":                     op.PermissionDenied,
	"accessNotConfigured":           op.PermissionDenied,
	"insufficientPermissions":       op.PermissionDenied,
	"PERMISSIONS_ERROR":             op.PermissionDenied,
	"quotaExceeded":                 op.QuotaExceeded,
	"QUOTA_EXCEEDED":                op.QuotaExceeded,
	"limitExceeded":                 op.QuotaExceeded,
	"LIMIT_EXCEEDED":                op.QuotaExceeded,
	"stockout":                      op.QuotaExceeded,
	"IP_SPACE_EXHAUSTED":            op.QuotaExceeded,
	"rateLimitExceeded":             op.RateLimited,
	"userRateLimitExceeded":         op.RateLimited,
	"concurrentLimitExceeded":       op.RateLimited,
	"RATE_LIMIT_EXCEEDED":           op.RateLimited,
	"resourceOperationRateExceeded": op.RateLimited,
	"conditionNotMet":               op.Conflict,
	"CONDITION_NOT_MET":             op.Conflict,
	"resourceNotReady":              op.Conflict,
	"RESOURCE_NOT_READY":            op.Conflict,
	"backendError":                  op.Unavailable,
	"internalError":                 op.Unavailable,
	"INTERNAL_ERROR":                op.Unavailable,
	"UNAVAILABLE":                   op.Unavailable,
	"SERVICE_UNAVAILABLE":           op.Unavailable,
	"TIMEOUT":                       op.Timeout,
	"invalid":                       op.InvalidArgument,
	"badRequest":                    op.InvalidArgument,
	"invalidParameter":              op.InvalidArgument,
	"INVALID_FIELD_VALUE":           op.InvalidArgument,
	"INVALID_USAGE":                 op.InvalidArgument,
	"wrongSubnetwork":               op.InvalidArgument,
	"UNSUPPORTED_OPERATION":         op.Conflict,
}

// absent are the words in which an "invalid" says that what a field refers to is not there.
var absent = regexp.MustCompile(`(?i)The referenced [\w ]*resource (cannot|could not) be found|with name '[^']*' does not exist|Unknown (zone|region)|was not found`)

// kindOfCode is the kind of a reason or an operation's code; "" if none knows it.
func kindOfCode(code, message string) op.Kind {
	kind, known := kinds[code]
	switch {
	case (kind == op.InvalidArgument || !known) && absent.MatchString(message):
		return op.NotFound
	case code == "required" && strings.Contains(message, "Login"):
		return op.Unauthenticated
	case known:
		return kind
	}
	upper := strings.ToUpper(code)
	switch {
	case strings.Contains(upper, "POOL_EXHAUSTED"): // ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS and its like
		return op.QuotaExceeded
	case strings.Contains(upper, "INUSEBYANOTHERRESOURCE"), strings.Contains(upper, "IN_USE_BY_ANOTHER_RESOURCE"), strings.Contains(upper, "RESOURCEINUSE"):
		return op.Conflict
	case strings.Contains(upper, "OPERATION_RATE_EXCEEDED"):
		return op.RateLimited
	}
	return ""
}

// kindOfStatus is for answers without a reason that says more.
func kindOfStatus(status int) op.Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return op.RateLimited
	case status == http.StatusNotImplemented:
		return op.Unsupported
	case status == http.StatusGatewayTimeout:
		return op.Unavailable
	case status >= 500:
		return op.Unavailable
	case status == http.StatusNotFound:
		return op.NotFound
	case status == http.StatusUnauthorized:
		return op.Unauthenticated
	case status == http.StatusForbidden:
		return op.PermissionDenied
	case status == http.StatusConflict || status == http.StatusPreconditionFailed:
		return op.Conflict
	}
	return op.InvalidArgument
}

// failedOperation is what it means that an operation of a newer service failed.
// Its code is a number of google.rpc.Code, which stands for a status.
func failedOperation(name string, code int64, message string) error {
	status, ok := map[int64]struct {
		name string
		http int
	}{
		3:  {"INVALID_ARGUMENT", http.StatusBadRequest},
		4:  {"DEADLINE_EXCEEDED", http.StatusGatewayTimeout},
		5:  {"NOT_FOUND", http.StatusNotFound},
		6:  {"ALREADY_EXISTS", http.StatusConflict},
		7:  {"PERMISSION_DENIED", http.StatusForbidden},
		8:  {"RESOURCE_EXHAUSTED", http.StatusTooManyRequests},
		9:  {"FAILED_PRECONDITION", http.StatusBadRequest},
		10: {"ABORTED", http.StatusConflict},
		12: {"UNIMPLEMENTED", http.StatusNotImplemented},
		13: {"INTERNAL", http.StatusInternalServerError},
		14: {"UNAVAILABLE", http.StatusServiceUnavailable},
		16: {"UNAUTHENTICATED", http.StatusUnauthorized},
	}[code]
	if !ok {
		status.name, status.http = "UNKNOWN", http.StatusInternalServerError
	}
	// The operation's name is what Google's support asks for.
	return &op.Error{Kind: cmp.Or(kindOfCode(status.name, message), kindOfStatus(status.http)), Code: status.name, Message: cmp.Or(message, status.name), RequestID: name}
}
