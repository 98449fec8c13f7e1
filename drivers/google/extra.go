package google

import (
	"maps"
	"reflect"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// extras leaves out what is empty, so that extra holds what is to be said.
func extras(m map[string]any) map[string]any {
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil || reflect.ValueOf(v).IsZero() })
	return m
}

// extraOf decodes the argument extra; a name that is not E's is an error.
func extraOf[E any](extra map[string]any) (E, error) {
	v, err := op.TypeOf(reflect.TypeFor[E]()).Decode(extra, nil)
	if err != nil {
		return *new(E), op.Errorf(op.InvalidArgument, "extra: %s", op.AsError(err).Message)
	}
	return v.(E), nil
}

// when reads a time; what is none is no time.
func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
