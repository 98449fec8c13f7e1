package op_test

import (
	"testing"

	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestWordings(t *testing.T) {
	w := op.Wordings{{op.Conflict, []string{"is in use", "busy"}}, {op.AlreadyExists, []string{"in use"}}}
	for message, want := range map[string]op.Kind{"It IS in use": op.Conflict, "name in use": op.AlreadyExists, "Busy": op.Conflict, "well": "", "": ""} {
		if got := w.KindOf(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}
