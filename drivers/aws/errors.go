package aws

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// mapErrors makes every error of a client's requests an *op.Error.
func mapErrors(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("CloudlarkErrors",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if err != nil {
				err = failed(err)
			}
			return out, metadata, err
		}), middleware.Before)
}

// failed is what an error of the SDK means.
func failed(err error) error {
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	e := &op.Error{Err: err}
	status := 0
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && r.Response != nil {
		status = r.HTTPStatusCode()
		e.RetryAfter = op.RetryAfter(r.Response.Header.Get("Retry-After"))
		e.RequestID = r.Response.Header.Get("X-Amz-Request-Id")
		if region := r.Response.Header.Get("X-Amz-Bucket-Region"); status == http.StatusMovedPermanently && region != "" {
			e.Message = "the bucket is in the region " + region + ": open a connection with region = " + strconv.Quote(region)
		}
	}
	var r interface{ ServiceRequestID() string }
	if errors.As(err, &r) {
		e.RequestID = cmp.Or(r.ServiceRequestID(), e.RequestID)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		e.Code = api.ErrorCode()
		e.Message = cmp.Or(e.Message, api.ErrorMessage())
	}
	e.Kind = kindOfCode(e.Code, e.Message)
	if e.Kind == "" {
		e.Kind = kindOfStatus(status)
	}
	if e.Kind == "" {
		e.Kind = kindOfFailure(err)
	}
	e.Message = cmp.Or(e.Message, e.Code, http.StatusText(status), err.Error())
	return e
}

// codes are the kinds of errors by code, matched in order: the exceptions
// before the rule. A pattern with * at an end stands for anything there.
var codes = []struct {
	kind     op.Kind
	patterns []string
}{
	{op.RateLimited, []string{"Throttl*", "RequestLimitExceeded", "RequestThrottled*", "SlowDown", "TooManyRequests*", "BandwidthLimitExceeded", "EC2ThrottledException", "PriorRequestNotComplete"}},
	{op.Unavailable, []string{"InternalError", "InternalFailure", "ServerException", "ServiceUnavailable", "Unavailable", "RequestTimeout"}},
	{op.Unauthenticated, []string{"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken*", "RequestExpired", "InvalidAccessKeyId",
		"InvalidToken", "UnrecognizedClientException", "MissingAuthenticationToken", "IncompleteSignature", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed", "InvalidSecurity"}},
	{op.PermissionDenied, []string{"UnauthorizedOperation", "AccessDenied*", "AllAccessDisabled", "Blocked", "OptInRequired", "PendingVerification", "AccountProblem", "InvalidObjectState", "Forbidden"}},
	{op.Conflict, []string{"IncorrectState*", "IncorrectInstanceState", "IncorrectModificationState", "DependencyViolation", "*InUse", "BucketNotEmpty", "ObjectParentIsFile",
		"ExistingObjectIsDirectory", "*.Conflict", "OperationAborted", "ConditionalRequestConflict", "PreconditionFailed", "Resource.AlreadyAssociated", "OperationNotPermitted",
		"IdempotentParameterMismatch", "IdempotentInstanceTerminated", "InvalidInstanceID.NotLinkable", "UnsupportedOperation", "UnsupportedHibernationConfiguration",
		"VolumeModificationRateExceeded", "InvalidBucketState", "ClusterContains*", "UpdateInProgressException", "RepositoryNotEmptyException", "ImageReferencedByManifest"}},
	{op.NotFound, []string{"*.NotFound", "*NotFound", "*NotFoundException", "ServiceNotActiveException", "NoSuch*", "*.Unavailable", "*ID.Malformed", "*Id.Malformed"}},
	{op.AlreadyExists, []string{"*Duplicate*", "*AlreadyExists*", "*.AlreadyExists", "BucketAlreadyOwnedByYou"}},
	{op.QuotaExceeded, []string{"*LimitExceeded*", "InsufficientInstanceCapacity", "Insufficient*Capacity", "InsufficientCapacity*", "InsufficientFreeAddressesInSubnet", "InsufficientAddressCapacity",
		"InsufficientHostCapacity", "InsufficientReservedInstanceCapacity", "InsufficientVolumeCapacity", "MaxSpotInstanceCountExceeded", "TooManyBuckets", "TooMany*", "QuotaExceeded", "ServiceQuotaExceeded*"}},
	{op.Unsupported, []string{"NotImplemented", "MethodNotAllowed", "UnsupportedArgument"}},
	{op.Internal, []string{"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}},
	{op.InvalidArgument, []string{"Invalid*", "Malformed*", "Missing*", "ValidationError", "ValidationException", "KeyTooLong*", "EntityTooLarge", "EntityTooSmall", "Unsupported",
		"Unsupported*", "UnknownParameter", "UnknownVolumeType*", "MetadataTooLarge", "IllegalLocationConstraintException", "IncompleteBody", "PermanentRedirect", "Volume*Size*", "BlockDeviceMapping*", "BadRequest", "ClientException"}},
}

// kindOfCode is the kind of an error code of EC2, S3 or STS; "" if none knows it.
func kindOfCode(code, message string) op.Kind {
	// What EC2 says of an id that it could not have given, where it has no code for it.
	if code == "InvalidParameterValue" && strings.Contains(message, "Expected: '") {
		return op.NotFound
	}
	for _, c := range codes {
		for _, p := range c.patterns {
			if like(code, p) {
				return c.kind
			}
		}
	}
	return ""
}

// like reports whether a code is as a pattern says.
func like(code, pattern string) bool {
	inner := strings.Trim(pattern, "*")
	before, after, both := strings.Cut(inner, "*")
	switch {
	case both:
		if strings.HasSuffix(pattern, "*") {
			i := strings.Index(code, after)
			return strings.HasPrefix(code, before) && i >= len(before)
		}
		return len(code) >= len(before)+len(after) && strings.HasPrefix(code, before) && strings.HasSuffix(code, after)
	case strings.HasPrefix(pattern, "*") && strings.HasSuffix(pattern, "*"):
		return strings.Contains(code, inner)
	case strings.HasPrefix(pattern, "*"):
		return strings.HasSuffix(code, inner)
	case strings.HasSuffix(pattern, "*"):
		return strings.HasPrefix(code, inner)
	}
	return code == pattern
}

// kindOfStatus is for answers without a code that says more, as those to HEAD.
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
	case status == http.StatusConflict || status == http.StatusPreconditionFailed:
		return op.Conflict
	case status >= 300:
		return op.InvalidArgument
	}
	return ""
}

// kindOfFailure is for requests that were not answered.
func kindOfFailure(err error) op.Kind {
	var send *smithyhttp.RequestSendError
	var params smithy.InvalidParamsError
	var serialize *smithy.SerializationError
	kind := op.KindOfFailure(err)
	switch {
	case kind == op.Canceled || kind == op.Timeout:
	case errors.As(err, &params) || errors.As(err, &serialize):
		return op.InvalidArgument
	case errors.As(err, &send):
		return op.Unavailable
	}
	return kind
}

// isCode reports whether err is the service's error of that code.
func isCode(err error, code string) bool { return err != nil && op.AsError(err).Code == code }
