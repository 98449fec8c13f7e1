package google

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A filter is what Google Compute Engine is asked to filter by, which spares
// pages: what is let through is filtered again. Values that no resource can
// have are left to that.
type filter []string

func (f *filter) is(field, value string) {
	if value != "" && plain(value) {
		*f = append(*f, fmt.Sprintf("(%s = %q)", field, value))
	}
}

func (f *filter) tagged(name string, tags map[string]string) {
	f.is("name", name)
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		if plain(k) {
			f.is("labels."+k, tags[k])
		}
	}
}

func (f filter) String() string { return strings.Join(f, " ") }

// unreachable is the error of a list that lacks what is in places that could
// not be asked. A list must not pass over them: who deletes what is not in it
// would delete too much.
func unreachable(what string, places []string) error {
	if len(places) == 0 {
		return nil
	}
	for i, p := range places {
		places[i] = base(p)
	}
	slices.Sort(places)
	return op.Errorf(op.Unavailable, "the %s in %s cannot be listed now: with location, those of other places can", what, strings.Join(slices.Compact(places), ", "))
}

// scoped yields the parts of an aggregated list in the order of their places,
// which is the order of the pages.
func scoped[T any](items map[string]T) func(yield func(place string, list T) bool) {
	return func(yield func(string, T) bool) {
		for _, place := range slices.Sorted(maps.Keys(items)) {
			if !yield(place, items[place]) {
				return
			}
		}
	}
}

// silent is the code of the warning that a place could not be asked.
const silent = "UNREACHABLE"

// pages is [op.Pages] for the lists of the session's project.
func pages[T any](ctx context.Context, s *session, fetch func(ctx context.Context, project, cursor string) (items []T, next string, err error)) iter.Seq2[T, error] {
	return op.Pages(ctx, func(ctx context.Context, cursor string) ([]T, string, error) {
		project, err := s.project(ctx)
		if err != nil {
			return nil, "", err
		}
		return fetch(ctx, project, cursor)
	})
}
