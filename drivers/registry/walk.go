package registry

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A walk is how far a list is that asks one repository after the other.
type walk struct {
	Left  []string // the repositories that are left of a page of them, the first of them from Token on
	Next  string   // the page of repositories after it
	Token string
}

// InRepositories lists what all repositories have, of providers that list it of
// one alone: each is asked by itself, one page after the other. repositories is a
// page of their names, and fetch a page of what is in one of them; one that is
// deleted in between has nothing.
func InRepositories[T any](ctx context.Context, repositories func(ctx context.Context, cursor string) (names []string, next string, err error),
	fetch func(ctx context.Context, repository, cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]T, string, error) {
		var at walk
		var err error
		if cursor == "" {
			at.Left, at.Next, err = repositories(ctx, "")
		} else if err = json.Unmarshal([]byte(cursor), &at); err != nil {
			err = op.Errorf(op.InvalidArgument, "%q is no place in this list: %w", cursor, err)
		}
		for err == nil && len(at.Left) == 0 && at.Next != "" {
			at.Left, at.Next, err = repositories(ctx, at.Next)
		}
		if err != nil || len(at.Left) == 0 {
			return nil, "", err
		}
		items, next, err := fetch(ctx, at.Left[0], at.Token)
		if op.KindOf(err) == op.NotFound {
			items, next, err = nil, "", nil
		}
		if at.Token = next; next == "" {
			at.Left = at.Left[1:]
		}
		if err != nil || len(at.Left) == 0 && at.Next == "" {
			return items, "", err
		}
		on, err := json.Marshal(at)
		return items, string(on), err
	})
}

// Called is the name of an image in a list: that with the first of its tags, or
// with the one that is looked for by its whole name; with the digest, if it has none.
func Called(repository, digest string, tags []string, wanted string) string {
	for _, tag := range tags {
		if name := repository + ":" + tag; name == wanted {
			return name
		}
	}
	if len(tags) > 0 {
		return repository + ":" + tags[0]
	}
	return repository + "@" + digest
}
