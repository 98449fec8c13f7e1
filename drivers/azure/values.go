package azure

import (
	"maps"
	"reflect"
	"time"
)

// value is what a pointer of the SDK's points to; none is the zero value.
func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

// text is a word of the SDK's, as an enumeration's.
func text[T ~string](p *T) string { return string(value(p)) }

// texts are the words of a list.
func texts(list []*string) []string {
	var all []string
	for _, s := range list {
		all = append(all, value(s))
	}
	return all
}

func pointer[T any](v T) *T { return &v }

// given is a pointer to v, or nil for its zero value, which leaves it to Azure.
func given[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

// when is a time in the form that all drivers answer with.
func when(t *time.Time) time.Time { return value(t).UTC() }

// extras leaves out what is empty, so that extra holds what is to be said.
func extras(m map[string]any) map[string]any {
	maps.DeleteFunc(m, func(_ string, v any) bool {
		r := reflect.ValueOf(v)
		return v == nil || r.IsZero() || r.Kind() == reflect.Slice && r.Len() == 0 || r.Kind() == reflect.Map && r.Len() == 0
	})
	return m
}

// Tags that the drivers keep. The token is that of the call that made something,
// by which a repeated call knows its own; the description is for what has no
// other place for one.
const (
	tokenTag       = "cloudlark-token"
	descriptionTag = "description"
)

// tagsFor are the tags of something new.
func tagsFor(tags map[string]string, description, token string) map[string]*string {
	all := map[string]*string{tokenTag: &token}
	for k, v := range tags {
		all[k] = &v
	}
	if description != "" {
		all[descriptionTag] = &description
	}
	return all
}

// tagsOf are the tags that are the user's own.
func tagsOf(tags map[string]*string) map[string]string {
	all := map[string]string{}
	for k, v := range tags {
		if k != tokenTag {
			all[k] = value(v)
		}
	}
	return all
}

// describedTags are the tags and the description of what has one.
func describedTags(tags map[string]*string) (own map[string]string, description string) {
	own = tagsOf(tags)
	description = own[descriptionTag]
	delete(own, descriptionTag)
	return own, description
}
