package s3compat

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

// A request is one to a bucket, to an object in it, or to the store itself.
// Headers that are empty are not sent.
type request struct {
	method, bucket, name string
	query                url.Values
	header               map[string]string
	body                 []byte
	stream               *sdk.Stream
	repeatable, cleanup  bool
}

// address is the URL of a bucket or an object.
func (d *driver) address(bucket, name string, query url.Values) string {
	u := d.endpoint
	path := u.EscapedPath() + "/"
	switch {
	case bucket == "":
	case d.pathStyle:
		path += bucket
	default:
		u.Host = bucket + "." + u.Host
	}
	if name != "" {
		path = strings.TrimSuffix(path, "/") + "/" + storage.EscapeName(name)
	}
	address := u.Scheme + "://" + u.Host + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address
}

// begin sends a request on its way.
func (d *driver) begin(r request) (*sdk.Pending, error) {
	maps.DeleteFunc(r.header, func(_, value string) bool { return value == "" })
	for name, value := range r.header {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, op.Errorf(op.InvalidArgument, "%.80q cannot be the header %s", value, name)
		}
	}
	return sdk.Begin(sdk.Request{Send: abi.Send{Method: r.method, URL: d.address(r.bucket, r.name, r.query), Headers: r.header, Auth: credential,
		Redirect: "manual", Repeatable: r.repeatable, Cleanup: r.cleanup}, Body: r.body, Stream: r.stream})
}

// open sends a request and returns a successful answer, whose body is open.
func (d *driver) open(r request) (*sdk.Response, error) {
	p, err := d.begin(r)
	if err != nil {
		return nil, err
	}
	return opened(p)
}

func opened(p *sdk.Pending) (*sdk.Response, error) {
	resp, err := p.Wait()
	if err != nil {
		return nil, err
	}
	if resp.Status >= 300 {
		return nil, refused(resp)
	}
	return resp, nil
}

// do sends a request and reads its answer into v, unless that is nil.
func (d *driver) do(r request, v any) (abi.Head, error) {
	p, err := d.begin(r)
	if err != nil {
		return abi.Head{}, err
	}
	return finish(p, v)
}

func finish(p *sdk.Pending, v any) (abi.Head, error) {
	resp, err := opened(p)
	if err != nil {
		return abi.Head{}, err
	}
	defer resp.Body.Close()
	if v != nil {
		err = decode(resp, v)
	}
	if resp.Length != 0 && err == nil { // a connection can be used again if its answer was read to the end
		_, err = io.Copy(io.Discard, struct{ io.Reader }{resp.Body})
	}
	return resp.Head, err
}

