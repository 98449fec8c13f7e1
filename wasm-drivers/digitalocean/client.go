package digitalocean

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A client speaks to the API, for both families.
type client struct {
	config Config
	base   *url.URL
	http   *http.Client
}

func newClient(c Config, transport http.RoundTripper) (*client, error) {
	base, err := url.Parse(strings.TrimSuffix(c.Endpoint, "/"))
	if err != nil || base.Host == "" {
		return nil, op.Errorf(op.InvalidArgument, "endpoint: %q is no address", c.Endpoint)
	}
	if c.PageSize < 1 || c.PageSize > 200 {
		return nil, op.Errorf(op.InvalidArgument, "page_size is from 1 to 200, not %d", c.PageSize)
	}
	return &client{c, base, &http.Client{Transport: transport}}, nil
}

// do sends a request and decodes the answer into out, unless that is nil.
func (c *client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return op.Errorf(op.InvalidArgument, "%w", err)
		}
		body = bytes.NewReader(data)
	}
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return op.Errorf(op.InvalidArgument, "%w", err)
	}
	r.Header.Set("Accept", "application/json")
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return transportError(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return op.Errorf(op.Unavailable, "the answer broke off: %w", err)
	}
	if resp.StatusCode >= 400 {
		return apiError(resp, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return op.Errorf(op.Internal, "the answer is not what the API's description says: %w", err)
	}
	return nil
}

// transportError is why no answer came. What the host said keeps its kind.
func transportError(err error) error {
	if kind := op.KindOf(err); kind != op.Internal {
		return op.Errorf(kind, "%w", err)
	}
	return op.Errorf(op.Unavailable, "%w", err)
}

