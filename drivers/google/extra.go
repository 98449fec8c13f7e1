package google

import (
	"maps"
	"reflect"
	"time"
)

// extras leaves out what is empty, so that extra holds what is to be said.
func extras(m map[string]any) map[string]any {
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil || reflect.ValueOf(v).IsZero() })
	return m
}

// when reads a time; what is none is no time.
func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}