// decode reads an answer in XML, of which some are errors although their status
// is 200: S3 begins to answer before it knows.
func decode(resp *sdk.Response, v any) error {
	d := xml.NewDecoder(bufio.NewReaderSize(resp.Body, 64<<10))
	for {
		token, err := d.Token()
		if err != nil {
			return unreadable(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local == "Error" {
			var e fault
			if err := d.DecodeElement(&e, &start); err != nil {
				return unreadable(err)
			}
			return e.error(resp.Head)
		}
		if err := d.DecodeElement(v, &start); err != nil {
			return unreadable(err)
		}
		return nil
	}
}

func unreadable(err error) error {
	if e := op.AsError(err); e.Kind != op.Internal {
		return e // of the connection, not the text
	}
	return op.Errorf(op.Internal, "the store's answer is not what S3 documents: %w", err)
}

// A fault is an error as S3 writes it.
type fault struct {
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
}

// refused is what an answer says that is no success; it closes its body.
func refused(resp *sdk.Response) error {
	text, err := resp.ReadAll(1 << 20)
	var e fault
	if err != nil || xml.Unmarshal(text, &e) != nil {
		e = fault{} // the status says it too
	}
	return e.error(resp.Head)
}

func (f fault) error(h abi.Head) *op.Error {
	e := &op.Error{Code: f.Code, Message: f.Message, RequestID: cmp.Or(f.RequestID, h.Headers["x-amz-request-id"]), RetryAfter: op.RetryAfter(h.Headers["retry-after"])}
	if region := h.Headers["x-amz-bucket-region"]; h.Status == 301 && region != "" {
		e.Message = "the bucket is in the region " + region + ": open a connection with region = " + strconv.Quote(region)
	}
	e.Kind = cmp.Or(kindOfCode(f.Code), kindOfStatus(h.Status), op.Internal)
	e.Message = cmp.Or(e.Message, e.Code, fmt.Sprintf("%s (status %d)", e.Kind.Error(), h.Status))
	return e
}

// httpTime reads a time as headers have it.
func httpTime(text string) time.Time {
	at, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// codes are the kinds of S3's errors by code, matched in order: the exceptions
// before the rule. A pattern with * at an end stands for anything there.
var codes = []struct {
	kind     op.Kind
	patterns []string
}{
	{op.RateLimited, []string{"Throttl*", "RequestLimitExceeded", "RequestThrottled*", "SlowDown*", "TooManyRequests*", "BandwidthLimitExceeded"}},
	{op.Unavailable, []string{"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable", "RequestTimeout"}},
	{op.Unauthenticated, []string{"SignatureDoesNotMatch", "ExpiredToken*", "RequestExpired", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidToken", "InvalidSecurity",
		"MissingAuthenticationToken", "IncompleteSignature", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed"}},
	{op.PermissionDenied, []string{"AccessDenied*", "AllAccessDisabled", "UnauthorizedAccess", "AccountProblem", "InvalidObjectState", "Forbidden"}},
	{op.Conflict, []string{"BucketNotEmpty", "ObjectParentIsFile", "ExistingObjectIsDirectory", "OperationAborted", "ConditionalRequestConflict", "PreconditionFailed", "InvalidBucketState"}},
	{op.NotFound, []string{"*NotFound", "NoSuch*"}},
	{op.AlreadyExists, []string{"*AlreadyExists", "BucketAlreadyOwnedByYou"}},
	{op.QuotaExceeded, []string{"TooManyBuckets", "QuotaExceeded", "*LimitExceeded"}},
	{op.Unsupported, []string{"NotImplemented", "MethodNotAllowed", "UnsupportedArgument"}},
	{op.Internal, []string{"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}},
	{op.InvalidArgument, []string{"Invalid*", "Malformed*", "Missing*", "KeyTooLong*", "EntityTooLarge", "EntityTooSmall", "Unsupported*", "MetadataTooLarge",
		"IllegalLocationConstraintException", "IncompleteBody", "PermanentRedirect", "BadRequest"}},
}

func isCode(err error, code string) bool {
	e := op.AsError(err)
	return e != nil && e.Code == code
}

// kindOfCode is the kind of an error code; "" if none knows it.
func kindOfCode(code string) op.Kind {
	for _, c := range codes {
		for _, p := range c.patterns {
			before, after, pattern := strings.Cut(p, "*")
			if code == p || pattern && len(code) >= len(p)-1 && strings.HasPrefix(code, before) && strings.HasSuffix(code, after) {
				return c.kind
			}
		}
	}
	return ""
}

// kindOfStatus is for answers without a code that says more, as those to HEAD.
func kindOfStatus(status int) op.Kind {
	switch {
	case status == 429:
		return op.RateLimited
	case status == 501:
		return op.Unsupported
	case status >= 500:
		return op.Unavailable
	case status == 404:
		return op.NotFound
	case status == 401:
		return op.Unauthenticated
	case status == 403:
		return op.PermissionDenied
	case status == 409 || status == 412:
		return op.Conflict
	case status >= 300:
		return op.InvalidArgument
	}
	return ""
}

// named puts into the message what is missing: the answer to a HEAD has no words.
func named(err error, what, name string) error {
	e := *op.AsError(err)
	if e.Kind == op.NotFound || e.Code == "" {
		e.Message = what + " " + name + ": " + e.Message
	}
	return &e
}