// apiError is an error of the API in the contract's words.
func apiError(resp *http.Response, data []byte) error {
	var body struct {
		ID        string `json:"id"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
	}
	if json.Unmarshal(data, &body) != nil || body.Message == "" {
		body.Message = resp.Status
	}
	e := &op.Error{Kind: kindOf(resp.StatusCode, strings.ToLower(body.Message)), Message: body.Message, Code: body.ID, RequestID: body.RequestID}
	if e.RequestID == "" {
		e.RequestID = resp.Header.Get("X-Request-Id")
	}
	if e.Kind == op.RateLimited {
		e.RetryAfter = retryAfter(resp.Header)
	}
	return e
}

// kindOf reads the status, and the message where one status means several things.
func kindOf(status int, message string) op.Kind {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(message, w) })
	}
	switch {
	case status == http.StatusUnauthorized:
		return op.Unauthenticated
	case status == http.StatusNotFound:
		return op.NotFound
	case status == http.StatusTooManyRequests:
		return op.RateLimited
	case status >= 500:
		return op.Unavailable
	case has("limit", "quota") && has("exceed", "reached"):
		return op.QuotaExceeded
	case has("already exists", "already in use on your account", "duplicate"):
		return op.AlreadyExists
	case status == http.StatusConflict, has("powered", "must be off", "pending event", "already attached", "not attached", "in use", "with members", "currently", "locked"):
		return op.Conflict
	case status == http.StatusForbidden:
		return op.PermissionDenied
	}
	return op.InvalidArgument
}

// retryAfter is how long the API asks to wait: Retry-After, or the moment in
// ratelimit-reset, of the Unix epoch.
func retryAfter(h http.Header) time.Duration {
	if after := op.RetryAfter(h.Get("Retry-After")); after > 0 {
		return after
	}
	if at, err := strconv.ParseInt(h.Get("Ratelimit-Reset"), 10, 64); err == nil {
		return max(0, time.Until(time.Unix(at, 0)))
	}
	return 0
}

// list gets one page. The cursor is the page's number; key is where the answer
// has the items.
func list[T any](ctx context.Context, c *client, path string, query url.Values, key, cursor string) ([]T, string, error) {
	q := url.Values{"per_page": {strconv.Itoa(c.config.PageSize)}}
	for name, values := range query {
		q[name] = values
	}
	if cursor != "" {
		q.Set("page", cursor)
	}
	var answer map[string]json.RawMessage
	if err := c.do(ctx, http.MethodGet, path, q, nil, &answer); err != nil {
		return nil, "", err
	}
	var items []T
	if err := json.Unmarshal(answer[key], &items); err != nil {
		return nil, "", op.Errorf(op.Internal, "the answer's %s are not what the API's description says: %w", key, err)
	}
	var links struct {
		Pages struct {
			Next string `json:"next"`
		} `json:"pages"`
	}
	if raw := answer["links"]; raw != nil {
		if err := json.Unmarshal(raw, &links); err != nil {
			return nil, "", op.Errorf(op.Internal, "the answer's links: %w", err)
		}
	}
	if links.Pages.Next == "" {
		return items, "", nil
	}
	next, err := url.Parse(links.Pages.Next)
	if err != nil {
		return nil, "", op.Errorf(op.Internal, "the answer's links: %w", err)
	}
	return items, next.Query().Get("page"), nil
}

// every gets all pages of a list.
func every[T any](ctx context.Context, c *client, path string, query url.Values, key string) ([]T, error) {
	var all []T
	for cursor := ""; ; {
		items, next, err := list[T](ctx, c, path, query, key, cursor)
		if err != nil {
			return nil, err
		}
		if all = append(all, items...); next == "" {
			return all, nil
		}
		cursor = next
	}
}

// convert changes a page's items.
func convert[From, To any](from []From, f func(From) To) []To {
	to := make([]To, len(from))
	for i, v := range from {
		to[i] = f(v)
	}
	return to
}

// An action is something that takes time.
type action struct {
	ID     int    `json:"id"`
	Status string `json:"status"`
	Type   string `json:"type"`
}

// act begins an action and waits for its end.
func (c *client) act(ctx context.Context, path string, in any) error {
	var answer struct {
		Action action `json:"action"`
	}
	if err := c.do(ctx, http.MethodPost, path, nil, in, &answer); err != nil {
		return err
	}
	return c.finished(ctx, answer.Action)
}

func (c *client) finished(ctx context.Context, a action) error {
	var answer struct {
		Action action `json:"action"`
	}
	return op.Poll(ctx, 2*time.Second, func(ctx context.Context) (bool, error) {
		switch a.Status {
		case "completed":
			return true, nil
		case "errored":
			return false, op.Errorf(op.Conflict, "DigitalOcean's action %d, %s, failed; it does not say why", a.ID, a.Type)
		}
		err := c.do(ctx, http.MethodGet, "/v2/actions/"+strconv.Itoa(a.ID), nil, nil, &answer)
		a = answer.Action
		return false, err
	})
}

// number is the API's form of an id. What is no number is the id of nothing.
func number(what, id string) (int, error) {
	n, err := strconv.Atoi(id)
	if err != nil || n < 1 {
		return 0, op.Errorf(op.NotFound, "there is no %s %q", what, id)
	}
	return n, nil
}

// path joins parts of a path, ids among them, that need escaping.
func path(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/v2/" + strings.Join(parts, "/")
}

// gone gives a not_found error the words for what was not found: the API's
// own are the same for everything.
func gone(err error, what, id string) error {
	if op.KindOf(err) != op.NotFound {
		return err
	}
	e := *op.AsError(err)
	e.Message = fmt.Sprintf("there is no %s %q", what, id)
	return &e
}

// region is where to make something.
func (c *client) region(given string) string {
	if given != "" {
		return given
	}
	return c.config.Region
}

// words are tags as the API has them.
func words(tags map[string]string) ([]string, error) {
	list := []string{}
	for name, value := range tags {
		word := name
		if value != "" {
			word += ":" + value
		}
		if !isTag(word) || strings.Contains(name, ":") {
			return nil, op.Errorf(op.InvalidArgument, "tags: %q: DigitalOcean's tags are of letters, digits, \"_\" and \"-\", at most 255 with their values", word)
		}
		list = append(list, word)
	}
	slices.Sort(list)
	return list, nil
}

func isTag(word string) bool {
	return word != "" && len(word) <= 255 && !strings.ContainsFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(":_-", r)
	})
}

// tagsOf is the reverse.
func tagsOf(words []string) map[string]string {
	tags := map[string]string{}
	for _, w := range words {
		name, value, _ := strings.Cut(w, ":")
		tags[name] = value
	}
	return tags
}

// retag gives a resource other tags.
func (c *client) retag(ctx context.Context, kind, id string, have, want []string) error {
	resources := map[string]any{"resources": []map[string]string{{"resource_id": id, "resource_type": kind}}}
	for _, w := range want {
		if slices.Contains(have, w) {
			continue
		}
		// A tag is made before it is used; one that is there already is as good.
		if err := c.do(ctx, http.MethodPost, "/v2/tags", nil, map[string]string{"name": w}, nil); err != nil && op.KindOf(err) != op.AlreadyExists {
			return err
		}
		if err := c.do(ctx, http.MethodPost, path("tags", w, "resources"), nil, resources, nil); err != nil {
			return err
		}
	}
	for _, w := range have {
		if !slices.Contains(want, w) {
			if err := c.do(ctx, http.MethodDelete, path("tags", w, "resources"), nil, resources, nil); err != nil && op.KindOf(err) != op.NotFound {
				return err
			}
		}
	}
	return nil
}

// none refuses tags for what has none.
func none(tags map[string]string, what string) error {
	if len(tags) > 0 {
		return op.Errorf(op.InvalidArgument, "tags: DigitalOcean has none for %s", what)
	}
	return nil
}

// extraOf reads the argument extra.
func extraOf[T any](extra map[string]any) (T, error) {
	var v T
	data, err := json.Marshal(extra)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		err = d.Decode(&v)
	}
	if err != nil {
		return v, op.Errorf(op.InvalidArgument, "extra: %w", err)
	}
	return v, nil
}

// timestamp reads the API's times; what it does not say is unset.
func timestamp(s string) time.Time {
	t, _ := time.Parse(time.RFC3339, s)
	return t
}
