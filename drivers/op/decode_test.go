package op_test

import (
	"reflect"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestCheckOneArgument(t *testing.T) {
	typ := op.TypeOf(reflect.TypeFor[compute.ListNodes]())
	for _, c := range []struct {
		name string
		arg  any
		want string
	}{
		{"name", "web", ""},
		{"state", "running", ""},
		{"nmae", "web", `invalid argument: there is no argument "nmae"; did you mean name?`},
		{"name", 3, "invalid argument: name: want string, got 3"},
		{"state", "runing", `invalid argument: state: there is no "runing"; did you mean running?`},
	} {
		got := ""
		if err := typ.Check(c.name, c.arg); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s = %v: %q, want %q", c.name, c.arg, got, c.want)
		}
	}
}
