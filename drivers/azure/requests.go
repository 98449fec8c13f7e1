package azure

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// page is the page of a list at cursor, which is the link that the page before
// gave. items takes the page apart.
func page[R, T any](ctx context.Context, cursor string, pager *runtime.Pager[R], items func(R) ([]*T, *string)) ([]*T, string, error) {
	if cursor != "" {
		// A pager goes on from a page; all that it looks at is the link.
		before, err := json.Marshal(map[string]string{"nextLink": cursor})
		if err == nil {
			err = json.Unmarshal(before, pager)
		}
		if err == nil {
			_, err = pager.NextPage(ctx)
		}
		if err != nil {
			return nil, "", failed(err)
		}
	}
	out, err := pager.NextPage(ctx)
	if err != nil {
		return nil, "", failed(err)
	}
	list, next := items(out)
	return list, value(next), nil
}

// all is every item of a list, for what needs them together. A page that is
// refused is asked for again as far as the call may.
func all[T any](ctx context.Context, fetch func(ctx context.Context, cursor string) ([]*T, string, error)) ([]*T, error) {
	var list []*T
	for cursor := ""; ; {
		items, next, err := fetch(ctx, cursor)
		if err != nil {
			if transient(err) && op.TakeRetry(ctx) && pause(ctx, op.AsError(err).RetryAfter) {
				continue
			}
			return nil, err
		}
		list = append(list, items...)
		if next == "" {
			return list, nil
		}
		cursor = next
	}
}

func transient(err error) bool {
	k := op.KindOf(err)
	return k == op.RateLimited || k == op.Unavailable
}

// pause waits as long as the service asks for, and reports whether the call goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(max(d, 100*time.Millisecond)):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// get makes a request that answers at once. Its error is an [op.Error].
func get[T any](v T, err error) (T, error) {
	if err != nil {
		return v, failed(err)
	}
	return v, nil
}

// begin begins an operation, and returns what the service answers with when it
// has accepted it.
func begin[T, P any](ctx context.Context, start func(ctx context.Context) (*runtime.Poller[P], error)) (*T, error) {
	var answer *http.Response
	if _, err := start(policy.WithCaptureResponse(ctx, &answer)); err != nil {
		return nil, failed(err)
	}
	body, err := runtime.Payload(answer)
	if err != nil {
		return nil, failed(err)
	}
	v := new(T)
	if err := json.Unmarshal(body, v); err != nil {
		return nil, failed(err)
	}
	return v, nil
}

// start begins an operation whose result nobody waits for.
func start[P any](_ *runtime.Poller[P], err error) error { return failed(err) }

// remove begins a deletion. Azure is content when there is nothing to delete;
// the contract is not.
func remove[P any](ctx context.Context, what string, r ref, start func(ctx context.Context) (*runtime.Poller[P], error)) error {
	var answer *http.Response
	if _, err := start(policy.WithCaptureResponse(ctx, &answer)); err != nil {
		return failed(err)
	}
	if answer.StatusCode == http.StatusNoContent {
		return op.Errorf(op.NotFound, "there is no %s %s", what, r)
	}
	return nil
}

// wait sees an operation through, where the next step needs its end.
func wait[P any](ctx context.Context, start func(ctx context.Context) (*runtime.Poller[P], error)) (P, error) {
	poller, err := start(ctx)
	if err != nil {
		return *new(P), failed(err)
	}
	err = op.Poll(ctx, 4*time.Second, func(ctx context.Context) (bool, error) {
		if poller.Done() {
			return true, nil
		}
		_, err := poller.Poll(ctx)
		if err = failed(err); transient(err) && op.TakeRetry(ctx) {
			return false, nil
		}
		return poller.Done(), err
	})
	if err != nil {
		return *new(P), failed(err)
	}
	return get(poller.Result(ctx))
}

// create makes a resource. Azure's requests to make something change what is
// there already, so it is looked for first: what an attempt of the same call
// made is the answer, and what anybody else made is in the way.
func create[T any](ctx context.Context, m *manager, what string, r ref, token string, find func() (*T, map[string]*string, error), put func() (*T, error)) (*T, error) {
	release, err := m.creating.hold(ctx, what+" "+r.String())
	if err != nil {
		return nil, err
	}
	defer release()
	have, tags, err := find()
	switch err = failed(err); {
	case err == nil && token != "" && value(tags[tokenTag]) == token:
		return have, nil
	case err == nil:
		return nil, op.Errorf(op.AlreadyExists, "there is a %s %s already", what, r)
	case op.KindOf(err) != op.NotFound:
		return nil, err
	}
	return put()
}

// halfMade is the error of something that was begun and did not come: what is
// there of it, if it is this call's, is removed.
func halfMade(ctx context.Context, what string, r ref, token string, cause error, find func(ctx context.Context) (map[string]*string, error), remove func(ctx context.Context) error) error {
	ctx, cancel := undo(ctx)
	defer cancel()
	tags, missing := find(ctx)
	if missing != nil || value(tags[tokenTag]) != token {
		return cause
	}
	if err := remove(ctx); err != nil && op.KindOf(err) != op.NotFound {
		e := *op.AsError(cause)
		e.Message += "; what was made of the " + what + " " + r.String() + " could not be removed: " + op.AsError(err).Message
		return &e
	}
	return cause
}
