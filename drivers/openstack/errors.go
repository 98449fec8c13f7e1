package openstack

import (
	"cmp"
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// got is what a call of the SDK gave, with its error an [op.Error].
func got[T any](v T, err error) (T, error) { return v, failed(err) }

// failed is what an error of the SDK means; nil for nil.
func failed(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	// Of a token that could not be renewed, why it could not.
	if e, ok := errors.AsType[*gophercloud.ErrUnableToReauthenticate](err); ok && e.ErrReauth != nil {
		return failed(e.ErrReauth)
	}
	answer, ok := errors.AsType[gophercloud.ErrUnexpectedResponseCode](err)
	if !ok {
		return &op.Error{Kind: op.KindOfFailure(err), Message: err.Error(), Err: err}
	}
	e := &op.Error{RetryAfter: op.RetryAfter(answer.ResponseHeader.Get("Retry-After")), Err: err}
	for _, name := range []string{"X-Openstack-Request-Id", "X-Compute-Request-Id", "X-Trans-Id"} {
		e.RequestID = cmp.Or(e.RequestID, answer.ResponseHeader.Get(name))
	}
	e.Code, e.Message = said(answer.Body)
	e.Message = strings.TrimSpace(strings.ReplaceAll(e.Message, "<br />", " ")) // which Glance puts into JSON, too
	if to := answer.ResponseHeader.Get("Location"); answer.Actual/100 == 3 && to != "" {
		e.Message = "the service redirects to " + to + ", which is not followed: use that as its endpoint"
	}
	e.Message = cmp.Or(e.Message, http.StatusText(answer.Actual), strconv.Itoa(answer.Actual))
	e.Kind = kindOf(answer.Actual, e.Code, e.Message)
	return e
}

// said finds code and message in the body of an answer. Each service has its
// own form:
//
//	Nova, Cinder    {"badRequest": {"code": 400, "message": "…"}}
//	Keystone        {"error": {"code": 401, "title": "Unauthorized", "message": "…"}}
//	Neutron         {"NeutronError": {"type": "OverQuota", "message": "…", "detail": ""}}
//	Octavia         {"faultcode": "Client", "faultstring": "…", "debuginfo": null}
//	Placement, Heat {"errors": [{"code": "…", "title": "…", "detail": "…"}]}, {"title": "…", "error": {"type": "…", "message": "…"}}
//	Glance, Swift   text or HTML
func said(body []byte) (code, message string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return "", plain(string(body))
	}
	text := func(raw json.RawMessage) (s string) {
		_ = json.Unmarshal(raw, &s) // what is none stays empty
		return s
	}
	if s := text(fields["faultstring"]); s != "" {
		return text(fields["faultcode"]), s
	}
	var all []map[string]json.RawMessage
	if json.Unmarshal(fields["errors"], &all) == nil && len(all) > 0 {
		return text(all[0]["code"]), cmp.Or(text(all[0]["detail"]), text(all[0]["title"]))
	}
	for name, raw := range fields {
		var inner map[string]json.RawMessage
		if json.Unmarshal(raw, &inner) != nil {
			if s := text(raw); len(fields) == 1 { // {"NeutronError": "…"}, {"message": "…"}
				return "", s
			}
			continue
		}
		if s := text(inner["message"]); s != "" {
			if name == "error" || name == "NeutronError" {
				name = cmp.Or(text(inner["type"]), text(inner["title"]))
			}
			if detail := text(inner["detail"]); detail != "" && !strings.Contains(s, detail) {
				s += " (" + detail + ")"
			}
			return name, s
		}
	}
	return "", text(fields["message"])
}

var (
	tags   = regexp.MustCompile(`(?s)<(head|style|script)\b.*?</(head|style|script)>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// plain is the text of a page, short.
func plain(page string) string {
	s := strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(page, " ")), " "))
	if runes := []rune(s); len(runes) > 300 {
		s = string(runes[:300]) + "…"
	}
	return s
}

var (
	// full are the words for a limit of the project or of the cloud.
	full = regexp.MustCompile(`(?i)quota|too many key pairs|exceeds? (the )?(allowed|maximum|available)|limit exceeded|no more (ip )?addresses|no (more )?valid host`)
	// absent are the words in which an invalid request says that what it names is not there.
	absent = regexp.MustCompile(`(?i)can ?not find|could not (be )?f(ou|i)nd|not found|does not exist|invalid (key_name|imageref|flavorref) provided|is not a valid (node|instance)`)
	// busy are those in which it says that the thing is not in a state for it.
	busy   = regexp.MustCompile(`(?i)status must be|must be (available|detached)|current status is|currently has a status of|is (already|not) attached|in an error state`)
	exists = regexp.MustCompile(`(?i)already exists|already (in use by|using)|duplicate|there is already`)
)

// kindOf is the kind of an answer by its status, and by its words where the
// services use one status for several things.
func kindOf(status int, code, message string) op.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return op.Unauthenticated
	case status == http.StatusForbidden && full.MatchString(message):
		return op.QuotaExceeded // Nova and Octavia
	case status == http.StatusForbidden:
		return op.PermissionDenied
	case status == http.StatusNotFound || status == http.StatusGone:
		return op.NotFound
	case status == http.StatusConflict && (code == "OverQuota" || code == "IpAddressGenerationFailure" || full.MatchString(message)):
		return op.QuotaExceeded // Neutron
	case status == http.StatusConflict && (strings.HasSuffix(code, "Exists") || exists.MatchString(message)):
		return op.AlreadyExists
	case status == http.StatusConflict || status == http.StatusPreconditionFailed || status == http.StatusLocked:
		return op.Conflict
	case status == http.StatusRequestEntityTooLarge && full.MatchString(message):
		return op.QuotaExceeded // Cinder, Glance
	case status == http.StatusRequestEntityTooLarge && code == "overLimit", status == http.StatusTooManyRequests, status == 498:
		return op.RateLimited
	case status == http.StatusNotImplemented || status == http.StatusNotAcceptable || status == http.StatusMethodNotAllowed:
		return op.Unsupported // an extension, a microversion, an API
	case status >= 500:
		return op.Unavailable
	case status == http.StatusBadRequest && busy.MatchString(message):
		return op.Conflict // Cinder
	case status == http.StatusBadRequest && absent.MatchString(message):
		return op.NotFound
	}
	return op.InvalidArgument
}
